"""The months of the history: which partitions there are, and entries that lie in none of them."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from backoffice.audit.months import GUARD_PARTITIONS, MONTHS_AHEAD
from backoffice.errors import Conflict

logger = logging.getLogger(__name__)

#: What to do about entries in DEFAULT.
STRAYS_MEND: Final = "Run `backoffice audit partitions`, which moves them into months of their own."


@dataclass(frozen=True)
class Partition:
    """One month of the history: the table `name`, with the entries from `since` until before `until`."""

    name: str
    since: datetime
    until: datetime
    size_bytes: int

    @property
    def month(self) -> str:
        return f"{self.since:%Y-%m}"


async def months_of(session: AsyncSession) -> list[Partition]:
    """The partitions that there are, from the oldest; DEFAULT is none of them."""
    return [Partition(*row) for row in await session.execute(_MONTHS)]


async def prepare_months(session: AsyncSession, months: int = MONTHS_AHEAD) -> int:
    """Make the partitions of this month and the next ones, as far as they are missing; how many were made.

    Warns in the log of entries in DEFAULT, which keep their month from having a partition.
    """
    made = await session.scalar(text("SELECT audit_partitions_ahead(:months)"), {"months": months})
    strays = await stray_entries(session)
    if strays:
        logger.warning("%s %s", stray_sentence(strays), STRAYS_MEND)
    return made or 0


async def stray_entries(session: AsyncSession | AsyncConnection) -> int:
    """How many entries lie in DEFAULT, because their month had no partition."""
    return await session.scalar(text("SELECT audit_strays()")) or 0


def stray_sentence(strays: int) -> str:
    return f"{strays:,} {'entry lies' if strays == 1 else 'entries lie'} in the history's DEFAULT partition."


async def move_strays(session: AsyncSession) -> int:
    """Move the entries in DEFAULT into months of their own; how many. For the tables' owner, `exclusively`.

    No entry changes: DEFAULT is replaced by an empty one, and what was in it written anew with its id, moment
    and transaction. Conflict if anything came out otherwise, and the caller's transaction takes it back.
    """
    strays = await stray_entries(session)
    if strays:
        for statement in _MOVE:
            await session.execute(text(statement))
        row = (await session.execute(text(_COMPARE))).one()
        if (row.same, row.left_over) != (strays, 0):
            raise Conflict(
                f"Only {row.same:,} of {strays:,} entries would lie in a month: nothing was moved."
            )
        await session.execute(text("DROP TABLE audit_logs_default_aside"))
    return strays


_MONTHS: Final = text(
    "SELECT relname, bounds[1]::timestamptz, bounds[2]::timestamptz, pg_total_relation_size(oid)"
    " FROM pg_inherits JOIN pg_class ON oid = inhrelid, regexp_match(pg_get_expr(relpartbound, oid),"
    r" '^FOR VALUES FROM \(''(.+)''\) TO \(''(.+)''\)$') AS bounds"
    " WHERE inhparent = 'audit_logs'::regclass AND bounds IS NOT NULL ORDER BY 2"
)

# While there is no DEFAULT, months are made without a look at what lies in it.
_MOVE: Final = (
    "ALTER TABLE audit_logs DETACH PARTITION audit_logs_default",
    "ALTER TABLE audit_logs_default RENAME TO audit_logs_default_aside",
    """
    SELECT audit_partition(month) FROM (
      SELECT DISTINCT date_trunc('month', created_at, 'UTC') AS month FROM audit_logs_default_aside
    ) AS strays
    """,
    "CREATE TABLE audit_logs_default PARTITION OF audit_logs DEFAULT",
    GUARD_PARTITIONS,
    "INSERT INTO audit_logs OVERRIDING SYSTEM VALUE SELECT * FROM audit_logs_default_aside ORDER BY id",
)

_COMPARE: Final = """
SELECT count(*) AS same, audit_strays() AS left_over
FROM audit_logs_default_aside AS stray JOIN audit_logs AS moved USING (id, created_at)
WHERE stray::text = moved::text
"""
