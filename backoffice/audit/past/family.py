"""A record with all whose history is told with it: its links, and the rows that are or were below it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Table,
    Text,
    and_,
    any_,
    bindparam,
    column,
    func,
    literal,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.links import ids_below, tables_of_links
from backoffice.audit.newest import IS_CHANGE_OF_A_ROW, LOG
from models import Base


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
    def given(self) -> dict[str, Any]:
        """All of them, as parameters of a statement with `MEMBERS`."""
        own = [(name, self.record_id) for name in (self.table.name, *(link.name for link in self.links))]
        below = [(child.name, key) for child, keys in self.children.items() for key in keys]
        tables, keys = zip(*own, *below, strict=True)
        return {"tables": tables, "keys": keys}


#: The record, its links and what is below it, as a table: under which names and numbers their entries are.
MEMBERS: Final = (
    func.unnest(bindparam("tables", type_=ARRAY(Text)), bindparam("keys", type_=ARRAY(BigInteger)))
    .table_valued(column("table_name", Text), column("record_id", BigInteger))
    .render_derived(name="member")
)

#: The entries that changed a row of a member.
IS_OF_A_MEMBER: Final = and_(
    LOG.table_name == MEMBERS.c.table_name, LOG.record_id == MEMBERS.c.record_id, IS_CHANGE_OF_A_ROW
)


async def family_of(
    session: AsyncSession, table: Table, record_id: int, children: Sequence[Table] = ()
) -> Family:
    """The record with its links and with its rows of `children`; one query for each of these."""
    given = {"record_id": record_id}
    below = {child: [*await session.scalars(ids_below(table, child), given)] for child in children}
    return Family(table, record_id, below)


def one_of(ids: Sequence[int]) -> Any:
    """Any of the ids: one parameter, however many they are."""
    return any_(literal(list(ids), ARRAY(BigInteger)))
