"""Sealing what the history has gained, and telling how far it is sealed.

Numbers of entries are given out before their transactions end, and transactions end in any order. So
whatever is sealed lies below the snapshot's horizon, where every transaction has ended: nothing can turn
up behind the last seal any more. One that stays open for long holds sealing back; no entry is missed.
"""

from asyncio import to_thread
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from backoffice.audit.leaf import LEAF
from backoffice.audit.proof.keys import SigningKey
from backoffice.audit.proof.seals import LARGEST_SEAL, Horizon, Position, new_seal, position_of
from backoffice.errors import Conflict
from models import AuditSeal

#: So many waiting entries are counted, no more.
WAITING_CAP: Final = 10_000
#: Entries that wait for longer mean that nobody seals, or that a transaction stays open.
LONGEST_WAIT: Final = timedelta(minutes=10)

_LOCK: Final = 7261658


class Sealed(NamedTuple):
    """What one run of the sealer has made; nothing where another one was at it."""

    seals: int
    entries: int


@dataclass(frozen=True)
class SealStatus:
    """How far the history is sealed; what open transactions write is no part of it yet."""

    #: The newest seal; None where there is none.
    number: int | None
    sealed_at: datetime | None
    key_id: str | None
    #: Entries that no seal has, counted to WAITING_CAP, and the moment of the oldest one.
    waiting: int
    waiting_since: datetime | None
    checked_at: datetime

    @property
    def through(self) -> datetime | None:
        """Each entry from before this moment is sealed; None where no seal was ever made."""
        return None if self.number is None else self.waiting_since or self.checked_at

    @property
    def is_capped(self) -> bool:
        """Whether more wait than were counted."""
        return self.waiting > WAITING_CAP

    @property
    def is_late(self) -> bool:
        """Whether entries wait for longer than sealing every minute explains."""
        return self.waiting_since is not None and self.checked_at - self.waiting_since > LONGEST_WAIT


async def seal(factory: async_sessionmaker[AsyncSession], key: SigningKey) -> Sealed:
    """Seal every entry whose transaction has ended with all before it, in seals of 10,000 at most.

    Each seal is kept as soon as it is made, so that a run that is cut off loses nothing. Raises Conflict
    where the database's transaction numbers have gone back.
    """
    seals = entries = 0
    async with factory() as reading:
        # The lock goes with this transaction, however it ends; the seals are written by others.
        if await reading.scalar(_TRY_LOCK):
            newest, horizon = await _departure(factory)
            async for rows in _waiting(reading, position_of(newest), horizon):
                newest = await _keep(factory, newest, horizon, rows, key)
                seals, entries = seals + 1, entries + len(rows)
    return Sealed(seals, entries)


async def newest_seal(session: AsyncSession) -> AuditSeal | None:
    """The last seal of the chain, without its entries."""
    return await session.scalar(_NEWEST)


async def seal_status(session: AsyncSession) -> SealStatus:
    """How far the history is sealed. It costs the same at any size: it looks at what is new alone."""
    # What waits is counted by the index. The limit would tempt the planner to read all from the beginning.
    found = await session.execute(_NEWEST.add_columns(func.set_config("enable_seqscan", "off", True)))
    newest = found.scalar()
    after = position_of(newest)
    waiting = (await session.execute(_COUNT_WAITING, {"xid": after.xid, "id": after.id})).one()
    return SealStatus(
        number=newest.number if newest else None,
        sealed_at=newest.sealed_at if newest else None,
        key_id=newest.key_id if newest else None,
        waiting=waiting.entries,
        waiting_since=waiting.since,
        checked_at=waiting.checked_at,
    )


async def summarize(factory: async_sessionmaker[AsyncSession]) -> None:
    """Let the index know the newest entries: without that, what is new is looked for among all of them."""
    async with factory.begin() as session:
        await session.execute(text("SELECT audit_summarize()"))


_NEWEST: Final = select(AuditSeal).order_by(AuditSeal.number.desc()).limit(1)

_TRY_LOCK: Final = text(
    f"SELECT pg_try_advisory_xact_lock({_LOCK}), set_config('plan_cache_mode', 'force_custom_plan', true)"
)

# In one statement, so that its snapshot lies between the moment and the number. The upper end of the
# snapshot would not do for that: it is a number that may have been given out long ago.
_HORIZON: Final = text(
    "SELECT statement_timestamp() AS at,"
    " pg_snapshot_xmin(pg_current_snapshot())::text::bigint + history_xid_base() AS horizon_xid,"
    " pg_current_xact_id()::text::bigint + history_xid_base() AS next_xid"
)

# Spelled twice, since only the first is of use to a BRIN index.
_AFTER: Final = "entry.xid >= :xid AND (entry.xid, entry.id) > (:xid, :id)"

_WAITING: Final = text(
    f"SELECT entry.xid, entry.id, int8send(entry.id) || {LEAF} AS sealed FROM audit_logs AS entry"  # noqa: S608
    f" WHERE {_AFTER} AND entry.xid < :horizon_xid ORDER BY entry.xid, entry.id"
)

_COUNT_WAITING: Final = text(
    "SELECT count(*) AS entries, min(created_at) AS since, statement_timestamp() AS checked_at,"  # noqa: S608
    " set_config('enable_seqscan', 'on', true)"
    f" FROM (SELECT created_at FROM audit_logs AS entry WHERE {_AFTER} LIMIT {WAITING_CAP + 1}) AS waiting"
)


async def _departure(factory: async_sessionmaker[AsyncSession]) -> tuple[AuditSeal | None, Horizon]:
    """The seal to go on from, and how far."""
    async with factory.begin() as session:
        newest = await newest_seal(session)
        horizon = Horizon(*(await session.execute(_HORIZON)).one())
    if newest is not None and horizon.next_xid < newest.next_xid:
        raise Conflict(
            "The history cannot be sealed any further: the database's transaction numbers have gone back"
            f" from {newest.next_xid} to {horizon.next_xid}, as after a dump was restored on another server."
            " Run `backoffice migrate`, which lets them go on."
        )
    return newest, horizon


async def _waiting(
    reading: AsyncSession, after: Position, horizon: Horizon
) -> AsyncIterator[Sequence[Row[Any]]]:
    """What is to be sealed, a seal's worth at a time.

    It may see more than the horizon's own snapshot did, though nothing more below the horizon.
    """
    values = {"xid": after.xid, "id": after.id, "horizon_xid": horizon.horizon_xid}
    result = await reading.stream(_WAITING, values, execution_options={"yield_per": LARGEST_SEAL})
    async for rows in result.partitions(LARGEST_SEAL):
        yield rows


async def _keep(
    factory: async_sessionmaker[AsyncSession],
    newest: AuditSeal | None,
    horizon: Horizon,
    rows: Sequence[Row[Any]],
    key: SigningKey,
) -> AuditSeal:
    through = Position(rows[-1].xid, rows[-1].id)
    entries = b"".join(row.sealed for row in rows)
    # Ten thousand hashes: others wait for the event loop.
    made = await to_thread(new_seal, newest, horizon, through, entries, key)
    async with factory.begin() as session:
        session.add(made)
    return made
