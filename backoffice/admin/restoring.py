"""Restoring fields of a record as they were at a moment: asked first, then saved by the rules of its form."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import inspect
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from wtforms.form import BaseForm

from backoffice.admin.cells import title_of
from backoffice.admin.drafts import Draft, as_json, terms_in
from backoffice.admin.editing import load_to_edit, lock_record
from backoffice.admin.fields import Terms, as_sent, as_text, is_kept
from backoffice.admin.forms import record_form, shown
from backoffice.admin.pages import Flash
from backoffice.admin.past import Subject, find_family, find_subject, parse_moment
from backoffice.admin.past_addresses import past_url
from backoffice.admin.past_facts import source_of, stand_in
from backoffice.admin.past_pages import Restored, RestorePage
from backoffice.admin.picker_fields import GONE
from backoffice.admin.request import current_user, flash, see_other, submitted
from backoffice.admin.restorable import restorable_names
from backoffice.admin.saving import save
from backoffice.audit.past import Image, Past, cutoff_at, past_before
from backoffice.audit.past.images import Unknown
from backoffice.audit.past.obstacles import taken_values
from backoffice.errors import BackofficeError, BadInput, NotFound

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View

NOTHING_TICKED: Final = "Nothing is ticked. Tick the fields that you mean, and try again."
CHANGED_SINCE: Final = "Somebody changed what you are about to restore. Nothing was done: look at it again."
NOTHING_LEFT: Final = "Nothing of this can be restored any more, or all of it is so already."
_ERASED: Final = "its value was erased"
_UNKNOWN: Final = "its value is not known"


@dataclass(frozen=True)
class Restoration:
    """The fields that were ticked, in terms (see `fields`): when the page was shown, now, and then."""

    form: BaseForm
    base: Mapping[str, Terms]
    now: Mapping[str, Terms]
    then: Mapping[str, Terms]
    refused: Mapping[str, str]

    @property
    def names(self) -> list[str]:
        """What would change."""
        ticked = (name for name in self.then if name not in self.refused)
        return [name for name in ticked if self.then[name] != self.now[name]]

    @property
    def contested(self) -> list[str]:
        """What somebody else has changed since the page was shown."""
        return [name for name in self.names if self.base[name] != self.now[name]]


async def restore_version(site: "AdminSite", view: "View", request: Request) -> Response:
    """Ask whether the ticked fields shall be as they were; with `confirm`, make them so."""
    view.require(request, "edit")
    await lock_record(view, request)
    subject = await find_subject(view, request)
    if subject.record is None:
        raise NotFound(f"This {view.noun(1)} was deleted forever. Bring it back first.")
    record = await load_to_edit(view, request)
    past = await _past(view, request, subject)
    wanted = await _restoration(view, request, record, past)
    page = _page(view, request, record, past, wanted)
    is_confirmed = "confirm" in submitted(request)
    if not is_confirmed:
        return site.render(request, "restore.html", page)
    if wanted.contested:
        page = replace(page, errors=[CHANGED_SINCE])
        return site.render(request, "restore.html", page, status_code=409)
    return await _save(site, view, request, record, past, wanted, page)


async def _save(
    site: "AdminSite",
    view: "View",
    request: Request,
    record: Any,
    past: Past,
    wanted: Restoration,
    page: RestorePage,
) -> Response:
    if not wanted.names:
        return site.render(request, "restore.html", replace(page, errors=[NOTHING_LEFT]), status_code=409)
    try:
        await save(view, request, record, _values(view, past.image, wanted, record), is_new=False)
    except BackofficeError as error:
        page = replace(page, errors=[str(error)])
        return site.render(request, "restore.html", page, status_code=error.status_code)
    return _done(site, view, request, record, past, wanted)


def _done(
    site: "AdminSite", view: "View", request: Request, record: Any, past: Past, wanted: Restoration
) -> Response:
    change = request.state.change
    change.verb = f"{view.identity}.restore-version"
    change.selection = f"{view.noun(1)} {title_of(record)}"
    labels = [wanted.form[name].label.text for name in wanted.names]
    change.parameters = {"as_of": past.cutoff.at.isoformat(), "fields": labels}
    flash(
        request,
        Flash(
            f"Restored {', '.join(labels)} of {title_of(record)}.",
            undo_url=f"{site.base_url}/operation/{change.operation_id}/undo",
        ),
    )
    return see_other(view.url("details", past.family.record_id))


async def _past(view: "View", request: Request, subject: Subject) -> Past:
    """The record as it was at the moment that the form names; NotFound where it was not there."""
    raw = submitted(request).get("at", "")
    at = parse_moment(raw if isinstance(raw, str) else "", current_user(request).time_zone)
    family = await find_family(view, request, subject)
    session = request.state.session
    past = await past_before(session, family, await cutoff_at(session, family, at))
    if past is None or not past.image.is_there:
        raise NotFound(f"At that moment this {view.noun(1)} was not there.")
    return past


async def _restoration(view: "View", request: Request, record: Any, past: Past) -> Restoration:
    sent = submitted(request)
    now = shown(view, request, record)
    asked = {str(name) for name in sent.getlist("fields")}
    ticked = asked & restorable_names(view, request, record) & now.keys()
    known = [name for name in now if name in ticked and source_of(view.model, name)]
    if not known:
        raise BadInput(NOTHING_TICKED)
    base = terms_in(sent, "base", now)
    image = past.image
    unknown = {name: _why(image, source_of(view.model, name)) for name in known}
    then = await _then(view, request, past, [name for name in known if not unknown[name]])
    form = await record_form(view, request, record, _sent(now, then), also={**now, **then})
    refused = {name: why for name, why in unknown.items() if why}
    refused |= await _refusals(view, request, past, form, then)
    return Restoration(form, base, now, then, refused)


def _why(image: Image, source: str) -> str:
    """Why nobody knows what it was, if so."""
    if source not in image.unknown:
        return ""
    return _ERASED if image.unknown[source] is Unknown.ERASED else _UNKNOWN


async def _then(view: "View", request: Request, past: Past, names: Sequence[str]) -> dict[str, Terms]:
    """What the form would have shown: of a list what is there still."""
    terms = shown(view, request, stand_in(view, past.image))
    linked = {name: source_of(view.model, name) for name in names}
    return {
        name: sorted(map(str, past.links[source])) if source in past.links else terms[name]
        for name, source in linked.items()
    }


def _sent(now: Mapping[str, Terms], then: Mapping[str, Terms]) -> FormData:
    """What a browser would send in which somebody typed what was then."""
    return FormData([(name, value) for name, terms in {**now, **then}.items() for value in as_sent(terms)])


async def _refusals(
    view: "View", request: Request, past: Past, form: BaseForm, then: Mapping[str, Terms]
) -> dict[str, str]:
    """Why fields cannot be what they were, by the rules of the form, or since others have their values."""
    form.validate()
    refused = {name: _in_words(form[name].errors) for name in then if form[name].errors}
    sources = {source_of(view.model, name): name for name in then}
    values = {source: past.image.values[source] for source in sources if source in past.image.values}
    family = past.family
    taken = await taken_values(request.state.session, family.table, family.record_id, values)
    return refused | {sources[source]: f"another {view.noun(1)} has it by now" for source in taken}


def _in_words(errors: Sequence[object]) -> str:
    sentences = ["it is gone, or can no longer be chosen" if one == GONE else str(one) for one in errors]
    return " ".join(sentences).rstrip(".")


def _values(view: "View", image: Image, wanted: Restoration, record: Any) -> dict[str, Any]:
    """What is to be set: columns exactly as they were, with those that follow them; relations as chosen."""
    draft = Draft(wanted.form, wanted.now, wanted.now, record.version)
    chosen = {name: value for name, value in draft.values().items() if name in wanted.names}
    attributes = inspect(view.model).column_attrs
    exact = {name: image.values[source_of(view.model, name)] for name in chosen if name in attributes}
    columns = {one.columns[0].name: one.key for one in attributes}
    led = (one for one in image.table.columns if one.info.get("follows") in exact)
    followers = {columns[one.name]: image.values[one.name] for one in led if one.name in image.values}
    return {**chosen, **exact, **followers}


# The page ---------------------------------------------------------------------------------------


def _page(view: "View", request: Request, record: Any, past: Past, wanted: Restoration) -> RestorePage:
    key, at = past.family.record_id, past.cutoff.at
    return RestorePage(
        title=f"Restore {title_of(record)}",
        at=at,
        fields=[*_fields(wanted)],
        refused=[_field(wanted, name, reason) for name, reason in wanted.refused.items()],
        action_url=view.url("past", key),
        cancel_url=past_url(view, key, at),
        hidden=[("at", str(submitted(request).get("at"))), ("base", as_json(wanted.now)), ("confirm", "1")],
    )


def _fields(wanted: Restoration) -> Iterator[Restored]:
    for name in wanted.names:
        is_contested = name in wanted.contested
        base = as_text(wanted.form[name], wanted.base[name]) if is_contested else None
        yield replace(_field(wanted, name), base=base, is_chosen=not is_contested)


def _field(wanted: Restoration, name: str, obstacle: str = "") -> Restored:
    field = wanted.form[name]
    now = as_text(field, wanted.now[name]) if is_kept(field) else ""
    then = as_text(field, wanted.then[name]) if name in wanted.then else ""
    return Restored(name, field.label.text, then, now, obstacle=obstacle)
