"""What an operation did, as far as an undo must know: which tables, in what way, and which records."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Table, Text, false, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.links import parent_table
from backoffice.audit.record import CHANGES_OF_ROWS, of_operation
from models import AuditAction, AuditLog, Base

_TRACED: Final = (*CHANGES_OF_ROWS, AuditAction.ERASE)


@dataclass(frozen=True)
class Trace:
    """What an operation did in one way to one table."""

    table: str
    action: AuditAction
    fields: Sequence[str]
    has_secrets: bool

    @property
    def obstacle(self) -> str | None:
        """Why this cannot be undone, if so."""
        if self.has_secrets:
            return "It changed a secret, whose old value the history does not keep."
        if self.table not in Base.metadata.tables:
            return f"It changed {self.table}, which are kept no more."
        if self.is_link:
            return "It rewrote links by hand." if self.action is AuditAction.UPDATE else None
        if self.action is AuditAction.DELETE:
            return f"It deleted {_words(self.table)} forever."
        return None

    @property
    def stays(self) -> bool:
        """Whether it made something that no undo takes back, such as a tag."""
        table = Base.metadata.tables.get(self.table)
        if self.action is not AuditAction.CREATE or table is None or self.is_link:
            return False
        return not {"deleted_at", "is_active"} & set(table.c.keys())

    @property
    def is_link(self) -> bool:
        return "audit_record" in Base.metadata.tables[self.table].info


async def find_acts(session: AsyncSession, operation_id: UUID) -> list[tuple[str, AuditAction]]:
    """To which tables the operation did what; cheap also where there are very many entries."""
    kinds = (AuditLog.table_name, AuditLog.action)
    acts = select(*kinds).where(of_operation(operation_id)).group_by(*kinds).order_by(*kinds)
    return [(table, action) for table, action in await session.execute(acts)]


async def find_traces(session: AsyncSession, operation_id: UUID, *, with_fields: bool = True) -> list[Trace]:
    """What the operation did, by table and kind of change.

    Without their `fields` the entries need not be opened, except in tables that have secrets.
    """
    acts = await find_acts(session, operation_id)
    traces: list[Trace] = []
    for name, table in _tables_of(acts).items():
        actions = [action for of_table, action in acts if of_table == name and action in _TRACED]
        if table is not None and (with_fields or _secrets(table)):
            traces += await _opened(session, operation_id, table)
        else:
            traces += [Trace(name, action, (), has_secrets=False) for action in actions]
    return traces


def _tables_of(acts: Sequence[tuple[str, AuditAction]]) -> dict[str, Table | None]:
    """The tables of what can be undone, or stands in its way; None where one is kept no more."""
    return {name: Base.metadata.tables.get(name) for name, action in acts if action in _TRACED}


async def _opened(session: AsyncSession, operation_id: UUID, table: Table) -> list[Trace]:
    """What the operation did to one table, with the fields: of the columns it is asked, one by one, which is
    several times as fast as to take every entry apart."""
    names, secrets = [each.name for each in table.c if not each.system], _secrets(table)
    was_changed = [func.bool_or(AuditLog.changes.has_key(literal(name, Text))) for name in names]
    statement = (
        select(AuditLog.action, *was_changed, *(_is_hidden(name) for name in secrets))
        .where(of_operation(operation_id), AuditLog.table_name == table.name, AuditLog.action.in_(_TRACED))
        .group_by(AuditLog.action)
    )
    return [
        Trace(
            table.name,
            action,
            [name for name, is_there in zip(names, flags, strict=False) if is_there],
            has_secrets=any(flags[len(names) :]),
        )
        for action, *flags in await session.execute(statement)
    ]


def _secrets(table: Table) -> list[str]:
    return [name for name, each in table.c.items() if each.info.get("audit") == "secret"]


def _is_hidden(name: str) -> ColumnElement[bool]:
    """Whether a value of this column was changed that the history does not keep."""
    return func.bool_or(func.coalesce(AuditLog.changes[name].has_key("changed"), false()))


async def count_entries(session: AsyncSession, operation_id: UUID, *, most: int) -> int:
    """How many entries there are to undo; `most` if there are as many or more."""
    some = select(AuditLog.id).where(of_operation(operation_id)).limit(most).subquery()
    return (await session.scalars(select(func.count()).select_from(some))).one()


async def find_records(session: AsyncSession, operation_id: UUID) -> list[tuple[str, list[int]]]:
    """The keys of the records that the operation changed, by table, parents before children.

    A link counts as its record.
    """
    ids = func.array_agg(AuditLog.record_id.distinct(), type_=ARRAY(BigInteger))
    statement = (
        select(AuditLog.table_name, ids)
        .where(of_operation(operation_id), AuditLog.action.in_(CHANGES_OF_ROWS))
        .group_by(AuditLog.table_name)
    )
    found: dict[Table, set[int]] = {}
    for name, keys in await session.execute(statement):
        of_table = found.setdefault(record_table(Base.metadata.tables[name]), set())
        of_table.update(key for key in keys if key is not None)
    return [(table.name, sorted(found[table])) for table in Base.metadata.sorted_tables if table in found]


def record_table(table: Table) -> Table:
    """The table of the records that entries of `table` are about."""
    return parent_table(table) if "audit_record" in table.info else table


def why_all_stays(traces: Sequence[Trace]) -> str | None:
    """Why there is nothing to undo, where all that the operation did stays."""
    if not all(trace.stays for trace in traces):
        return None
    return f"It created {_words(traces[0].table)}, which stay: delete what is not wanted any more."


def _words(table: str) -> str:
    return table.replace("_", " ")
