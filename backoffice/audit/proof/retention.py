"""Letting go of old months of the history, so that what remains can still be proved.

A month is verified, written to a bundle, and the bundle verified without the database. Only then is its
partition dropped, in one transaction with a signed statement of what went where. Whatever is cut off
leaves the month as it was, and perhaps a file that nothing speaks of. No file is ever replaced.
"""

import hashlib
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Final

from anyio import to_thread
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from backoffice.audit.context import Change
from backoffice.audit.exclusive import exclusively
from backoffice.audit.partitions import STRAYS_MEND, Partition, months_of, stray_entries, stray_sentence
from backoffice.audit.proof.anchor import Anchor
from backoffice.audit.proof.bundle import export_bundle, verify_bundle
from backoffice.audit.proof.keys import KeyRing, SigningKey
from backoffice.audit.proof.month import Contents, contents_of, drop_month, ids_of, unsealed_entries
from backoffice.audit.proof.progress import Progress
from backoffice.audit.proof.removals import record_removal
from backoffice.audit.proof.report import Report
from backoffice.audit.proof.verify import verify
from backoffice.audit.record import record_event
from backoffice.errors import Conflict
from models import AuditAction, AuditLog, RemovalKind

VERB: Final = "audit.retain"
_LOCK: Final = 7261659
_STEPS: Final = 3


@dataclass(frozen=True)
class DueMonth:
    """A month that is old enough to go, and what would go with it."""

    partition: Partition
    entries: int


@dataclass(frozen=True)
class Retained:
    """A month that is gone; of one without entries there is no file."""

    month: str
    entries: int
    file: Path | None = None


@dataclass(frozen=True)
class Retention:
    """How months are let go of: signed by whom, checked with which keys, kept where, and why."""

    factory: async_sessionmaker[AsyncSession]
    key: SigningKey
    keys: KeyRing
    folder: Path
    reason: str
    actor: str
    #: What was kept outside of the database.
    anchors: Sequence[Anchor] = ()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Nobody else retains in the meantime; Conflict if somebody does already."""
        async with self.factory() as session:
            if not await session.scalar(select(func.pg_try_advisory_xact_lock(_LOCK))):
                raise Conflict("Somebody else is retaining the history at this moment.")
            yield

    async def retain(self, due: DueMonth, progress: Progress) -> Retained:
        """Verify, write down and drop one month; `progress` gets how much of these steps is done.

        Conflict when it is not sealed and whole, when its bundle is not, or when it changes meanwhile;
        then nothing was dropped. The caller is `alone`.
        """
        month = due.partition
        contents = await self._refuse_unless_ready(month)
        if not contents.entries:
            await self._take(month, contents)
            return Retained(month.month, 0)
        await self._verify(month, _step(0, progress))
        file = await self._write_bundle(month, _step(1, progress))
        await self._verify_bundle(file, contents, _step(2, progress))
        facts = self._facts(month, contents, file.name, await to_thread.run_sync(_sha256, file))
        await self._take(month, contents, facts)
        return Retained(month.month, contents.entries, file)

    async def _refuse_unless_ready(self, month: Partition) -> Contents:
        async with self.factory() as session:
            contents = await contents_of(session, month)
            if waiting := await unsealed_entries(session, month):
                share = f"{waiting:,} of {contents.entries:,}"
                raise Conflict(
                    f"{month.month} has entries that are not sealed yet ({share}):"
                    " run `backoffice audit seal`."
                )
            return contents

    async def _verify(self, month: Partition, progress: Progress) -> None:
        report = await verify(
            self.factory,
            self.keys,
            since=month.since,
            until=month.until,
            anchors=self.anchors,
            rows=False,
            progress=progress,
        )
        _refuse_unless_whole(report, f"{month.month} is not whole, and was kept")

    async def _write_bundle(self, month: Partition, progress: Progress) -> Path:
        """The month's bundle, on the disk for good under a name of its own."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = _free_name(self.folder, f"history-{month.month}")
        draft = file.with_suffix(".part")
        await export_bundle(
            self.factory,
            draft,
            self.keys,
            since=month.since,
            until=month.until,
            key=self.key,
            progress=progress,
        )
        await to_thread.run_sync(_put_in_place, draft, file)
        return file

    async def _verify_bundle(self, file: Path, contents: Contents, progress: Progress) -> None:
        report = await to_thread.run_sync(verify_bundle, file, self.keys, progress)
        _refuse_unless_whole(report, f"{file} is not whole, and the month was kept")
        if report.entries != contents.entries:
            raise Conflict(
                f"{file} has {report.entries:,} entries of {contents.entries:,}: the month was kept."
            )

    def _facts(self, month: Partition, contents: Contents, file: str, sha256: str) -> dict[str, Any]:
        return {
            "month": month.month,
            "count": contents.entries,
            "file": file,
            "sha256": sha256,
            "reason": self.reason,
            "by": self.actor,
        }

    async def _take(self, month: Partition, contents: Contents, facts: dict[str, Any] | None = None) -> None:
        """Drop the month, with a signed statement and an entry of its own that say so, if there are facts."""
        async with self.factory() as session:
            ids = await ids_of(session, month)

        async def take(session: AsyncSession) -> None:
            # Others wait by now. That nothing was written says that the ids are these, and all in the bundle.
            if await contents_of(session, month) != contents:
                raise Conflict(f"{month.month} has changed since it was verified, and was kept: try again.")
            await drop_month(session, month)
            if facts is not None:
                await record_removal(session, self.key, RemovalKind.RETENTION, ids, facts)
                await record_event(
                    session,
                    AuditAction.RETAIN,
                    table_name=AuditLog.__tablename__,
                    record_id=None,
                    facts=facts,
                )

        await exclusively(self.factory, Change(verb=VERB, actor=self.actor, reason=self.reason), take)


async def due_months(session: AsyncSession, *, keep_months: int, now: datetime) -> list[DueMonth]:
    """The whole months (UTC) before the last `keep_months` and the one under way, from the oldest.

    Conflict when entries that are as old lie in no month.
    """
    if strays := await stray_entries(session):
        raise Conflict(f"{stray_sentence(strays)} {STRAYS_MEND}")
    before = _months_back(now.astimezone(UTC), keep_months)
    return [
        DueMonth(month, (await contents_of(session, month)).entries)
        for month in await months_of(session)
        if month.until <= before
    ]


def _months_back(moment: datetime, months: int) -> datetime:
    """The first moment of the month that is so many before that of `moment`."""
    year, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    return datetime(year, month + 1, 1, tzinfo=UTC)


def _refuse_unless_whole(report: Report, sentence: str) -> None:
    if not report.is_whole:
        first = report.findings[0].sentence
        raise Conflict(f"{sentence}: {first}")


def _step(number: int, progress: Progress) -> Progress:
    """The progress of one of three steps as a part of the whole."""
    return lambda done, total: progress(number * total + done, _STEPS * total)


def _free_name(folder: Path, name: str) -> Path:
    """A name that no file has: whatever lies there may be the only copy of somebody's history."""
    numbers = count(2)
    file = folder / f"{name}.zip"
    while file.exists():
        file = folder / f"{name}-{next(numbers)}.zip"
    return file


def _put_in_place(draft: Path, file: Path) -> None:
    """Give a finished file its name, and return once it would outlive a power cut."""
    with draft.open("rb") as written:
        os.fsync(written.fileno())
    draft.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _sha256(file: Path) -> str:
    with file.open("rb") as written:
        return hashlib.file_digest(written, "sha256").hexdigest()
