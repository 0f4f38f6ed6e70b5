"""Where uploaded files wait for their import: below `var/imports`, each by the id of its import."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Self
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.attachments.store import in_words
from backoffice.errors import NotFound, TooLarge
from backoffice.settings import Settings
from models import ImportFile, ImportRow, ImportState

#: After so long an upload that nobody ran is gone, and of one that ran what its rows were.
KEPT_FOR: Final = timedelta(days=7)


@dataclass(frozen=True)
class ImportFolder:
    """The folder of these files, for this user alone."""

    directory: Path

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Where the files of this deployment wait."""
        return cls(settings.var_dir / "imports")

    def path(self, import_id: UUID) -> Path:
        """Where the file of that import lies, or would."""
        return self.directory / import_id.hex

    def existing(self, import_id: UUID) -> Path:
        """The same; NotFound where it is gone."""
        path = self.path(import_id)
        if not path.is_file():
            raise NotFound("The file is gone: upload it again.")
        return path

    async def save(self, import_id: UUID, chunks: AsyncIterator[bytes], *, limit: int) -> int:
        """Keep what `chunks` yields, and answer its length in bytes; TooLarge beyond `limit`."""
        path, size = self.path(import_id), 0
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                async for chunk in chunks:
                    size = _within(size + len(chunk), limit)
                    await asyncio.to_thread(file.write, chunk)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return size

    def remove(self, import_id: UUID) -> bool:
        """Remove the file of that import; whether there was one."""
        path = self.path(import_id)
        was_there = path.is_file()
        path.unlink(missing_ok=True)
        return was_there

    def remove_old(self) -> None:
        """Remove what was uploaded too long ago, also where its import was never written down."""
        oldest = (datetime.now(UTC) - KEPT_FOR).timestamp()
        for path in self.directory.glob("*"):
            if path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)


async def forget_old_imports(session: AsyncSession) -> None:
    """Remove what was uploaded long ago and never run, and the rows of what ran: they name people."""
    is_old = ImportFile.created_at < func.now() - KEPT_FOR
    old = select(ImportFile.id).where(is_old, ImportFile.state != ImportState.RUNNING)
    quietly = {"synchronize_session": False}
    await session.execute(delete(ImportRow).where(ImportRow.import_id.in_(old)), execution_options=quietly)
    unfinished = ImportFile.state.in_((ImportState.UPLOADED, ImportState.CHECKED))
    await session.execute(delete(ImportFile).where(is_old, unfinished), execution_options=quietly)
    done = update(ImportFile).where(is_old, ImportFile.state == ImportState.DONE, ImportFile.columns != [])
    await session.execute(done.values(columns=[]), execution_options=quietly)


def _within(size: int, limit: int) -> int:
    if size > limit:
        raise TooLarge(f"This file is larger than the limit of {in_words(limit)}.")
    return size
