"""Verifying the history in the database, against seals and keys of which none comes from it."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from backoffice.audit.proof.anchor import Anchor
from backoffice.audit.proof.anchored import check_anchors
from backoffice.audit.proof.beside import Beside
from backoffice.audit.proof.chain import ChainCheck
from backoffice.audit.proof.keys import KeyRing
from backoffice.audit.proof.moments import SeenEntry
from backoffice.audit.proof.positions import (
    Stretch,
    begin_reading,
    count_sealed,
    seals_of,
    seen_entries,
    stretch_of,
)
from backoffice.audit.proof.progress import Progress, nobody_looks
from backoffice.audit.proof.records import check_records
from backoffice.audit.proof.removed import Removed
from backoffice.audit.proof.report import Report
from backoffice.audit.proof.swapped import name_swapped
from models import AuditRemoval


async def verify(
    factory: async_sessionmaker[AsyncSession],
    keys: KeyRing,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    anchors: Iterable[Anchor] = (),
    rows: bool = True,
    progress: Progress = nobody_looks,
) -> Report:
    """Check everything that can be checked of the entries from `since` until before `until`; None is no end.

    A range is checked by the whole seals that cover it. `anchors` are what was kept outside; with `rows` the
    live records are compared with what the history says of them, whatever the range. `progress` gets
    entries done and to do. All is of one moment of the database, which this does not hold up.
    """
    report = Report(since=since, until=until)
    async with factory() as session:
        await begin_reading(session)
        stretch = await stretch_of(session, since, until)
        await _check_chain(session, stretch, keys, report, progress)
        await check_anchors(session, anchors, keys, report)
        if rows:
            await check_records(session, report)
    report.ended_at = datetime.now(UTC)
    return report


async def _check_chain(
    session: AsyncSession, stretch: Stretch, keys: KeyRing, report: Report, progress: Progress
) -> None:
    removals = await session.scalars(select(AuditRemoval).order_by(AuditRemoval.id))
    removed = Removed(removals, keys, report)
    check = ChainCheck(report, keys, removed, start=stretch.start, is_open=stretch.is_open)
    entries = _counted(seen_entries(session, stretch), await count_sealed(session, stretch), progress)
    # The event loop only fetches for it: other people's requests go on.
    beside = Beside()
    await beside.run(check.run, beside.pulled(seals_of(session, stretch)), beside.pulled(entries))
    await name_swapped(session, check.edited, report)


async def _counted(
    batches: AsyncIterator[Sequence[SeenEntry]], total: int, progress: Progress
) -> AsyncIterator[Sequence[SeenEntry]]:
    done = 0
    async for batch in batches:
        yield batch
        done += len(batch)
        progress(done, max(done, total))
    progress(total, total)
