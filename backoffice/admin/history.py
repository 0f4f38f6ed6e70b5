"""The history as pages show it: steps in words, with links to what this person may see."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from sqlalchemy import BigInteger
from starlette.requests import Request

from backoffice.admin.field_changes import FieldChanges, is_link, view_of_table
from backoffice.admin.pages import Link
from backoffice.admin.past_addresses import moment_for_url
from backoffice.admin.record_pages import HistoryItem, HistoryPart
from backoffice.admin.request import current_user
from backoffice.audit.blame import Blame
from backoffice.audit.browse import Entry
from backoffice.audit.labels import verb_label
from backoffice.audit.record import CHANGES_OF_ROWS
from backoffice.audit.timeline import Step
from models import AuditAction, AuditLog, Base

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View

_ACTIONS: Final = {
    AuditAction.CREATE: "created",
    AuditAction.UPDATE: "changed",
    AuditAction.DELETE: "deleted",
    AuditAction.LOGIN: "signed in",
    AuditAction.LOGIN_FAILED: "failed to sign in",
    AuditAction.LOGOUT: "signed out",
    AuditAction.VIEW: "viewed",
    AuditAction.EXPORT: "exported",
    AuditAction.SEARCH: "searched",
    AuditAction.ERASE: "erased personal data",
    AuditAction.RETAIN: "took away old history",
    AuditAction.VERIFY: "verified the history",
}
#: What a page shows of one step before it says how many more records there are.
MOST_PARTS: Final = 10
#: What was created or deleted with more values than these has them folded away.
MOST_OPEN: Final = 3
BY_HAND: Final = "changed it in the database, outside of any operation"

#: A record: its table and its key.
Record = tuple[str, int | None]


def operation_items(site: "AdminSite", request: Request, entries: Iterable[Entry]) -> list[HistoryItem]:
    """The entries of an operation, each by itself, with the record that it is about."""
    changes = FieldChanges(site, request)
    return [
        HistoryItem(
            when=entry.when,
            who=entry.who,
            who_now=entry.who_now or "",
            action=_action(entry),
            parts=[HistoryPart("", changes.of([entry]))],
            subject=_subject(site, request, entry),
            past=_past(site, request, entry, _record_of(entry)) if _deletes(entry) else None,
            url=_log_url(site, request, [entry]),
        )
        for entry in entries
    ]


def step_items(
    site: "AdminSite", request: Request, steps: Iterable[Step], record: Record
) -> list[HistoryItem]:
    """The steps of the history of `record`, on its own page."""
    changes = FieldChanges(site, request)
    return [_step(site, request, changes, step, record) for step in steps]


def record_link(
    site: "AdminSite", request: Request, table: str, record_id: int | None, name: str | None = None
) -> Link:
    """A record by its name or key; without an address where this person may not see it, or nobody can."""
    view = view_of_table(site, table)
    if view is None or record_id is None:
        return Link(f"{table.replace('_', ' ').capitalize()} {record_id or ''}".strip(), "")
    url = view.url("details", record_id) if view.may(request, "details") else ""
    return Link(f"{view.name} {name or record_id}", url)


def operation_link(site: "AdminSite", request: Request, entry: Entry | Blame) -> Link | None:
    """What an entry is a part of; nothing for what was written outside of any operation."""
    if entry.operation_id is None or not entry.what:
        return None
    view = view_of_table(site, "operations")
    may_see = view is not None and view.may(request, "details")
    is_own = entry.user_id == current_user(request).id
    if view is None or not may_see or not (is_own or view.may(request, "action:see-all")):
        return Link(entry.what, "")
    return Link(entry.what, view.url("details", entry.operation_id))


def _subject(site: "AdminSite", request: Request, entry: Entry) -> Link:
    """The record that an entry is about; one that is gone by its name then, and leading nowhere."""
    name = entry.record_name
    link = record_link(site, request, entry.record_table, entry.record_id, str(name) if name else None)
    is_gone = name.now is None if name else _deletes(entry)
    return replace(link, url="") if is_gone else link


def _step(
    site: "AdminSite", request: Request, changes: FieldChanges, step: Step, record: Record
) -> HistoryItem:
    newest, told = step.newest, list(_by_record(step))
    nouns = _nouns(site, told, record)
    return HistoryItem(
        when=newest.when,
        who=newest.who,
        who_now=newest.who_now or "",
        action=_deed(newest, nouns),
        parts=[_part(site, request, changes, entries, record) for entries in told[:MOST_PARTS]],
        operation=operation_link(site, request, newest),
        reason=newest.reason or "",
        past=_past(site, request, newest, _looked_back_at(newest, record)),
        url=_log_url(site, request, step.entries),
        unshown=max(len(told) - MOST_PARTS, 0),
    )


def _nouns(site: "AdminSite", told: Sequence[Sequence[Entry]], record: Record) -> dict[str, str]:
    """What the step was done to, by page: `this ticket`, and one comment, or several."""
    counts = Counter([record[0], *(entries[0].record_table for entries in told)])
    nouns = {}
    for table, count in counts.items():
        if (view := view_of_table(site, table)) is not None:
            is_own = table == record[0]
            nouns[view.identity] = f"this {view.noun(1)}" if is_own else _some(view.noun(count), count)
    return nouns


def _some(noun: str, count: int) -> str:
    if count > 1:
        return noun
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _deed(entry: Entry, nouns: Mapping[str, str]) -> str:
    """What somebody did, to go on after their name: `assigned this ticket`."""
    if entry.verb:
        label = verb_label(entry.verb, nouns)
        return label[0].lower() + label[1:]
    return BY_HAND if entry.action in CHANGES_OF_ROWS else _ACTIONS[entry.action]


def _by_record(step: Step) -> Iterator[list[Entry]]:
    """The step's entries by the record that they are about, from the first to the last."""
    records: dict[Record, list[Entry]] = defaultdict(list)
    for entry in reversed(step.entries):
        records[_record_of(entry)].append(entry)
    yield from records.values()


def _record_of(entry: Entry) -> Record:
    return entry.record_table, entry.record_id


def _part(
    site: "AdminSite", request: Request, changes: FieldChanges, entries: Sequence[Entry], record: Record
) -> HistoryPart:
    first = entries[0]
    is_own = (first.record_table, first.record_id) == record
    shown = changes.of(entries, below="" if is_own else record[0])
    made = {_ACTIONS[entry.action] for entry in entries if not is_link(entry)} - {"changed"}
    action = " and ".join(sorted(made)) or ("" if is_own else "changed")
    return HistoryPart(
        action=action,
        changes=shown,
        subject=None if is_own else record_link(site, request, first.record_table, first.record_id),
        is_folded=bool(made) and len(shown) > MOST_OPEN,
    )


def _action(entry: Entry) -> str:
    if is_link(entry):
        return "added" if entry.action is AuditAction.CREATE else "removed"
    return _ACTIONS[entry.action]


def _looked_back_at(entry: Entry, record: Record) -> Record:
    """The page's record; on the page of an entry itself, what it is about, if it is a change of something."""
    if record[0] != AuditLog.__tablename__:
        return record
    return _record_of(entry) if entry.action in CHANGES_OF_ROWS else ("", None)


def _past(site: "AdminSite", request: Request, entry: Entry, record: Record) -> Link | None:
    """The record as the entry left it; or as it was before it was deleted, for who may see what is gone."""
    view, key = view_of_table(site, record[0]), record[1]
    if view is None or key is None or not _keeps_past(view) or not view.may(request, "details"):
        return None
    if not _deletes(entry) or entry.record_table != record[0]:
        return Link("As of then", f"{view.url('past', key)}?at={moment_for_url(entry.when)}")
    log = view_of_table(site, "audit_logs")
    may_see = log is not None and log.may(request, "details")
    return Link("As it was before", view.url("past", key)) if may_see else None


def _keeps_past(view: "View") -> bool:
    """Whether its records can be shown as they were: the history knows them by their number."""
    is_audited = Base.metadata.tables[view.model.__tablename__].info.get("audit", True)
    return view.keeps_history and is_audited and isinstance(view.key.type, BigInteger)


def _deletes(entry: Entry) -> bool:
    return entry.action is AuditAction.DELETE and not is_link(entry)


def _log_url(site: "AdminSite", request: Request, entries: Sequence[Entry]) -> str:
    """Where the entries are in the audit log, for who may read it."""
    log, first = view_of_table(site, "audit_logs"), entries[0]
    if log is None or not log.may(request, "details"):
        return ""
    if len(entries) == 1 or first.operation_id is None:
        return log.url("details", first.id)
    return f"{log.url('list')}?{urlencode({'operation_id': first.operation_id})}"
