"""Reading the history for pages: who did what to a record, or in an operation, with names for ids.

However many entries are read, it takes the same few queries: one for the entries, and one for the names of
what their values refer to.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Row,
    Select,
    Table,
    func,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.labels import verb_label
from backoffice.audit.links import ids_below, parent_table, tables_of_links
from backoffice.audit.names import NAMES, Name, Names, Place, Record, names_since
from backoffice.audit.newest import LOG, changes_of, newest_changes, wanted
from backoffice.audit.newest import before as place_before
from backoffice.audit.record import of_operation
from models import INCLUDE_TRASHED, AuditAction, AuditLog, Base, Operation, User

__all__ = [
    "Entry",
    "FieldChange",
    "OperationTotal",
    "Place",
    "entries_of_operation",
    "find_entry",
    "history_of",
    "operation_totals",
    "verb_label",
]

_SIDES: Final = ("old", "new")
#: What is read of an entry.
_READ: Final = (
    "id",
    "created_at",
    "action",
    "table_name",
    "record_id",
    "operation_id",
    "changes",
    "user_id",
    "database_user",
)


@dataclass(frozen=True)
class FieldChange:
    """One field, before and after; the id of another record is replaced by its `Name`, then and now.

    A secret field says only that it changed, and one that was erased that it was.
    """

    field: str
    old: Any
    new: Any
    is_secret: bool = False
    is_erased: bool = False


@dataclass(frozen=True)
class Entry:
    """One entry of the history. `who` is a person's name then, `system:…`, or the database's user.

    `record_id` is a key of `record_table`, which for a link is that of the record it belongs to (the ticket
    of a tag); the link's `changes` then have only what it leads to.
    """

    id: int
    when: datetime
    who: str
    #: What that person is called now, where that differs.
    who_now: str | None
    user_id: int | None
    action: AuditAction
    table_name: str
    record_table: str
    record_id: int | None
    #: What the record was called then and is now, if it has a name and the caller has many records.
    record_name: Name | None
    operation_id: UUID | None
    verb: str | None
    reason: str | None
    changes: Sequence[FieldChange]

    @property
    def what(self) -> str:
        """The operation's verb in words; empty for what was written outside of one."""
        return verb_label(self.verb) if self.verb else ""

    @property
    def place(self) -> Place:
        """Where it stands in the history."""
        return Place(self.when, self.id)


@dataclass(frozen=True)
class OperationTotal:
    """How many entries an operation has of one kind, and of how many records."""

    table_name: str
    action: AuditAction
    entries: int
    records: int


async def history_of(
    session: AsyncSession,
    table_name: str,
    record_id: int,
    *,
    limit: int = 50,
    before: Place | None = None,
    below: Sequence[Table] = (),
) -> list[Entry]:
    """The newest changes of a record and its links (a ticket's tags), those before a place if one is given.

    What is or was `below` it, in tables with a foreign key to its own, is a part of its history.
    """
    statement = _history(table_name, tuple(below), limit, with_before=before is not None)
    given = {"record_id": record_id, **place_before(before)}
    return await _described(session, (await session.execute(statement, given)).all())


async def entries_of_operation(
    session: AsyncSession,
    operation_id: UUID,
    *,
    limit: int = 50,
    after_id: int = 0,
    tables: Collection[str] | None = None,
) -> list[Entry]:
    """The entries of an operation in the order in which they were written, those above `after_id`.

    With `tables`, of rows of these tables alone.
    """
    statement = _entries().where(of_operation(operation_id), AuditLog.id > after_id)
    if tables is not None:
        statement = statement.where(AuditLog.table_name.in_(tables))
    rows = await session.execute(statement.order_by(AuditLog.id).limit(limit))
    return await _described(session, rows.all(), with_records=True)


async def find_entry(session: AsyncSession, entry_id: int) -> Entry | None:
    """One entry, by its id."""
    rows = await session.execute(_entries().where(AuditLog.id == entry_id))
    return next(iter(await _described(session, rows.all())), None)


async def operation_totals(session: AsyncSession, operation_id: UUID) -> list[OperationTotal]:
    """What an operation did, counted by table and action; empty when there is no such operation."""
    rows = await session.execute(
        select(
            AuditLog.table_name,
            AuditLog.action,
            func.count().label("entries"),
            func.count(AuditLog.record_id.distinct()).label("records"),
        )
        .where(of_operation(operation_id))
        .group_by(AuditLog.table_name, AuditLog.action)
        .order_by(AuditLog.table_name, AuditLog.action)
    )
    return [OperationTotal(*row) for row in rows]


@lru_cache(maxsize=256)
def _history(
    table_name: str, below: tuple[Table, ...], limit: int, *, with_before: bool
) -> Select[*tuple[Any, ...]]:
    # Made once for each kind of record: making it takes longer than running it. The limit is written out, so
    # that PostgreSQL finds a plan for any record as good as one for each, and makes it once, too.
    most = literal_column(str(limit), BigInteger)
    own = (wanted(name, most) for name in (table_name, *tables_of_links(table_name)))
    columns = [LOG[name] for name in _READ]
    parts = [newest_changes(union_all(*own).subquery("wanted"), columns, with_before=with_before)]
    for child in below:
        ids = ids_below(Base.metadata.tables[table_name], child)
        changes = changes_of(child, ids, columns, most, with_before=with_before)
        parts.append(changes.subquery(f"of_{child.name}").select())
    newest = union_all(*parts).subquery("newest").c
    in_order = (newest.created_at.desc(), newest.id.desc())
    return _entries(newest).order_by(*in_order).limit(most).execution_options(**INCLUDE_TRASHED)


def _entries(source: Any = LOG) -> Select[*tuple[Any, ...]]:
    """The entries of the history, or of what was selected from it, with who wrote them in which operation."""
    user, operation = User.__table__.c, Operation.__table__.c
    return (
        select(
            *(source[name] for name in _READ),
            func.coalesce(operation.actor, user.full_name, source.database_user).label("who"),
            user.full_name.label("who_now"),
            operation.verb,
            operation.reason,
        )
        .outerjoin(User.__table__, user.id == source.user_id)
        .outerjoin(Operation.__table__, operation.id == source.operation_id)
    )


async def _described(
    session: AsyncSession, rows: Sequence[Row[*tuple[Any, ...]]], *, with_records: bool = False
) -> list[Entry]:
    names = await names_since(session, _mentions(rows, with_records=with_records))
    return [_entry(row, names) for row in rows]


def _mentions(rows: Iterable[Row[*tuple[Any, ...]]], *, with_records: bool) -> dict[Record, datetime]:
    """What the entries refer to, and are about if wanted; each with the oldest moment of these."""
    oldest: dict[Record, datetime] = {}
    for row in rows:
        for record in (*_referred(row), *(_subject(row) if with_records else ())):
            oldest[record] = min(row.created_at, oldest.get(record, row.created_at))
    return oldest


def _referred(row: Row[*tuple[Any, ...]]) -> Iterator[Record]:
    """The records that an entry's values lead to."""
    for field, change in _changes(row):
        if (target := _target(row.table_name, field)) is not None:
            yield from ((target, change[side]) for side in _SIDES if change.get(side) is not None)


def _subject(row: Row[*tuple[Any, ...]]) -> Iterator[Record]:
    """The record that an entry is about, where it has a name."""
    if (table := _record_table(row.table_name)) in NAMES and row.record_id is not None:
        yield table, row.record_id


def _entry(row: Row[*tuple[Any, ...]], names: Names) -> Entry:
    place, record_table = Place(row.created_at, row.id), _record_table(row.table_name)
    return Entry(
        id=row.id,
        when=row.created_at,
        who=row.who,
        who_now=row.who_now if row.who_now != row.who else None,
        user_id=row.user_id,
        action=row.action,
        table_name=row.table_name,
        record_table=record_table,
        record_id=row.record_id,
        record_name=next((names.at(record, place) for record in _subject(row) if names.knows(record)), None),
        operation_id=row.operation_id,
        verb=row.verb,
        reason=row.reason,
        changes=[_change(row.table_name, field, change, names, place) for field, change in _changes(row)],
    )


def _changes(row: Row[*tuple[Any, ...]]) -> Iterator[tuple[str, dict[str, Any]]]:
    own = _info(row.table_name).get("audit_record")
    return ((field, change) for field, change in row.changes.items() if field != own)


@lru_cache(maxsize=256)
def _record_table(table_name: str) -> str:
    if "audit_record" not in _info(table_name):
        return table_name
    return parent_table(Base.metadata.tables[table_name]).name


def _info(table_name: str) -> Mapping[str, Any]:
    table = Base.metadata.tables.get(table_name)
    return {} if table is None else table.info


@lru_cache(maxsize=1024)
def _target(table_name: str, field: str) -> str | None:
    """The table that a field's value is a key of, if its rows have names."""
    table = Base.metadata.tables.get(table_name)
    if table is None or field not in table.columns:
        return None
    targets = (key.column.table.name for key in table.columns[field].foreign_keys)
    return next((target for target in targets if target in NAMES), None)


def _change(
    table_name: str, field: str, change: Mapping[str, Any], names: Names, place: Place
) -> FieldChange:
    old, new = (change.get(side) for side in _SIDES)
    if (target := _target(table_name, field)) is not None:
        old, new = (None if key is None else names.at((target, key), place) for key in (old, new))
    return FieldChange(field, old, new, is_secret="changed" in change, is_erased="erased" in change)
