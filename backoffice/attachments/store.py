"""The bytes of attachments, in files named by their SHA-256: equal files share one."""

import asyncio
import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from backoffice.errors import NotFound, TooLarge

_HASH = re.compile(r"[0-9a-f]{64}")
_UNITS = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


@dataclass(frozen=True)
class StoredFile:
    """What is known of a file once it is stored; `size_bytes` is its length."""

    sha256: str
    size_bytes: int


class FileStore:
    """A folder of files for this user alone: `ab/cd/abcd…`, and `incoming/` for what is still on its way.

    Any number of processes may share it. A file is there whole or not at all.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._incoming = directory / "incoming"

    async def save(self, chunks: AsyncIterator[bytes], *, limit: int) -> StoredFile:
        """Store what `chunks` yields; TooLarge beyond `limit` bytes. A stream that breaks off leaves nothing.

        Nothing refers to the file yet: whoever saved it adds the row in the same transaction, or
        `sweep` takes it away later.
        """
        draft = await asyncio.to_thread(_Draft, self._incoming)
        try:
            async for chunk in chunks:
                if draft.size_bytes + len(chunk) > limit:
                    raise TooLarge(f"This file is larger than the limit of {in_words(limit)}.")
                await asyncio.to_thread(draft.write, chunk)
            return await asyncio.to_thread(self._keep, draft)
        finally:
            draft.discard()

    def path(self, sha256: str) -> Path:
        """Where the file lies; NotFound if it doesn't, or if that is no SHA-256 in lower-case hex."""
        path = self._place(sha256)
        if not path.is_file():
            raise NotFound("The content of this file is missing.")
        return path

    def open(self, sha256: str) -> BinaryIO:
        """The file, open for reading."""
        return self.path(sha256).open("rb")

    def delete(self, sha256: str, *, saved_before: datetime | None = None) -> bool:
        """Delete the file, unless it was saved (again) since `saved_before`; whether it is now gone by us."""
        path = self._place(sha256)
        with self._locked(fcntl.LOCK_EX):
            if not path.is_file() or not _is_older(path, saved_before):
                return False
            path.unlink()
            return True

    def hashes(self, *, saved_before: datetime) -> Iterator[str]:
        """The SHA-256 of every file that was last saved before a moment, in no order."""
        for path in self.directory.glob("[0-9a-f][0-9a-f]/[0-9a-f][0-9a-f]/*"):
            if _HASH.fullmatch(path.name) and _is_older(path, saved_before):
                yield path.name

    def drop_drafts(self, *, begun_before: datetime) -> int:
        """Delete what a killed process left half written; how many there were."""
        stale = [path for path in self._incoming.glob("*") if _is_older(path, begun_before)]
        for path in stale:
            path.unlink(missing_ok=True)
        return len(stale)

    def _keep(self, draft: "_Draft") -> StoredFile:
        stored = draft.finish()
        place = self._place(stored.sha256)
        with self._locked(fcntl.LOCK_SH):
            _make_private(place.parent)
            # Also over an equal file: that makes it young again, and no sweep takes a young one.
            draft.path.replace(place)
            _sync_folder(place.parent)
        return stored

    def _place(self, sha256: str) -> Path:
        if not _HASH.fullmatch(sha256):
            raise NotFound("There is no such file.")
        return self.directory / sha256[:2] / sha256[2:4] / sha256

    @contextmanager
    def _locked(self, mode: int) -> Iterator[None]:
        """Keep a deletion from falling between another process's look at a file and its use of it."""
        _make_private(self.directory)
        descriptor = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, mode)
            yield
        finally:
            os.close(descriptor)


class _Draft:
    """A file that is being written. Buffered writers lock themselves, so `discard` may come at any time."""

    def __init__(self, folder: Path) -> None:
        _make_private(folder)
        self.path = folder / secrets.token_hex(16)
        self.size_bytes = 0
        self._digest = hashlib.sha256()
        self._file = os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

    def write(self, chunk: bytes) -> None:
        self._file.write(chunk)
        self._digest.update(chunk)
        self.size_bytes += len(chunk)

    def finish(self) -> StoredFile:
        self._file.flush()
        os.fsync(self._file.fileno())
        return StoredFile(self._digest.hexdigest(), self.size_bytes)

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self._file.close()


def in_words(size_bytes: int) -> str:
    """A size as people write it: 25 MB, 1.5 GB, 300 bytes."""
    for unit, name in _UNITS:
        if size_bytes >= unit:
            return f"{size_bytes / unit:.1f}".removesuffix(".0") + f" {name}"
    return f"{size_bytes} bytes"


def _make_private(folder: Path) -> None:
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)


def _is_older(path: Path, moment: datetime | None) -> bool:
    if moment is None:
        return True
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC) < moment
    except FileNotFoundError:
        return False


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
