"""Changes of fields in words: labels as on the record's page, states and moments as people write them."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import Column, Enum
from starlette.requests import Request

from backoffice.admin.formats import exact, words
from backoffice.admin.passages import is_long, passages
from backoffice.admin.record_pages import ChangeKind, HistoryChange
from backoffice.admin.request import current_user
from backoffice.audit.browse import Entry, FieldChange
from backoffice.audit.wording import Comparison
from models import AuditAction, Base

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View

#: Bookkeeping that says nothing beside the other fields.
UNSHOWN = frozenset({"id", "deleted_operation"})


class FieldChanges:
    """Puts the changes of entries into words, for one page."""

    def __init__(self, site: "AdminSite", request: Request) -> None:
        self._site = site
        self._zone = ZoneInfo(current_user(request).time_zone)
        self._comparison = Comparison()

    def of(self, entries: Iterable[Entry], *, below: str = "") -> list[HistoryChange]:
        """What changed, in the order of `entries`, but for what leads to a record of the table `below`."""
        return [change for entry in entries for change in self._of_entry(entry, below)]

    def _of_entry(self, entry: Entry, below: str) -> Iterator[HistoryChange]:
        view = view_of_table(self._site, entry.table_name)
        for change in entry.changes:
            if change.field in UNSHOWN or (below and _leads_to(below, entry.table_name, change.field)):
                continue
            shown = self._shown(view, entry, change)
            if shown.old or shown.new or shown.kind in (ChangeKind.WITHHELD, ChangeKind.ERASED):
                yield shown

    def _shown(self, view: "View | None", entry: Entry, change: FieldChange) -> HistoryChange:
        as_text = _state if _is_state(entry.table_name, change.field) else _text
        return HistoryChange(
            field=label_of(view, change.field),
            kind=_kind(entry, change),
            old=as_text(change.old, self._zone),
            new=as_text(change.new, self._zone),
            is_long=is_long(change.old, change.new),
            passages=passages(self._comparison, change.old, change.new),
        )


def label_of(view: "View | None", field: str) -> str:
    """What a field is called: as its page has it, or what it leads to."""
    label = view.label(field) if view is not None else field.replace("_", " ").capitalize()
    return label.removesuffix(" id")


def view_of_table(site: "AdminSite", table: str) -> "View | None":
    """The view that shows the rows of a table; None where there is none."""
    return next((view for view in site.declared if view.model.__tablename__ == table), None)


def is_link(entry: Entry) -> bool:
    """Whether it says that something was added to a record, or taken off: a tag, say."""
    table = Base.metadata.tables.get(entry.table_name)
    return table is not None and "audit_record" in table.info


def _kind(entry: Entry, change: FieldChange) -> ChangeKind:
    if change.is_secret:
        return ChangeKind.WITHHELD
    if change.is_erased:
        return ChangeKind.ERASED
    if entry.action is AuditAction.UPDATE:
        return ChangeKind.CHANGED
    if entry.action is AuditAction.DELETE:
        return ChangeKind.UNLINKED if is_link(entry) else ChangeKind.REMOVED
    return ChangeKind.LINKED if is_link(entry) else ChangeKind.ADDED


def _leads_to(parent: str, table: str, field: str) -> bool:
    column = _column(table, field)
    return column is not None and any(key.column.table.name == parent for key in column.foreign_keys)


def _is_state(table: str, field: str) -> bool:
    """Whether the field holds one word of a closed vocabulary, such as a status."""
    column = _column(table, field)
    return column is not None and isinstance(column.type, Enum)


def _column(table: str, field: str) -> Column[Any] | None:
    """The column, if there still is one: the history outlives its tables."""
    return Base.metadata.tables[table].columns.get(field) if table in Base.metadata.tables else None


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
            moment = moment_in(value)
            return exact(moment, zone.key) if moment else value
        case _:
            return str(value)


def moment_in(text: str) -> datetime | None:
    """The moment that a value of the history is, if it is one."""
    if len(text) < len("2026-01-01T00:00:00+00:00") or text[10] != "T":
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
