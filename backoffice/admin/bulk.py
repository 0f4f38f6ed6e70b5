"""Bulk actions over HTTP: asked for, confirmed with their counts, done in one transaction.

The same POST serves all three steps. It carries the ticked `pks`, or `scope=all` beside the list's own
query; without `confirm=1` (or with something missing) it answers the confirmation page.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from wtforms import Form, StringField, validators

from backoffice.admin.cells import key_of
from backoffice.admin.forms import bound
from backoffice.admin.origin import here
from backoffice.admin.pages import ConfirmPage, Flash, RefusedCount
from backoffice.admin.request import flash, see_other, submitted
from backoffice.admin.sample_table import SampleTable, sample_table
from backoffice.admin.saving import place
from backoffice.admin.selecting import Selected, frozen, selected_by
from backoffice.errors import BadInput, NotAllowed, NotFound
from backoffice.jobs import BULK, Work, parts_of, submit
from backoffice.operations import (
    BulkVerb,
    Counts,
    NamedVerb,
    preview,
    run,
)
from backoffice.operations.sample import sample
from models import Base, Job

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

    def form_class(self, view: "View", request: Request) -> type[Form]:
        """The form that asks this person for what the verb needs."""
        return form_class_of(self.fields)

    def is_answered(self, request: Request) -> bool:
        """Whether the form was sent, and not merely the rows."""
        return all(name in submitted(request) for name in self.fields)

    def boxed(self, form: Form) -> Sequence[str]:
        """The fields that have a box each, which says whether they count."""
        return ()

    def chosen(self, form: Form) -> Mapping[str, Any]:
        """What was chosen in a valid form, by the names that the verb knows."""
        return {name: form[name].data for name in self.fields}


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
    selected = await selected_by(site, view, request)
    if not action.is_allowed(view, request, rows=selected.rows):
        raise NotAllowed(f"You are not allowed to do this: {action.label.lower()}.")
    form = await bound(view, request, action.form_class(view, request))
    asked = Question(site, view, request, action, selected, form)
    if not action.is_answered(request):
        return _ask(asked, is_ready=False)
    if not form.validate():
        return _ask(asked, is_ready=False, status_code=400)
    try:
        verb = await _verb(asked).make(request.state.session, _values(asked))
    except BadInput as error:
        return _ask(asked, is_ready=False, errors=place(form, error), status_code=400)
    if not submitted(request).get("confirm") or _is_another_choice(asked):
        return await _confirm(asked, verb)
    if action.confirm_word and submitted(request).get("word") != action.confirm_word:
        return await _confirm(asked, verb, f"Type {action.confirm_word} to confirm.", status_code=400)
    return await _do(asked, verb)


async def _do(asked: Question, verb: BulkVerb) -> Response:
    request, action = asked.request, asked.action
    change = request.state.change
    change.reason = asked.form["reason"].data or None
    change.selection = asked.selected.words
    change.parameters = {name: _in_words(value) for name, value in action.chosen(asked.form).items()}
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
    if page is not None and page.may(request, "details"):
        return see_other(page.url("details", job.id))
    flash(request, Flash(f"{len(ids):,} {view.noun(len(ids))} are worked on beside the desk.", level="info"))
    return see_other(_back(view, request))


def _verb(asked: Question) -> NamedVerb:
    return asked.site.verbs[f"{asked.view.identity}.{asked.action.slug}"]


def _values(asked: Question) -> dict[str, Any]:
    """What was chosen in the action's own fields, as JSON."""
    return {name: _as_json(value) for name, value in asked.action.chosen(asked.form).items()}


def _is_another_choice(asked: Question) -> bool:
    """Whether a confirmation was sent with other values than it was about."""
    previewed = submitted(asked.request).get("previewed")
    return previewed is not None and previewed != _digest(_values(asked))


def _digest(values: Mapping[str, Any]) -> str:
    return sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def _action(view: "View", slug: str) -> BulkAction:
    for action in view.bulk_actions:
        if action.slug == slug:
            return action
    raise NotFound("There is no such action.")


def form_class_of(fields: Mapping[str, Any], base: type[Form] = Form) -> type[Form]:
    """A form of these fields, and of what every action asks for."""
    reason = StringField(
        "Reason", [validators.Length(max=500)], description="Optional; kept with the operation."
    )
    return type("BulkForm", (base,), {**fields, "reason": reason})


async def _confirm(asked: Question, verb: BulkVerb, *errors: str, status_code: int = 200) -> Response:
    """The page that asks whether to do it, about the rows that match now and no others."""
    asked = replace(asked, selected=await frozen(asked.view, asked.request, asked.selected))
    counts = await preview(asked.request.state.session, verb, asked.selected.selection)
    shown = await _sample(asked, verb, counts)
    return _ask(asked, counts, sample=shown, errors=errors, status_code=status_code)


async def _sample(asked: Question, verb: BulkVerb, counts: Counts) -> SampleTable | None:
    """What becomes of some of the rows; nothing where nothing becomes of any."""
    found = await sample(asked.request.state.session, verb, asked.selected.selection)
    return await sample_table(asked.site, asked.view, asked.request, found, counts.changed)


def _ask(
    asked: Question,
    counts: Counts | None = None,
    *,
    is_ready: bool = True,
    sample: SampleTable | None = None,
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
        hidden=[*asked.selected.hidden, *(_confirming(asked) if is_ready else [])],
        confirm_word=action.confirm_word,
        is_danger=action.is_danger,
        is_ready=is_ready,
        sample=sample,
        boxed=asked.action.boxed(asked.form),
        errors=errors,
    )
    return asked.site.render(asked.request, "confirm.html", page, status_code=status_code)


def _confirming(asked: Question) -> list[tuple[str, str]]:
    """What the form says when it is sent: that it was asked, and about what."""
    return [("confirm", "1"), ("previewed", _digest(_values(asked)))]


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
