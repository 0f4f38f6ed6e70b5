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
    and_,
    any_,
    literal,
    literal_column,
    or_,
    select,
    union,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.record import CHANGES_OF_ROWS
from backoffice.audit.revert_links import parent_table
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

    def changes(self) -> ColumnElement[bool]:
        """The entries of all of them that changed a row."""
        own = [self.table.name, *(link.name for link in self.links)]
        members = [
            and_(AuditLog.table_name.in_(own), AuditLog.record_id == self.record_id),
            *(
                and_(AuditLog.table_name == child.name, AuditLog.record_id == one_of(ids))
                for child, ids in self.children.items()
                if ids
            ),
        ]
        return and_(or_(*members), AuditLog.action.in_(CHANGES_OF_ROWS))


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
    column = parent_column(child, table)
    # As the index `ix_audit_logs_child` has it.
    left = literal_column(f"(audit_logs.changes #>> '{{{column.name},old}}')::bigint", BigInteger)
    gone = select(AuditLog.record_id).where(AuditLog.table_name == child.name, left == record_id)
    return select(union(select(child.c.id).where(column == record_id), gone).subquery().c[0])
