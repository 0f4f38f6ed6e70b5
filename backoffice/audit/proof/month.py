"""One month of the history as its partition holds it: how many entries, which ones, in which versions."""

from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    MetaData,
    Table,
    Text,
    cast,
    column,
    func,
    select,
    table,
    tuple_,
)
from sqlalchemy.dialects.postgresql import INT8MULTIRANGE
from sqlalchemy.dialects.postgresql.ranges import MultiRange
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.schema import DropTable
from sqlalchemy.sql import TableClause

from backoffice.audit.partitions import Partition
from backoffice.audit.proof.sealer import newest_seal
from backoffice.audit.proof.seals import position_of


class Contents(NamedTuple):
    """How many entries a month has, and a number that any write to them changes, an erasure too."""

    entries: int
    versions: int


async def contents_of(session: AsyncSession, month: Partition) -> Contents:
    """What it holds at this moment."""
    rows = _rows(month)
    version = func.hashint8extended(rows.c.id, cast(cast(rows.c.xmin, Text), BigInteger))
    found = await session.execute(
        select(func.count(), func.coalesce(func.bit_xor(version), 0)).select_from(rows)
    )
    return Contents(*found.one())


async def unsealed_entries(session: AsyncSession, month: Partition) -> int:
    """How many of its entries lie beyond the newest seal; all, where there is none."""
    rows, sealed = _rows(month), position_of(await newest_seal(session))
    beyond = tuple_(rows.c.xid, rows.c.id) > tuple_(*sealed)
    return await session.scalar(select(func.count()).select_from(rows).where(beyond)) or 0


async def ids_of(session: AsyncSession, month: Partition) -> MultiRange[int]:
    """The ids of its entries, as ranges: millions are a few, as only what was rolled back is missing."""
    rows = _rows(month)
    run = rows.c.id - func.row_number().over(order_by=rows.c.id)
    ids = select(rows.c.id, run.label("run")).subquery()
    ranges = select(func.int8range(func.min(ids.c.id), func.max(ids.c.id) + 1).label("ids"))
    runs = ranges.group_by(ids.c.run).subquery()
    found = await session.scalar(select(func.range_agg(runs.c.ids, type_=INT8MULTIRANGE)))
    return MultiRange(found or [])


async def drop_month(session: AsyncSession, month: Partition) -> None:
    """Drop it with all that it holds; the caller has the history to itself, and keeps a record of it."""
    await session.execute(DropTable(Table(month.name, MetaData())))


def _rows(month: Partition) -> TableClause:
    return table(month.name, column("id", BigInteger), column("xid", BigInteger), column("xmin", BigInteger))
