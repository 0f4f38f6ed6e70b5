"""A record with all whose history is told with it: its links, and the rows that are or were below it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Select,
    Table,
    TableValuedAlias,
    Text,
    and_,
    any_,
    column,
    func,
    literal,
    literal_column,
    select,
    union,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.links import parent_table
from backoffice.audit.record import CHANGES_OF_ROWS
from models import AuditLog, Base


@dataclass(frozen=True)
class Family:
    """The record `record_id` of `table`; `children` has the ids of what was below it at any time."""

    table: Table
    record_id: int
    children: Mapping[Table, Sequence[int]]

    @property
    def links(self) -> list[Table]:
        """The association tables whose rows belong to the record."""
        return link_tables(self.table)

    @property
    def members(self) -> TableValuedAlias:
        """All of them, as a table: under which `table_name` and `record_id` their entries are."""
        own = [self.table.name, *(link.name for link in self.links)]
        below = [(child.name, key) for child, keys in self.children.items() for key in keys]
        tables, keys = zip(*((name, self.record_id) for name in own), *below, strict=True)
        return (
            func.unnest(literal(list(tables), ARRAY(Text)), literal(list(keys), ARRAY(BigInteger)))
            .table_valued(column("table_name", Text), column("record_id", BigInteger))
            .render_derived(name="member")
        )


def is_change_of(member: TableValuedAlias) -> ColumnElement[bool]:
    """The entries that changed a row of a member."""
    return and_(
        AuditLog.table_name == member.c.table_name,
        AuditLog.record_id == member.c.record_id,
        AuditLog.action.in_(CHANGES_OF_ROWS),
    )


async def family_of(
    session: AsyncSession, table: Table, record_id: int, children: Sequence[Table] = ()
) -> Family:
    """The record with its links and with its rows of `children`; one query for each of these."""
    return Family(
        table,
        record_id,
        {child: [*await session.scalars(_ids_below(table, record_id, child))] for child in children},
    )


def link_tables(table: Table) -> list[Table]:
    """The association tables whose rows belong to records of this table."""
    return [
        link
        for link in Base.metadata.sorted_tables
        if "audit_record" in link.info and parent_table(link) is table
    ]


def parent_column(child: Table, table: Table) -> Column[int]:
    """The column of `child` that leads to the record of `table` that its rows are below."""
    (key,) = (key for key in child.foreign_keys if key.column.table is table)
    return key.parent


def one_of(ids: Sequence[int]) -> Any:
    """Any of the ids: one parameter, however many they are."""
    return any_(literal(list(ids), ARRAY(BigInteger)))


def _ids_below(table: Table, record_id: int, child: Table) -> Select[int]:
    """What is below the record now, and whatever left it: was deleted, or moved to another one."""
    parent = parent_column(child, table)
    # As the index `ix_audit_logs_child` has it.
    left = literal_column(f"(audit_logs.changes #>> '{{{parent.name},old}}')::bigint", BigInteger)
    gone = select(AuditLog.record_id).where(AuditLog.table_name == child.name, left == record_id)
    return select(union(select(child.c.id).where(parent == record_id), gone).subquery().c[0])
