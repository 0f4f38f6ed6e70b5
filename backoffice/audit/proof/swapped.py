"""Telling entries whose places were swapped from those whose contents were edited."""

import hashlib
from collections.abc import Mapping
from typing import Final

from sqlalchemy import literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.leaf import CANONICAL_TEXT
from backoffice.audit.proof.positions import ENTRY
from backoffice.audit.proof.report import Finding, FindingKind, Report

#: Each is tried under the number of each other one.
_MOST_TRIED: Final = 200


async def name_swapped(session: AsyncSession, edited: Mapping[int, bytes], report: Report) -> None:
    """Look at the first of the edited entries: one that is right under another's number was moved there.

    `edited` has the leaf that each was sealed with.
    """
    tried = list(edited)[:_MOST_TRIED]
    texts = await session.execute(
        select(ENTRY.c.id, literal_column(CANONICAL_TEXT)).where(ENTRY.c.id.in_(tried))
    )
    for entry_id, text in texts:
        for other in tried:
            if other != entry_id and _leaf_under(text, entry_id, other) == edited[other]:
                _rename(entry_id, other, report)


def _leaf_under(text: str, entry_id: int, other: int) -> bytes:
    return hashlib.sha256(text.replace(f'"id" : {entry_id},', f'"id" : {other},', 1).encode()).digest()


def _rename(entry_id: int, other: int, report: Report) -> None:
    for finding in report.findings:
        if finding.entry_id == entry_id and finding.kind == FindingKind.EDITED:
            sentence = f"Entry {entry_id} was re-ordered: it is what was sealed as entry {other}."
            report.replace(finding, Finding(FindingKind.REORDERED, sentence, entry_id, finding.seal))
            return
