"""Reading the history for pages: who did what to a record, or in an operation, with names for ids.

However many entries are read, it takes the same few queries: one for the entries, and two for the names of
what their values refer to.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Row,
    Select,
    and_,
    any_,
    func,
    literal,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.labels import verb_label
from backoffice.audit.names import NAMES, Names, Place, Record, names_since
from backoffice.audit.record import CHANGES_OF_ROWS, of_operation
from backoffice.audit.revert_links import parent_table
from models import AuditAction, AuditLog, Base, Operation, User

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
    #: What the record is called now, if it has a name and the caller has many records.
    record_name: str | None
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
    children: Mapping[str, Sequence[int]] | None = None,
) -> list[Entry]:
    """The newest changes of a record and its links (a ticket's tags), those before a place if one is given.

    `children` are further records whose changes are a part of its history: their ids, by table.
    """
    places = _places(table_name, record_id, limit, before, children or {})
    here = and_(AuditLog.id == places.c.id, AuditLog.created_at == places.c.created_at)
    statement = _entries().join(places, here).order_by(AuditLog.created_at.desc(), AuditLog.id.desc())
    rows = await session.execute(statement)
    return await _described(session, rows.all())


async def entries_of_operation(
    session: AsyncSession, operation_id: UUID, *, limit: int = 50, after_id: int = 0
) -> list[Entry]:
    """The entries of an operation in the order in which they were written, those above `after_id`."""
    statement = _entries().where(of_operation(operation_id), AuditLog.id > after_id)
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


def _places(
    table_name: str,
    record_id: int,
    limit: int,
    before: Place | None,
    children: Mapping[str, Sequence[int]],
) -> CTE:
    """Where the newest entries stand. Each table's are read in the order of their index, and no further."""
    tables = (table_name, *tables_of_links(table_name))
    own = (_newest_of_one(table, record_id, before, limit) for table in tables)
    theirs = (_newest_of_any(table, ids, before, limit) for table, ids in children.items() if ids)
    return _in_order(union_all(*own, *theirs).subquery("every"), limit).cte("places")


def _newest_of_one(
    table_name: str, record_id: int, before: Place | None, limit: int
) -> Select[datetime, int]:
    chosen = _changes_of(table_name) & (AuditLog.record_id == record_id)
    statement = select(AuditLog.created_at, AuditLog.id).where(chosen, *_before(before))
    newest = statement.order_by(AuditLog.created_at.desc(), AuditLog.id.desc()).limit(limit)
    return select(newest.subquery())


def _newest_of_any(
    table_name: str, ids: Sequence[int], before: Place | None, limit: int
) -> Select[datetime, int]:
    """The newest entries of any of them: all are found by the index, and sorting them costs little."""
    chosen = _changes_of(table_name) & (AuditLog.record_id == any_(literal(list(ids), ARRAY(BigInteger))))
    statement = select(AuditLog.created_at, AuditLog.id).where(chosen, *_before(before))
    # Not folded into the sort, or PostgreSQL might look for them among everybody's newest.
    return _in_order(statement.cte(f"of_{table_name}").prefix_with("MATERIALIZED"), limit)


def _in_order(places: Any, limit: int) -> Select[datetime, int]:
    newest = select(places.c.created_at, places.c.id)
    return newest.order_by(places.c.created_at.desc(), places.c.id.desc()).limit(limit)


def _changes_of(table_name: str) -> ColumnElement[bool]:
    return and_(AuditLog.table_name == table_name, AuditLog.action.in_(CHANGES_OF_ROWS))


def _before(place: Place | None) -> list[ColumnElement[bool]]:
    """The rest of the history; partitions that are newer are not looked at."""
    if place is None:
        return []
    order = tuple_(AuditLog.created_at, AuditLog.id)
    return [
        AuditLog.created_at <= place.when,
        order < tuple_(literal(place.when), literal(place.id, BigInteger)),
    ]


def tables_of_links(table_name: str) -> list[str]:
    """The association tables whose rows belong to records of this table."""
    return [
        table.name
        for table in Base.metadata.sorted_tables
        if "audit_record" in table.info and parent_table(table).name == table_name
    ]


def _entries() -> Select[*tuple[Any, ...]]:
    return (
        select(
            AuditLog.id,
            AuditLog.created_at,
            AuditLog.action,
            AuditLog.table_name,
            AuditLog.record_id,
            AuditLog.operation_id,
            AuditLog.changes,
            AuditLog.user_id,
            func.coalesce(Operation.actor, User.full_name, AuditLog.database_user).label("who"),
            User.full_name.label("who_now"),
            Operation.verb,
            Operation.reason,
        )
        .outerjoin(User, User.id == AuditLog.user_id)
        .outerjoin(Operation, Operation.id == AuditLog.operation_id)
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
        record_name=names.now((record_table, row.record_id)),
        operation_id=row.operation_id,
        verb=row.verb,
        reason=row.reason,
        changes=[_change(row.table_name, field, change, names, place) for field, change in _changes(row)],
    )


def _changes(row: Row[*tuple[Any, ...]]) -> Iterator[tuple[str, dict[str, Any]]]:
    own = _info(row.table_name).get("audit_record")
    return ((field, change) for field, change in row.changes.items() if field != own)


def _record_table(table_name: str) -> str:
    if "audit_record" not in _info(table_name):
        return table_name
    return parent_table(Base.metadata.tables[table_name]).name


def _info(table_name: str) -> Mapping[str, Any]:
    table = Base.metadata.tables.get(table_name)
    return {} if table is None else table.info


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
