"""Signed statements of what was taken from the history on purpose, by an erasure or a retention.

Without one, what is missing counts as lost: somebody with the database alone cannot write one.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy.dialects.postgresql.ranges import MultiRange, Range
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.proof.keys import KeyRing, SigningKey
from models import AuditRemoval, RemovalKind

#: What a signature says first, so that none can pass for another kind of statement.
_PURPOSE: Final = b"backoffice removal 1\n"


async def record_removal(
    session: AsyncSession,
    key: SigningKey,
    kind: RemovalKind,
    entry_ids: Iterable[int] | MultiRange[int],
    facts: dict[str, Any],
) -> AuditRemoval:
    """Sign and keep that the entries with these ids are gone, or blank; `facts` say why and on whose word.

    Of very many ids their ranges will do, half-open and in order.
    """
    ranges = list(entry_ids) if isinstance(entry_ids, MultiRange) else ranges_of(entry_ids)
    statement = json.dumps(
        {
            "kind": kind.value,
            "at": datetime.now(UTC).isoformat(),
            "entries": [[one.lower, one.upper] for one in ranges],
            **facts,
        },
        ensure_ascii=False,
    )
    removal = AuditRemoval(
        kind=kind,
        entry_ids=MultiRange(ranges),
        statement=statement,
        key_id=key.key_id,
        signature=key.sign(_PURPOSE + statement.encode()),
    )
    session.add(removal)
    await session.flush()
    return removal


def removed_entries(removal: AuditRemoval, keys: KeyRing) -> list[range] | None:
    """The ids that the statement speaks of, in order; None unless a trusted key signed just this."""
    if not keys.has_signed(removal.key_id, _PURPOSE + removal.statement.encode(), removal.signature):
        return None
    statement = json.loads(removal.statement)
    if statement["kind"] != removal.kind:
        return None
    return [range(lower, upper) for lower, upper in statement["entries"]]


def ranges_of(ids: Iterable[int]) -> list[Range[int]]:
    """Ids as half-open ranges, in order: 1, 2, 3 and 7 are [1, 4) and [7, 8)."""
    ranges: list[Range[int]] = []
    for number in sorted(set(ids)):
        if ranges and ranges[-1].upper == number:
            ranges[-1] = Range(ranges[-1].lower, number + 1)
        else:
            ranges.append(Range(number, number + 1))
    return ranges
