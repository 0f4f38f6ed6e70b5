"""Removing the files that an erasure left to nobody, and lists that may name the person, at once.

A sweep would wait for a day, and let lists lie for as long as they are kept.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select, text

from backoffice.attachments import FileStore, remove_unreferenced
from backoffice.audit.context import Change
from backoffice.database import SessionFactory, transaction
from backoffice.desk.importing.files import ImportFolder
from backoffice.desk.trash import unreferenced_files
from backoffice.export_files import ExportFolder
from backoffice.settings import Settings
from models import ImportFile

#: An upload that takes longer keeps the files that it may share for the next sweep.
PATIENCE: Final = timedelta(seconds=30)
# More than a file's time is behind the clock.
_CLOCKS_DIFFER_BY: Final = 0.05

# Who runs which transaction since when; of other roles, which save no files, the moment is not told.
_RUNNING: Final = text(
    "SELECT pid, xact_start FROM pg_stat_activity"
    " WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()"
)


async def remove_erased_files(factory: SessionFactory, store: FileStore, operation_id: UUID) -> int:
    """Delete the files that the committed erasure left to nobody; returns how many went.

    Somebody may be saving the same bytes at this moment, in a transaction that is not committed: those
    that run are waited for, and what was saved since stays.
    """
    async with transaction(factory, _looking()) as session:
        hashes = await unreferenced_files(session, operation_id)
    if not hashes:
        return 0
    moment = datetime.now(UTC)
    await asyncio.sleep(_CLOCKS_DIFFER_BY)
    is_calm = await _outlast(factory, await _running(factory))
    async with transaction(factory, _looking()) as session:
        return await remove_unreferenced(session, store, hashes, saved_before=moment if is_calm else None)


async def remove_lists(factory: SessionFactory, settings: Settings) -> int:
    """Delete all files that were uploaded for imports, and all exports; returns how many went.

    Any of them may name whom a committed erasure took. What an import has read of its file it can still
    run, and an export can be asked for anew.
    """
    async with transaction(factory, _looking()) as session:
        imports = (await session.scalars(select(ImportFile.id))).all()
    return await asyncio.to_thread(_remove_lists, settings, imports)


def _remove_lists(settings: Settings, imports: Sequence[UUID]) -> int:
    uploads = ImportFolder.of(settings)
    return sum(uploads.remove(id_) for id_ in imports) + ExportFolder.of(settings).remove_finished()


async def _outlast(factory: SessionFactory, running: set[tuple[int, datetime]]) -> bool:
    """Wait until these transactions have ended; whether they did before patience ended."""
    until = datetime.now(UTC) + PATIENCE
    while running:
        if datetime.now(UTC) > until:
            return False
        await asyncio.sleep(0.1)
        running &= await _running(factory)
    return True


async def _running(factory: SessionFactory) -> set[tuple[int, datetime]]:
    # Each time in a transaction of its own: within one, PostgreSQL answers the same again.
    async with transaction(factory, _looking()) as session:
        return {(row.pid, row.xact_start) for row in await session.execute(_RUNNING)}


def _looking() -> Change:
    return Change(verb="attachment.remove-files", actor="system:erasure", read_only=True)
