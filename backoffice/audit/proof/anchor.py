"""The newest seal's hash, kept where the database's owner cannot reach it: in a file, or behind a URL.

A seal stands for all before it. So whoever drops the newest seals, or makes all of them anew with another
key, contradicts an anchor. The file is one JSON object a line, and only ever added to.
"""

import base64
import fcntl
import json
import logging
import os
from asyncio import to_thread
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any, Final, Protocol, Self
from urllib.request import HTTPRedirectHandler, Request, build_opener

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from backoffice.audit.proof.keys import KeyRing
from backoffice.audit.proof.sealer import newest_seal
from backoffice.audit.proof.seals import is_signed
from backoffice.errors import BadInput
from backoffice.settings import Settings
from models import AuditSeal

logger = logging.getLogger(__name__)

LOCAL_FILE: Final = "audit-anchors.ndjson"
#: Seconds that a server has for each step of an answer.
PATIENCE: Final = 10
#: More than a line has.
_TAIL: Final = 4096


@dataclass(frozen=True)
class Anchor:
    """That there was a seal with this number and this hash."""

    number: int
    hash: bytes
    sealed_at: datetime
    key_id: str
    signature: bytes

    @classmethod
    def of(cls, seal: AuditSeal) -> Self:
        return cls(seal.number, seal.hash, seal.sealed_at.astimezone(UTC), seal.key_id, seal.signature)

    @classmethod
    def from_line(cls, line: str | bytes) -> Self:
        """Read what `line` wrote; ValueError for anything else."""
        try:
            fields = json.loads(line)
            return cls(
                number=_number(fields["number"]),
                hash=bytes.fromhex(fields["hash"]),
                sealed_at=datetime.fromisoformat(fields["sealed_at"]),
                key_id=str(fields["key_id"]),
                signature=base64.b64decode(fields["signature"], validate=True),
            )
        except (KeyError, TypeError, OverflowError, RecursionError) as error:
            raise ValueError("an anchor has number, hash, sealed_at, key_id and signature") from error

    @property
    def line(self) -> str:
        """It as JSON, with its newline."""
        fields = {
            "number": self.number,
            "hash": self.hash.hex(),
            "sealed_at": self.sealed_at.isoformat(),
            "key_id": self.key_id,
            "signature": base64.b64encode(self.signature).decode(),
        }
        return json.dumps(fields) + "\n"

    def is_signed(self, keys: KeyRing) -> bool:
        """Whether a trusted key made the seal that it speaks of."""
        return is_signed(self.key_id, self.hash, self.signature, keys)


class AnchorPlace(Protocol):
    """Where anchors are kept."""

    def keep(self, anchor: Anchor) -> None:
        """Add `anchor`, unless it is the last one there; OSError or HTTPException where that failed."""


@dataclass(frozen=True)
class AnchorFile:
    """A file with an anchor a line, shared by the processes of a machine."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def keep(self, anchor: Anchor) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = anchor.line.encode()
        with self.path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if _last_line(file) != line:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())


class AnchorUrl:
    """A server that is sent each anchor, as JSON, once while this process lives."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._kept: Anchor | None = None
        self._opener = build_opener(_NoRedirect)

    def __str__(self) -> str:
        # The rest of it may be a secret.
        return "the URL of BACKOFFICE_AUDIT_ANCHOR"

    def keep(self, anchor: Anchor) -> None:
        if anchor != self._kept:
            headers = {"Content-Type": "application/json"}
            request = Request(self._url, anchor.line.encode(), headers, method="POST")  # noqa: S310 - http(s)
            with self._opener.open(request, timeout=PATIENCE):
                self._kept = anchor


def anchor_places(settings: Settings) -> list[AnchorPlace]:
    """Where this deployment keeps its anchors: in a file of its own, and where it was told."""
    chosen = settings.audit_anchor
    files = [AnchorFile(path) for path in anchor_files(settings)]
    return [*files, AnchorUrl(chosen)] if _is_url(chosen) else [*files]


def anchor_files(settings: Settings) -> list[Path]:
    """The files of them; `verify` reads these."""
    chosen = settings.audit_anchor
    own = settings.var_dir / LOCAL_FILE
    return [own, Path(chosen)] if chosen and not _is_url(chosen) else [own]


async def anchor_newest(factory: async_sessionmaker[AsyncSession], places: Iterable[AnchorPlace]) -> None:
    """Keep the newest seal's hash in all of `places`; a place that fails is named in the log.

    Nothing is lost by that: the next time it gets a newer one, which stands for this one as well.
    """
    async with factory() as session:
        newest = await newest_seal(session)
    if newest is not None:
        for place in places:
            await _keep(place, Anchor.of(newest))


def read_anchors(path: Path) -> list[Anchor]:
    """The anchors in a file, in the order in which they were kept; none where there is no file.

    A last line that was cut off does not count. BadInput for any other that is no anchor.
    """
    if not path.exists():
        return []
    whole_lines = path.read_bytes().split(b"\n")[:-1]
    return [_read(path, number, line) for number, line in enumerate(whole_lines, start=1)]


def known_anchors(settings: Settings) -> list[Anchor]:
    """All anchors in this deployment's files."""
    return [anchor for path in anchor_files(settings) for anchor in read_anchors(path)]


async def _keep(place: AnchorPlace, anchor: Anchor) -> None:
    try:
        await to_thread(place.keep, anchor)
    except (OSError, HTTPException) as error:
        logger.warning("Seal %s was not anchored in %s: %s", anchor.number, place, error)


def _number(value: Any) -> int:
    number = int(value)
    if not 0 <= number < 1 << 63:
        raise ValueError("no seal has such a number")
    return number


def _read(path: Path, number: int, line: bytes) -> Anchor:
    try:
        return Anchor.from_line(line)
    except ValueError as error:
        raise BadInput(f"{path}, line {number}, is no anchor: {error}.") from error


def _last_line(file: IO[bytes]) -> bytes:
    """The last whole line; what follows it was cut off in the writing, and is taken away."""
    size = file.seek(0, os.SEEK_END)
    start = file.seek(max(0, size - _TAIL))
    tail = file.read()
    whole = tail[: tail.rfind(b"\n") + 1]
    file.truncate(start + len(whole))
    return b"".join(whole.splitlines(keepends=True)[-1:])


def _is_url(place: str) -> bool:
    return place.startswith(("http://", "https://"))


class _NoRedirect(HTTPRedirectHandler):
    """Followed, a redirection would lose what is sent, and look as if it had been kept."""

    def redirect_request(self, *_: Any) -> None:
        return None
