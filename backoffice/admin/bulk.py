"""Bulk actions over HTTP: asked for, confirmed with their counts, done in one transaction.

The same POST serves all three steps. It carries the ticked `pks`, or `scope=all` beside the list's own
query; without `confirm=1` (or with something missing) it answers the confirmation page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import UUID

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from wtforms import Form, StringField, validators

from backoffice.admin.cells import key_of
from backoffice.admin.filtered import filtered_query
from backoffice.admin.forms import bound
from backoffice.admin.origin import here
from backoffice.admin.pages import ConfirmPage, Flash, RefusedCount
from backoffice.admin.request import current_user, flash, see_other, submitted
from backoffice.database import INCLUDE_TRASHED
from backoffice.errors import BadInput, Conflict, NotAllowed, NotFound
from backoffice.jobs import BULK, Work, parts_of, submit
from backoffice.operations import (
    BulkVerb,
    Counts,
    NamedVerb,
    Selection,
    chosen,
    find_frozen,
    freeze,
    keys,
    preview,
    run,
)
from models import Base, FrozenSelection, Job

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View


@dataclass(frozen=True, kw_only=True)
class BulkAction:
    """A verb that the list, and a record's own page, offer.

    The site knows the verb by the page's identity and the slug: `ticket.assign`. `done` completes
    "3 tickets …". `fields` are WTForms fields by name; the verb gets what was chosen in them, as JSON.
    """

    slug: str
    label: str
    done: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    icon: str = ""
    is_danger: bool = False
    #: Offered for rows in the trash, instead of live ones.
    on_trash: bool = False
    on_record: bool = False
    #: A word that must be typed before it runs.
    confirm_word: str = ""
    can_undo: bool = True
    #: The grant that it takes; by default `action:<slug>`.
    grant: str = ""
    #: A grant that is enough for a single row.
    single_grant: str = ""

    def is_allowed(self, view: "View", request: Request, *, rows: int | None) -> bool:
        """Whether the one who asks may do this to so many rows (None: all that match)."""
        if view.may(request, self.grant or f"action:{self.slug}"):
            return True
        return rows == 1 and bool(self.single_grant) and view.may(request, self.single_grant)


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


@dataclass(frozen=True)
class Question:
    """One request for an action on a selection."""

    site: "AdminSite"
    view: "View"
    request: Request
    action: BulkAction
    selected: Selected
    form: Form


async def bulk(site: "AdminSite", view: "View", request: Request) -> Response:
    """Answer the confirmation page, or do it and go back to the list."""
    action = _action(view, request.path_params["verb"])
    selected = await _selected(site, view, request)
    if not action.is_allowed(view, request, rows=selected.rows):
        raise NotAllowed(f"You are not allowed to do this: {action.label.lower()}.")
    form = await bound(view, request, _form_class(action))
    asked = Question(site, view, request, action, selected, form)
    if not all(name in submitted(request) for name in action.fields):
        return _ask(asked, is_ready=False)
    if not form.validate():
        return _ask(asked, is_ready=False, status_code=400)
    verb = await _verb(asked).make(request.state.session, _values(asked))
    if not submitted(request).get("confirm"):
        return await _confirm(asked, verb)
    if action.confirm_word and submitted(request).get("word") != action.confirm_word:
        return await _confirm(asked, verb, f"Type {action.confirm_word} to confirm.", status_code=400)
    return await _do(asked, verb)


async def _do(asked: Question, verb: BulkVerb) -> Response:
    request, action = asked.request, asked.action
    change = request.state.change
    change.reason = asked.form["reason"].data or None
    change.selection = asked.selected.words
    change.parameters = {name: _in_words(asked.form[name].data) for name in action.fields}
    if (ids := await _for_a_job(asked)) is not None:
        return await _submit(asked, ids)
    counts = await run(request.state.session, verb, asked.selected.selection)
    flash(request, _report(asked.site, asked.view, action, counts, request))
    response = see_other(_back(asked.view, request))
    if (follow_up := _verb(asked).afterwards) is not None:
        site = asked.site
        response.background = BackgroundTask(follow_up, site.factory, site.settings, change.operation_id)
    return response


async def _for_a_job(asked: Question) -> Sequence[int] | None:
    """The keys of what is selected, if it is more than a request does by itself; otherwise None."""
    settings = asked.site.settings
    at_once = min(settings.rows_at_once, settings.approval_rows or settings.rows_at_once)
    if asked.selected.is_frozen and len(asked.selected.keys) <= at_once:
        return None
    ids = list(await asked.request.state.session.scalars(asked.selected.selection))
    return ids if len(ids) > at_once else None


async def _submit(asked: Question, ids: Sequence[int]) -> Response:
    """Make a job of it, and lead to the page that shows how far it is."""
    site, view, request = asked.site, asked.view, asked.request
    needs_approval = 0 < site.settings.approval_rows < len(ids)
    work = Work(
        kind=BULK,
        page=view.identity,
        title=asked.action.label,
        parts=[*parts_of(view.model.__tablename__, ids)],
        parameters={"verb": request.state.change.verb, "values": _values(asked)},
        in_words=request.state.change.parameters,
    )
    job = await submit(request.state.session, work, needs_approval=needs_approval)
    page = site.view_of(Job)
    return see_other(page.url("details", job.id) if page is not None else _back(view, request))


def _verb(asked: Question) -> NamedVerb:
    return asked.site.verbs[f"{asked.view.identity}.{asked.action.slug}"]


def _values(asked: Question) -> dict[str, Any]:
    """What was chosen in the action's own fields, as JSON."""
    return {name: _as_json(asked.form[name].data) for name in asked.action.fields}


def _action(view: "View", slug: str) -> BulkAction:
    for action in view.bulk_actions:
        if action.slug == slug:
            return action
    raise NotFound("There is no such action.")


async def _selected(site: "AdminSite", view: "View", request: Request) -> Selected:
    form = submitted(request)
    if form.get("scope") != "all":
        return _ticked(view, request)
    if form.get("confirm") and form.get("selection"):
        return await _frozen(view, request, str(form["selection"]))
    return await _matching(site, view, request)


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


async def _frozen(view: "View", request: Request, name: str) -> Selected:
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


def _form_class(action: BulkAction) -> type[Form]:
    reason = StringField(
        "Reason", [validators.Length(max=500)], description="Optional; kept with the operation."
    )
    return type("BulkForm", (Form,), {**action.fields, "reason": reason})


async def _confirm(asked: Question, verb: BulkVerb, *errors: str, status_code: int = 200) -> Response:
    """The page that asks whether to do it, about the rows that match now and no others."""
    session, selected = asked.request.state.session, asked.selected
    if not selected.is_frozen:
        kept = await freeze(
            session,
            selected.selection,
            user_id=current_user(asked.request).id,
            table_name=asked.view.model.__tablename__,
            words=selected.words,
        )
        asked = replace(asked, selected=_kept(asked.view, asked.request, kept))
    counts = await preview(session, verb, asked.selected.selection)
    return _ask(asked, counts, errors=errors, status_code=status_code)


def _ask(
    asked: Question,
    counts: Counts | None = None,
    *,
    is_ready: bool = True,
    errors: Sequence[str] = (),
    status_code: int = 200,
) -> Response:
    """The page that asks for what is missing, and then whether to do it."""
    counts = counts or Counts()
    action = asked.action
    page = ConfirmPage(
        title=action.label,
        verb=action.label,
        selection=asked.selected.words,
        changed=counts.changed,
        unchanged=counts.unchanged,
        refused=[RefusedCount(reason, count) for reason, count in counts.refused.items()],
        form=asked.form,
        action_url=here(asked.request),
        cancel_url=_back(asked.view, asked.request),
        hidden=[*asked.selected.hidden, *([("confirm", "1")] if is_ready else [])],
        confirm_word=action.confirm_word,
        is_danger=action.is_danger,
        is_ready=is_ready,
        errors=errors,
    )
    return asked.site.render(asked.request, "confirm.html", page, status_code=status_code)


def _report(site: "AdminSite", view: "View", action: BulkAction, counts: Counts, request: Request) -> Flash:
    parts = [f"{counts.changed:,} {view.noun(counts.changed)} {action.done}."]
    if counts.unchanged:
        parts.append(f"{counts.unchanged:,} already so.")
    parts += [f"{count:,} refused: {reason}." for reason, count in counts.refused.items()]
    undo = f"{site.base_url}/operation/{request.state.change.operation_id}/undo"
    return Flash(
        " ".join(parts),
        level="success" if counts.changed else "info",
        undo_url=undo if counts.changed and action.can_undo else "",
    )


def _as_json(value: Any) -> Any:
    """A form's data as JSON has it: a record is its key."""
    if isinstance(value, list | tuple):
        return [_as_json(one) for one in value]
    if isinstance(value, Base):
        return key_of(value)
    return value.value if isinstance(value, Enum) else value


def _in_words(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_in_words(one) for one in value]
    return value if value is None or isinstance(value, bool | int) else str(value)


def _back(view: "View", request: Request) -> str:
    """The list as it was; what was selected may be on another page now, so from its first."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "page"]
    return f"{view.url('list')}?{urlencode(kept)}" if kept else view.url("list")
