"""Reading the history for pages: who did what to a record, or in an operation, with names for ids.

However many entries are read, it takes the same few queries: one for the entries, one more per table
that their values refer to.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, Row, Select, any_, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.labels import verb_label
from backoffice.audit.record import of_operation
from backoffice.audit.revert_links import parent_table
from models import AuditAction, AuditLog, Base, Operation, User

__all__ = [
    "Entry",
    "FieldChange",
    "OperationTotal",
    "entries_of_operation",
    "find_entry",
    "history_of",
    "operation_totals",
    "verb_label",
]

#: What a row of each table is called where another row refers to it.
_NAMES: Final = {"users": "full_name", "tags": "name", "groups": "name", "tickets": "ticket_number"}


@dataclass(frozen=True)
class FieldChange:
    """One field, before and after; an id of another record is replaced by that record's name.

    A secret field says only that it changed.
    """

    field: str
    old: Any
    new: Any
    is_secret: bool = False


@dataclass(frozen=True)
class Entry:
    """One entry of the history. `who` is a person's name, `system:…`, or the database's user.

    `record_id` is a key of `record_table`, which for a link is that of the record it belongs to (the ticket
    of a tag); the link's `changes` then have only what it leads to.
    """

    id: int
    when: datetime
    who: str
    user_id: int | None
    action: AuditAction
    table_name: str
    record_table: str
    record_id: int | None
    #: What the record is called now, if it has a name and the caller has many records.
    record_name: str | None
    operation_id: UUID | None
    verb: str | None
    changes: Sequence[FieldChange]

    @property
    def what(self) -> str:
        """The operation's verb in words; empty for what was written outside of one."""
        return verb_label(self.verb) if self.verb else ""


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
    before_id: int | None = None,
) -> list[Entry]:
    """The newest entries of a record and its links (a ticket's tags), those below `before_id` if given."""
    tables = [table_name, *_tables_of_links(table_name)]
    statement = _entries().where(AuditLog.table_name.in_(tables), AuditLog.record_id == record_id)
    if before_id is not None:
        statement = statement.where(AuditLog.id < before_id)
    rows = await session.execute(statement.order_by(AuditLog.id.desc()).limit(limit))
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


def _tables_of_links(table_name: str) -> list[str]:
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
            func.coalesce(User.full_name, Operation.actor, AuditLog.database_user).label("who"),
            Operation.verb,
        )
        .outerjoin(User, User.id == AuditLog.user_id)
        .outerjoin(Operation, Operation.id == AuditLog.operation_id)
    )


async def _described(
    session: AsyncSession, rows: Sequence[Row[*tuple[Any, ...]]], *, with_records: bool = False
) -> list[Entry]:
    referred = _referred(rows)
    if with_records:
        _add_records(referred, rows)
    names = await _names(session, referred)
    return [
        Entry(
            id=row.id,
            when=row.created_at,
            who=row.who,
            user_id=row.user_id,
            action=row.action,
            table_name=row.table_name,
            record_table=_record_table(row.table_name),
            record_id=row.record_id,
            record_name=names.get((_record_table(row.table_name), row.record_id)),
            operation_id=row.operation_id,
            verb=row.verb,
            changes=[_change(row.table_name, field, change, names) for field, change in _changes(row)],
        )
        for row in rows
    ]


def _referred(rows: Iterable[Row[*tuple[Any, ...]]]) -> dict[str, set[int]]:
    """The ids that the entries mention, by the table that they lead to."""
    ids: dict[str, set[int]] = defaultdict(set)
    for row in rows:
        for field, change in _changes(row):
            if (target := _target(row.table_name, field)) is not None:
                ids[target].update(change[side] for side in ("old", "new") if change.get(side) is not None)
    return ids


def _add_records(ids: dict[str, set[int]], rows: Iterable[Row[*tuple[Any, ...]]]) -> None:
    """Add the records that the entries are about, where they have names."""
    for row in rows:
        if (table := _record_table(row.table_name)) in _NAMES and row.record_id is not None:
            ids[table].add(row.record_id)


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
    return next((target for target in targets if target in _NAMES), None)


async def _names(session: AsyncSession, ids: Mapping[str, set[int]]) -> dict[tuple[str, int], str]:
    names: dict[tuple[str, int], str] = {}
    for target, wanted in sorted(ids.items()):
        table = Base.metadata.tables[target]
        key, name = table.c.id, table.c[_NAMES[target]]
        chosen = key == any_(literal(sorted(wanted), ARRAY(BigInteger)))
        for row in await session.execute(select(key, name).where(chosen)):
            names[target, row[0]] = row[1]
    return names


def _change(
    table_name: str, field: str, change: Mapping[str, Any], names: Mapping[tuple[str, int], str]
) -> FieldChange:
    old, new = change.get("old"), change.get("new")
    target = _target(table_name, field)
    if target is None:
        return FieldChange(field, old, new, is_secret="changed" in change)
    return FieldChange(field, _name(target, old, names), _name(target, new, names))


def _name(target: str, key: int | None, names: Mapping[tuple[str, int], str]) -> str | None:
    return None if key is None else names.get((target, key), f"#{key}")
