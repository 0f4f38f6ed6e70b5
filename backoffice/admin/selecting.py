"""Which rows a bulk action is about: those that are ticked, or all that match, frozen when counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from starlette.requests import Request

from backoffice.admin.filtered import filtered_query
from backoffice.admin.request import current_user, submitted
from backoffice.database import INCLUDE_TRASHED
from backoffice.errors import BadInput, Conflict
from backoffice.operations import Selection, chosen, find_frozen, freeze, keys
from models import FrozenSelection

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View


@dataclass(frozen=True)
class Selected:
    """What an action is asked to change, and how to say so.

    `hidden` are the fields by which a form asks for the same rows again.
    """

    selection: Selection
    words: str
    hidden: Sequence[tuple[str, str]]
    #: None: all that match.
    rows: int | None
    #: Those of the rows that were counted, or ticked.
    keys: Sequence[int] = ()
    #: Whether these are the rows that were counted, and no others.
    is_frozen: bool = True


async def selected_by(site: "AdminSite", view: "View", request: Request) -> Selected:
    """The rows that the form asks for; those that were counted, if it confirms that."""
    form = submitted(request)
    if form.get("scope") != "all":
        return _ticked(view, request)
    if form.get("confirm") and form.get("selection"):
        return await _kept_as(view, request, str(form["selection"]))
    return await _matching(site, view, request)


async def frozen(view: "View", request: Request, selected: Selected) -> Selected:
    """The same rows, but those that match now and no others."""
    if selected.is_frozen:
        return selected
    kept = await freeze(
        request.state.session,
        selected.selection,
        user_id=current_user(request).id,
        table_name=view.model.__tablename__,
        words=selected.words,
    )
    return _kept(view, request, kept)


def _ticked(view: "View", request: Request) -> Selected:
    ticked = keys(str(value) for value in submitted(request).getlist("pks"))
    if not ticked:
        raise BadInput("Nothing is ticked. Tick the rows that you mean, and try again.")
    words = f"{len(ticked):,} ticked {view.noun(len(ticked))}"
    hidden = [("pks", str(key)) for key in ticked]
    return Selected(_of_these(view, request, ticked), words, hidden, len(ticked), ticked)


async def _matching(site: "AdminSite", view: "View", request: Request) -> Selected:
    """All that match now, but for those that were taken out one by one."""
    filtered = await filtered_query(site, view, request)
    selection = filtered.statement.with_only_columns(view.key).order_by(None)
    words = filtered.words
    if excepted := _excepted(request):
        selection = selection.where(view.key.not_in(chosen(excepted)))
        words += f", but for {len(excepted):,} of them"
    selection = selection.execution_options(**INCLUDE_TRASHED)
    return Selected(selection, words, _asking_for_all(request), None, is_frozen=False)


def _excepted(request: Request) -> list[int]:
    return keys(str(value) for value in submitted(request).getlist("except"))


def _asking_for_all(request: Request) -> list[tuple[str, str]]:
    return [("scope", "all"), *(("except", str(key)) for key in _excepted(request))]


async def _kept_as(view: "View", request: Request, name: str) -> Selected:
    """The rows that the confirmation counted."""
    kept = await find_frozen(
        request.state.session,
        _uuid(name),
        user_id=current_user(request).id,
        table_name=view.model.__tablename__,
    )
    if kept is None:
        raise Conflict("This question is too old to be answered. Go back to the list, and ask again.")
    return _kept(view, request, kept)


def _kept(view: "View", request: Request, kept: FrozenSelection) -> Selected:
    hidden = [*_asking_for_all(request), ("selection", str(kept.id))]
    return Selected(_of_these(view, request, kept.record_ids), kept.words, hidden, None, kept.record_ids)


def _of_these(view: "View", request: Request, ids: Sequence[int]) -> Selection:
    rows = view.rows(current_user(request)).with_only_columns(view.key).where(view.key.in_(chosen(ids)))
    return rows.execution_options(**INCLUDE_TRASHED)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise BadInput("There is no such question.") from None
