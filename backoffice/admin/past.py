"""A record as of a moment: the page that looks back, also at what was deleted forever."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Table, func, select
from starlette.requests import Request
from starlette.responses import Response

from backoffice.admin.drafts import as_json
from backoffice.admin.formats import exact, zone
from backoffice.admin.forms import form_relations, shown
from backoffice.admin.history import operation_link
from backoffice.admin.pages import Link
from backoffice.admin.past_addresses import keeps_past, moment_for_url, past_url
from backoffice.admin.past_facts import called, facts_of, groups_of, stand_in
from backoffice.admin.past_pages import Note, PastFact, PastPage
from backoffice.admin.reading import viewed
from backoffice.admin.request import current_user
from backoffice.admin.restorable import restorable
from backoffice.audit.blame import Blame
from backoffice.audit.past import (
    Cutoff,
    Family,
    Past,
    Presence,
    Step,
    before_deletion,
    cutoff_at,
    family_of,
    past_before,
    steps_around,
)
from backoffice.errors import BadInput, NotFound
from models import AuditLog, Base

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View

NO_MOMENT: Final = "This is no moment: it looks like 2026-11-22T14:05."
TO_COME: Final = "This moment is still to come. Choose one that is past."
_EARLIEST: Final = datetime(1970, 1, 2, tzinfo=UTC)
#: Two clocks are never quite the same.
_SLACK: Final = timedelta(minutes=1)


@dataclass(frozen=True)
class Subject:
    """What somebody looks back at: `record` is None where it was deleted forever."""

    table: Table
    key: int
    record: Any
    #: Whether this person may look at what is gone.
    sees_gone: bool


async def past_page(site: "AdminSite", view: "View", request: Request) -> Response:
    """Show the record as it was `?at=` a moment; without one as it is, or as it was at the last."""
    subject = await find_subject(view, request)
    family = await find_family(view, request, subject)
    cutoff = await _cutoff(request, family, subject)
    past = await past_before(request.state.session, family, cutoff)
    if past is None:
        raise NotFound(
            f"There is no {view.noun(1)} {subject.key}, and never was, as far as the history goes."
        )
    if subject.record is not None:
        viewed(view, request, subject.record)
    return site.render(request, "past.html", await _page(site, view, request, subject, past))


async def find_subject(view: "View", request: Request) -> Subject:
    """What the address names, if this person may see it; NotFound as on its own page."""
    view.require(request, "details")
    key = view.parse_key(request.path_params["pk"])
    if not keeps_past(view):
        raise NotFound(f"No history is kept by which a {view.noun(1)} could be shown as it was.")
    sees_gone = _sees_gone(view, request)
    try:
        record = await view.load(request, str(key), form_relations(view))
    except NotFound:
        if not sees_gone or await _is_there(view, request, key):
            raise
        record = None
    return Subject(_table(view), key, record, sees_gone)


async def find_family(view: "View", request: Request, subject: Subject) -> Family:
    """The record with what hangs on it, as its view declares."""
    tables = [Base.metadata.tables[model.__tablename__] for model in view.child_models]
    return await family_of(request.state.session, subject.table, subject.key, tables)


def may_bring_back(view: "View", request: Request) -> bool:
    """Who may delete such records forever may bring them back."""
    return bool(view.bring_back_grant) and view.may(request, view.bring_back_grant)


def parse_moment(raw: str, time_zone: str) -> datetime:
    """The moment that somebody typed in their zone, or that an address names with its own; or BadInput."""
    try:
        moment = datetime.fromisoformat(raw.strip())
        return _in_zone(moment, time_zone)
    except (ValueError, OverflowError):
        # An address that was written by hand: its plus reads as a space.
        if raw.count(" ") == 1:
            return parse_moment(raw.strip().replace(" ", "+"), time_zone)
        raise BadInput(NO_MOMENT) from None


def _in_zone(moment: datetime, time_zone: str) -> datetime:
    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    local = moment.replace(tzinfo=zone(time_zone))
    at = local.astimezone(UTC)
    if at.astimezone(zone(time_zone)).replace(tzinfo=None) != moment:
        raise BadInput(f"There is no such time in {time_zone}: the clocks are put forward then.")
    return at


def _table(view: "View") -> Table:
    return Base.metadata.tables[view.model.__tablename__]


def _sees_gone(view: "View", request: Request) -> bool:
    log = view.site.view_of(AuditLog)
    return (log is not None and log.may(request, "details")) or may_bring_back(view, request)


async def _is_there(view: "View", request: Request, key: int) -> bool:
    """Whether there is such a row, whoever may know of it."""
    found = await request.state.session.scalar(select(_table(view).c.id).where(_table(view).c.id == key))
    return found is not None


async def _cutoff(request: Request, family: Family, subject: Subject) -> Cutoff:
    session = request.state.session
    now: datetime = await session.scalar(select(func.clock_timestamp()))
    if raw := request.query_params.get("at", ""):
        at = parse_moment(raw, current_user(request).time_zone)
        if at > now + _SLACK:
            raise BadInput(TO_COME)
        return await cutoff_at(session, family, max(at, _EARLIEST))
    if subject.record is None:
        return await before_deletion(session, subject.table, subject.key)
    return await cutoff_at(session, family, now)


# The page ---------------------------------------------------------------------------------------


async def _page(site: "AdminSite", view: "View", request: Request, subject: Subject, past: Past) -> PastPage:
    user, at = current_user(request), past.cutoff.at
    steps = await steps_around(request.state.session, past.family, past.cutoff)
    names = await called(request, past)
    is_there = past.image.is_there
    facts: Sequence[PastFact] = facts_of(view, past, names) if is_there else []
    may_edit = subject.record is not None and view.may(request, "edit", subject.record)
    is_open = may_edit and is_there and not getattr(subject.record, "is_trashed", False)
    if is_open:
        facts = restorable(view, request, subject.record, facts)
    return PastPage(
        title=_title(view, subject, past),
        subtitle=f"{view.name} as it was",
        back=_back(view, request, subject),
        at=at,
        picked=_picked(at, user.time_zone),
        latest=_picked(datetime.now(UTC) + _SLACK, user.time_zone),
        zone=user.time_zone,
        left_by=steps.current.who if steps.current else "",
        left_in=_operation(site, request, steps.current),
        left_at=steps.current.at if steps.current else None,
        previous_url=past_url(view, subject.key, steps.previous.at) if steps.previous else "",
        next_url=past_url(view, subject.key, steps.next.at) if steps.next else "",
        now_url=past_url(view, subject.key) if steps.next else "",
        notes=[*_notes(view, subject, past, user.time_zone)],
        facts=facts,
        groups=groups_of(view, request, past, names, sees_gone=subject.sees_gone) if is_there else [],
        restore_url=view.url("past", subject.key) if any(fact.can_restore for fact in facts) else "",
        hidden=_hidden(view, request, subject, at) if is_open else (),
        bring_back=_bring_back(view, request, subject),
        is_there=is_there,
    )


def _title(view: "View", subject: Subject, past: Past) -> str:
    if past.image.is_there:
        return view.title(stand_in(view, past.image))
    return view.title(subject.record) if subject.record is not None else f"{view.name} {subject.key}"


def _back(view: "View", request: Request, subject: Subject) -> Link | None:
    if subject.record is not None:
        return Link(f"The {view.noun(1)} as it is now", view.url("details", subject.key))
    return Link(view.name_plural, view.url("list")) if view.may(request, "list") else None


def _picked(at: datetime, time_zone: str) -> str:
    return at.astimezone(zone(time_zone)).replace(tzinfo=None).isoformat(timespec="seconds")


def _operation(site: "AdminSite", request: Request, step: Step | None) -> Link | None:
    if step is None:
        return None
    found = Blame(step.who, None, step.user_id, step.at, step.operation_id, step.verb)
    return operation_link(site, request, found)


def _notes(view: "View", subject: Subject, past: Past, time_zone: str) -> Sequence[Note]:
    notes = []
    match past.image.presence:
        case Presence.NOT_YET:
            notes.append(Note(f"This {view.noun(1)} did not exist yet.", "blue", "seeding"))
        case Presence.GONE:
            notes.append(
                Note(f"This {view.noun(1)} was not there any more: it had been deleted.", "red", "trash")
            )
        case Presence.UNKNOWN:
            beginning = exact(past.known_since, time_zone) if past.known_since else ""
            sentence = f"The history begins at {beginning}; what was before was taken out of it. What this "
            notes.append(
                Note(f"{sentence}{view.noun(1)} was at this moment nobody can say.", "amber", "archive")
            )
        case Presence.THERE if past.image.values.get("deleted_at"):
            notes.append(Note("It was in the trash.", "amber", "trash"))
    if subject.record is None and past.image.is_there:
        notes.append(Note(f"This {view.noun(1)} was deleted forever since.", "red", "flame"))
    if subject.record is None and not view.bring_back_grant:
        notes.append(Note(view.never_brought_back))
    return notes


def _hidden(view: "View", request: Request, subject: Subject, at: datetime) -> list[tuple[str, str]]:
    """What it takes to notice that somebody changed a field since this page was shown."""
    return [("at", moment_for_url(at)), ("base", as_json(shown(view, request, subject.record)))]


def _bring_back(view: "View", request: Request, subject: Subject) -> Link | None:
    if subject.record is not None or not may_bring_back(view, request):
        return None
    return Link("Bring back…", view.url("bring-back", subject.key), "ti ti-arrow-back-up", is_post=True)
