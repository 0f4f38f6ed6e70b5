"""Where exports lie that jobs have made: below `var/exports`, until they are too old."""

import asyncio
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO, Final, Self
from uuid import UUID

from backoffice.settings import Settings

#: What ends so is being written, or was when its worker was killed.
_DRAFT: Final = ".draft"


class ExportFolder:
    """The folder of these files, for this user alone."""

    def __init__(self, directory: Path, kept_for: timedelta) -> None:
        self.directory = directory
        self.kept_for = kept_for

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Where this deployment's exports lie."""
        return cls(settings.var_dir / "exports", timedelta(hours=settings.export_hours))

    def path(self, name: str) -> Path:
        """Where the file of that name lies, or would."""
        return self.directory / name

    def begin(self, job_id: UUID) -> Path:
        """A folder for the job's draft, and nothing else left of what an earlier worker made for it."""
        self.remove(job_id)
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self.directory / f"{job_id.hex}-{token_hex(16)}{_DRAFT}"
        draft.mkdir(mode=0o700)
        return draft

    def keep(self, draft: Path, file: Path) -> str:
        """Give the draft's whole file a name that nobody guesses, in one step; returns that."""
        name = draft.name.removesuffix(_DRAFT) + file.suffix
        file.replace(self.directory / name)
        draft.rmdir()
        return name

    def remove(self, job_id: UUID) -> None:
        """Remove whatever there is of the job."""
        for path in self.directory.glob(f"{job_id.hex}-*"):
            _remove(path)

    def remove_finished(self) -> int:
        """Remove every file that can be downloaded; returns how many there were."""
        files = [path for path in self.directory.glob("*") if path.suffix != _DRAFT]
        for path in files:
            _remove(path)
        return len(files)

    async def remove_old(self) -> None:
        """Remove what was made too long ago to be downloaded, or given up for as long."""
        oldest = (datetime.now(UTC) - self.kept_for).timestamp()
        await asyncio.to_thread(self._remove_older, oldest)

    def _remove_older(self, oldest: float) -> None:
        for path in self.directory.glob("*"):
            if path.stat().st_mtime < oldest:
                _remove(path)


def create_privately(path: Path) -> BinaryIO:
    """A new file to be written, for nobody else."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
