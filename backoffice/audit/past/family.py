"""A record with all whose history is told with it: its links, and the rows that are or were below it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Table,
    TableValuedAlias,
    Text,
    and_,
    any_,
    column,
    func,
    literal,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.links import ids_below, tables_of_links
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
        return [Base.metadata.tables[name] for name in tables_of_links(self.table.name)]

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
    key = literal(record_id, BigInteger)
    below = {child: [*await session.scalars(ids_below(table, key, child))] for child in children}
    return Family(table, record_id, below)


def one_of(ids: Sequence[int]) -> Any:
    """Any of the ids: one parameter, however many they are."""
    return any_(literal(list(ids), ARRAY(BigInteger)))
