"""Bulk actions over HTTP: asked for, confirmed with their counts, done in one transaction.

The same POST serves all three steps. It carries the ticked `pks`, or `scope=all` beside the list's own
query; without `confirm=1` (or with something missing) it answers the confirmation page.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from wtforms import Form, StringField, validators

from backoffice.admin.filtered import filtered_query
from backoffice.admin.forms import bound
from backoffice.admin.origin import here
from backoffice.admin.pages import ConfirmPage, Flash, RefusedCount
from backoffice.admin.request import flash, see_other, submitted
from backoffice.audit.context import Change
from backoffice.database import INCLUDE_TRASHED
from backoffice.errors import BadInput, NotAllowed, NotFound
from backoffice.operations import BulkVerb, Counts, Selection, chosen, keys, preview, run

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View

#: Makes the verb from what was chosen in the action's own fields.
VerbMaker = Callable[[Mapping[str, Any]], BulkVerb]


@dataclass(frozen=True, kw_only=True)
class BulkAction:
    """A verb that the list, and a record's own page, offer.

    `done` completes "3 tickets …". `fields` are WTForms fields by name, whose data `verb` gets.
    """

    slug: str
    label: str
    done: str
    verb: VerbMaker
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
    #: Runs after the commit and the answer.
    afterwards: Callable[["AdminSite", Change], Awaitable[None]] | None = None

    def is_allowed(self, view: "View", request: Request, *, rows: int | None) -> bool:
        """Whether the one who asks may do this to so many rows (None: all that match)."""
        if view.may(request, self.grant or f"action:{self.slug}"):
            return True
        return rows == 1 and bool(self.single_grant) and view.may(request, self.single_grant)


@dataclass(frozen=True)
class Selected:
    """What an action is asked to change, and how to say so."""

    selection: Selection
    words: str
    hidden: Sequence[tuple[str, str]]
    rows: int | None


async def bulk(site: "AdminSite", view: "View", request: Request) -> Response:
    """Answer the confirmation page, or do it and go back to the list."""
    action = _action(view, request.path_params["verb"])
    selected = await _selected(site, view, request)
    if not action.is_allowed(view, request, rows=selected.rows):
        raise NotAllowed(f"You are not allowed to do this: {action.label.lower()}.")
    form = await bound(view, request, _form_class(action))
    if not all(name in submitted(request) for name in action.fields):
        return _confirm(site, view, request, action, selected, form, is_ready=False)
    if not form.validate():
        return _confirm(site, view, request, action, selected, form, is_ready=False, status_code=400)
    verb = action.verb(form.data)
    if not submitted(request).get("confirm"):
        counts = await preview(request.state.session, verb, selected.selection)
        return _confirm(site, view, request, action, selected, form, counts)
    return await _do(site, view, request, action, selected, form, verb)


async def _do(
    site: "AdminSite",
    view: "View",
    request: Request,
    action: BulkAction,
    selected: Selected,
    form: Form,
    verb: BulkVerb,
) -> Response:
    answers = submitted(request)
    if action.confirm_word and answers.get("word") != action.confirm_word:
        counts = await preview(request.state.session, verb, selected.selection)
        missing = f"Type {action.confirm_word} to confirm."
        return _confirm(
            site, view, request, action, selected, form, counts, errors=[missing], status_code=400
        )
    change = request.state.change
    change.reason = form["reason"].data or None
    change.selection = selected.words
    change.parameters = {name: _in_words(form[name].data) for name in action.fields}
    counts = await run(request.state.session, verb, selected.selection)
    if answers.get("expected", _signature(counts)) != _signature(counts):
        changed = "Rows have changed since you were asked. Nothing was done: look at the counts again."
        return _confirm(
            site, view, request, action, selected, form, counts, errors=[changed], status_code=409
        )
    flash(request, _report(site, view, action, counts, request))
    response = see_other(_back(view, request))
    if action.afterwards is not None:
        response.background = BackgroundTask(action.afterwards, site, change)
    return response


def _action(view: "View", slug: str) -> BulkAction:
    for action in view.bulk_actions:
        if action.slug == slug:
            return action
    raise NotFound("There is no such action.")


async def _selected(site: "AdminSite", view: "View", request: Request) -> Selected:
    form = submitted(request)
    if form.get("scope") == "all":
        filtered = await filtered_query(site, view, request)
        selection = filtered.statement.with_only_columns(view.key).order_by(None)
        return Selected(
            selection.execution_options(**INCLUDE_TRASHED), filtered.words, [("scope", "all")], None
        )
    ticked = keys(str(value) for value in form.getlist("pks"))
    if not ticked:
        raise BadInput("Nothing is ticked. Tick the rows that you mean, and try again.")
    selection = view.rows(request.state.user).with_only_columns(view.key).where(view.key.in_(chosen(ticked)))
    words = f"{len(ticked):,} ticked {view.noun(len(ticked))}"
    hidden = [("pks", str(key)) for key in ticked]
    return Selected(selection.execution_options(**INCLUDE_TRASHED), words, hidden, len(ticked))


def _form_class(action: BulkAction) -> type[Form]:
    reason = StringField(
        "Reason", [validators.Length(max=500)], description="Optional; kept with the operation."
    )
    return type("BulkForm", (Form,), {**action.fields, "reason": reason})


def _confirm(
    site: "AdminSite",
    view: "View",
    request: Request,
    action: BulkAction,
    selected: Selected,
    form: Form,
    counts: Counts | None = None,
    *,
    is_ready: bool = True,
    errors: Sequence[str] = (),
    status_code: int = 200,
) -> Response:
    """The page that asks, once what is missing is chosen, whether to do it."""
    counts = counts or Counts()
    answers = [("confirm", "1"), ("expected", _signature(counts))] if is_ready else []
    page = ConfirmPage(
        title=action.label,
        verb=action.label,
        selection=selected.words,
        changed=counts.changed,
        unchanged=counts.unchanged,
        refused=[RefusedCount(reason, count) for reason, count in counts.refused.items()],
        form=form,
        action_url=here(request),
        cancel_url=_back(view, request),
        hidden=[*selected.hidden, *answers],
        confirm_word=action.confirm_word,
        is_danger=action.is_danger,
        is_ready=is_ready,
        errors=errors,
    )
    return site.render(request, "confirm.html", page, status_code=status_code)


def _signature(counts: Counts) -> str:
    """What the confirmation promised, to be compared with what is about to be committed."""
    return f"{counts.changed}-{counts.unchanged}-{sum(counts.refused.values())}"


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


def _in_words(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_in_words(one) for one in value]
    return value if value is None or isinstance(value, bool | int) else str(value)


def _back(view: "View", request: Request) -> str:
    """The list as it was; what was selected may be on another page now, so from its first."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "page"]
    return f"{view.url('list')}?{urlencode(kept)}" if kept else view.url("list")
