"""The history as pages show it: steps in words, with links to what this person may see."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from starlette.requests import Request

from backoffice.admin.field_changes import FieldChanges, view_of_table
from backoffice.admin.pages import Link
from backoffice.admin.record_pages import HistoryItem, HistoryPart
from backoffice.admin.request import current_user
from backoffice.audit.blame import Blame
from backoffice.audit.browse import Entry
from backoffice.audit.record import CHANGES_OF_ROWS
from backoffice.audit.timeline import Step
from models import AuditAction, Base

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite

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
            subject=record_link(site, request, entry.record_table, entry.record_id, entry.record_name),
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


def _step(
    site: "AdminSite", request: Request, changes: FieldChanges, step: Step, record: Record
) -> HistoryItem:
    newest, told = step.newest, list(_by_record(step))
    return HistoryItem(
        when=newest.when,
        who=newest.who,
        who_now=newest.who_now or "",
        action=_deed(newest),
        parts=[_part(site, request, changes, entries, record) for entries in told[:MOST_PARTS]],
        operation=operation_link(site, request, newest),
        reason=newest.reason or "",
        past_url=_past_url(site, request, newest, record),
        url=_log_url(site, request, step.entries),
        unshown=max(len(told) - MOST_PARTS, 0),
    )


def _deed(entry: Entry) -> str:
    """What somebody did, to go on after their name: `assigned tickets`."""
    if entry.what:
        return entry.what[0].lower() + entry.what[1:]
    return BY_HAND if entry.action in CHANGES_OF_ROWS else _ACTIONS[entry.action]


def _by_record(step: Step) -> Iterator[list[Entry]]:
    """The step's entries by the record that they are about, from the first to the last."""
    in_order = sorted(step.entries, key=lambda entry: (_record_of(entry), entry.place))
    records = (list(entries) for _, entries in groupby(in_order, key=_record_of))
    yield from sorted(records, key=lambda entries: entries[0].place)


def _record_of(entry: Entry) -> tuple[str, int]:
    return entry.record_table, entry.record_id or 0


def _part(
    site: "AdminSite", request: Request, changes: FieldChanges, entries: Sequence[Entry], record: Record
) -> HistoryPart:
    first = entries[0]
    is_own = (first.record_table, first.record_id) == record
    shown = changes.of(entries, below="" if is_own else record[0])
    made = {_ACTIONS[entry.action] for entry in entries if not _is_link(entry)} - {"changed"}
    action = " and ".join(sorted(made)) or ("" if is_own else "changed")
    return HistoryPart(
        action=action,
        changes=shown,
        subject=None if is_own else record_link(site, request, first.record_table, first.record_id),
        is_folded=bool(made) and len(shown) > MOST_OPEN,
    )


def _action(entry: Entry) -> str:
    if _is_link(entry):
        return "added" if entry.action is AuditAction.CREATE else "removed"
    return _ACTIONS[entry.action]


def _is_link(entry: Entry) -> bool:
    table = Base.metadata.tables.get(entry.table_name)
    return table is not None and "audit_record" in table.info


def _past_url(site: "AdminSite", request: Request, entry: Entry, record: Record) -> str:
    return ""


def _log_url(site: "AdminSite", request: Request, entries: Sequence[Entry]) -> str:
    """Where the entries are in the audit log, for who may read it."""
    log, first = view_of_table(site, "audit_logs"), entries[0]
    if log is None or not log.may(request, "details"):
        return ""
    if len(entries) == 1 or first.operation_id is None:
        return log.url("details", first.id)
    return f"{log.url('list')}?{urlencode({'operation_id': first.operation_id})}"
