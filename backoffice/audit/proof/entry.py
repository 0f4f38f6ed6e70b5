"""What proves a single entry: the seal that it is in, and whether it is as it was sealed."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import LargeBinary, literal_column, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from backoffice.audit.leaf import LEAF
from backoffice.audit.proof.keys import KeyRing
from backoffice.audit.proof.seals import entries_of, faults_of
from models import AuditLog, AuditSeal

_ROWS = AuditLog.__table__.alias("entry")


class Standing(StrEnum):
    """How an entry stands to the seals."""

    WAITING = "waiting"  # no seal reaches as far yet
    PROVED = "proved"  # it is as it was sealed, by a seal that is sound itself
    ALTERED = "altered"  # it is another than the one that was sealed
    FOREIGN = "foreign"  # its place is sealed, and it is not among what was sealed
    DOUBTFUL = "doubtful"  # it is as the seal says, but the seal itself is not sound


@dataclass(frozen=True)
class EntryProof:
    """The digest of an entry as it is now, and its seal, if it has one."""

    standing: Standing
    digest: str
    seal: int | None = None
    sealed_at: datetime | None = None


async def prove_entry(session: AsyncSession, entry: AuditLog, keys: KeyRing) -> EntryProof:
    """Compare `entry` with its seal, and that with the keys; whether the chain is whole, `verify` finds."""
    leaf = await _leaf(session, entry)
    seal = await _seal_over(session, entry)
    if seal is None:
        return EntryProof(Standing.WAITING, leaf.hex())
    # Hashing ten thousand entries is nothing to do between other people's requests.
    standing = await asyncio.to_thread(_standing, entry.id, leaf, seal, keys)
    return EntryProof(standing, leaf.hex(), seal.number, seal.sealed_at)


async def _leaf(session: AsyncSession, entry: AuditLog) -> bytes:
    statement = (
        select(literal_column(LEAF, LargeBinary))
        .select_from(_ROWS)
        .where(_ROWS.c.id == entry.id, _ROWS.c.created_at == entry.created_at)
    )
    return bytes((await session.execute(statement)).scalar_one())


async def _seal_over(session: AsyncSession, entry: AuditLog) -> AuditSeal | None:
    """The first seal that reaches as far as the entry."""
    position = tuple_(AuditSeal.through_xid, AuditSeal.through_id)
    found: AuditSeal | None = await session.scalar(
        select(AuditSeal)
        .where(position >= tuple_(entry.xid, entry.id))
        .order_by(AuditSeal.through_xid, AuditSeal.through_id)
        .limit(1)
        .options(undefer(AuditSeal.entries))
    )
    return found


def _standing(entry_id: int, leaf: bytes, seal: AuditSeal, keys: KeyRing) -> Standing:
    sealed = dict(entries_of(seal.entries)).get(entry_id)
    if sealed is None:
        return Standing.FOREIGN
    if sealed != leaf:
        return Standing.ALTERED
    return Standing.DOUBTFUL if faults_of(seal, keys) else Standing.PROVED
