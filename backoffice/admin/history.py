"""History entries as pages show them: in words, with links to what this person may see."""

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Enum
from starlette.requests import Request

from backoffice.admin.formats import exact, words
from backoffice.admin.pages import HistoryChange, HistoryItem, Link
from backoffice.admin.request import current_user
from backoffice.audit.browse import Entry, FieldChange
from models import AuditAction, Base

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
    AuditAction.ERASE: "erased",
    AuditAction.RETAIN: "took out of the history",
}
#: Bookkeeping that says nothing beside the other fields.
_UNSHOWN: Final = frozenset({"id", "deleted_operation"})


def history_items(
    site: "AdminSite", request: Request, entries: Iterable[Entry], *, with_subject: bool = False
) -> list[HistoryItem]:
    """What a page shows of `entries`; on an operation's own page (`with_subject`) of which record each is."""
    return [_item(site, request, entry, with_subject=with_subject) for entry in entries]


def record_link(
    site: "AdminSite", request: Request, table: str, record_id: int | None, name: str | None = None
) -> Link:
    """A record by its name or key; without an address where this person may not see it, or nobody can."""
    view = view_of_table(site, table)
    if view is None or record_id is None:
        return Link(f"{table.replace('_', ' ').capitalize()} {record_id or ''}".strip(), "")
    url = view.url("details", record_id) if view.may(request, "details") else ""
    return Link(f"{view.name} {name or record_id}", url)


def _item(site: "AdminSite", request: Request, entry: Entry, *, with_subject: bool) -> HistoryItem:
    view = view_of_table(site, entry.table_name)
    log = view_of_table(site, "audit_logs")
    return HistoryItem(
        when=entry.when,
        who=entry.who,
        action=_action(entry),
        changes=[
            _change(request, view, entry.table_name, change)
            for change in entry.changes
            if change.field not in _UNSHOWN
        ],
        operation=None if with_subject else _operation(site, request, entry),
        subject=_subject(site, request, entry) if with_subject else None,
        url=log.url("details", entry.id) if log is not None and log.may(request, "details") else "",
    )


def _subject(site: "AdminSite", request: Request, entry: Entry) -> Link:
    return record_link(site, request, entry.record_table, entry.record_id, entry.record_name)


def _action(entry: Entry) -> str:
    table = Base.metadata.tables.get(entry.table_name)
    if table is not None and "audit_record" in table.info:
        return "added" if entry.action is AuditAction.CREATE else "removed"
    return _ACTIONS[entry.action]


def _operation(site: "AdminSite", request: Request, entry: Entry) -> Link | None:
    """What the entry is a part of; nothing for what was written outside of any operation."""
    if entry.operation_id is None or not entry.what:
        return None
    view = view_of_table(site, "operations")
    may_see = view is not None and view.may(request, "details")
    is_own = entry.user_id == current_user(request).id
    if view is None or not may_see or not (is_own or view.may(request, "action:see-all")):
        return Link(entry.what, "")
    return Link(entry.what, view.url("details", entry.operation_id))


def _change(request: Request, view: "View | None", table: str, change: FieldChange) -> HistoryChange:
    zone = ZoneInfo(current_user(request).time_zone)
    label = view.label(change.field) if view is not None else change.field.replace("_", " ").capitalize()
    as_text = partial(_state if _is_state(table, change.field) else _text, zone=zone)
    old, new = as_text(change.old), as_text(change.new)
    return HistoryChange(label.removesuffix(" id"), old, new, change.is_secret)


def _is_state(table: str, field: str) -> bool:
    """Whether the field holds one word of a closed vocabulary, such as a status."""
    column = Base.metadata.tables[table].columns.get(field) if table in Base.metadata.tables else None
    return column is not None and isinstance(column.type, Enum)


def _state(value: Any, zone: ZoneInfo) -> str:
    return "" if value is None else words(str(value))


def _text(value: Any, zone: ZoneInfo) -> str:
    """A value of the history in words; a moment in the zone of who reads."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case str():
            moment = _moment(value)
            return exact(moment, zone.key) if moment else value
        case _:
            return str(value)


def _moment(text: str) -> datetime | None:
    if len(text) < len("2026-01-01T00:00:00+00:00") or text[10] != "T":
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def view_of_table(site: "AdminSite", table: str) -> "View | None":
    """The view that shows the rows of a table; None where there is none."""
    return next((view for view in site.declared if view.model.__tablename__ == table), None)
