"""What an operation did, as far as an undo must know: which tables, in what way, and which records."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import BigInteger, Table, Text, column, func, select, true
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.links import parent_table
from backoffice.audit.record import CHANGES_OF_ROWS, of_operation
from models import AuditAction, AuditLog, Base


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


async def find_traces(session: AsyncSession, operation_id: UUID) -> list[Trace]:
    """What the operation did, by table and kind of change."""
    change = func.jsonb_each(AuditLog.changes).table_valued(column("key", Text), column("value", JSONB))
    statement = (
        select(
            AuditLog.table_name,
            AuditLog.action,
            func.array_agg(change.c.key.distinct(), type_=ARRAY(Text)),
            func.bool_or(change.c.value.has_key("changed")),
        )
        .select_from(AuditLog)
        .join(change, true())
        .where(of_operation(operation_id), AuditLog.action.in_((*CHANGES_OF_ROWS, AuditAction.ERASE)))
        .group_by(AuditLog.table_name, AuditLog.action)
    )
    return [Trace(*row) for row in await session.execute(statement)]


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
