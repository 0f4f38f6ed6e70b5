"""Holding the chain against the hashes of it that were kept outside."""

from collections.abc import Iterable, Mapping

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.proof.anchor import Anchor
from backoffice.audit.proof.keys import KeyRing
from backoffice.audit.proof.report import FindingKind, Report
from models import AuditSeal

#: Seals that are asked for at once.
_BATCH = 10_000


async def check_anchors(
    session: AsyncSession, anchors: Iterable[Anchor], keys: KeyRing, report: Report
) -> None:
    """Each anchored seal must be in the chain, with the hash that it had."""
    known = list(anchors)
    hashes: dict[int, bytes] = {}
    for at in range(0, len(known), _BATCH):
        numbers = {anchor.number for anchor in known[at : at + _BATCH]}
        rows = await session.execute(
            select(AuditSeal.number, AuditSeal.hash).where(AuditSeal.number.in_(numbers))
        )
        hashes.update((number, seal_hash) for number, seal_hash in rows)
    newest = await session.scalar(select(func.max(AuditSeal.number))) or 0
    compare_anchors(known, hashes, newest, keys, report)


def compare_anchors(
    anchors: Iterable[Anchor], hashes: Mapping[int, bytes], newest: int, keys: KeyRing, report: Report
) -> None:
    """The same for a chain that ends with number `newest` and whose hashes are known."""
    for anchor in anchors:
        report.anchors += 1
        if fault := _fault(anchor, hashes.get(anchor.number), newest, keys):
            report.add(FindingKind.ANCHOR, fault, seal=anchor.number)


def _fault(anchor: Anchor, seal_hash: bytes | None, newest: int, keys: KeyRing) -> str | None:
    if not anchor.is_signed(keys):
        return f"The anchor of seal {anchor.number} was not signed by a trusted key."
    if anchor.number > newest:
        return f"The anchor knows seal {anchor.number}, the chain ends at {newest}."
    if seal_hash is None:
        return f"The anchor knows seal {anchor.number}, which is not in the chain."
    if seal_hash != anchor.hash:
        return (
            f"Seal {anchor.number} is another than the one that is anchored, of {anchor.sealed_at:%Y-%m-%d}."
        )
    return None
