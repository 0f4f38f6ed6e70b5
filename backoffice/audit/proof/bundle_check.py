"""Verifying a bundle without any database, by the rules that lie in it (BUNDLE.txt)."""

import base64
import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID
from zipfile import BadZipFile, ZipFile

from sqlalchemy.dialects.postgresql import Range

from backoffice.audit.proof import archive
from backoffice.audit.proof.anchor import Anchor
from backoffice.audit.proof.anchored import compare_anchors
from backoffice.audit.proof.chain import ChainCheck
from backoffice.audit.proof.keys import KeyRing, PublicKey
from backoffice.audit.proof.moments import Personal, SeenEntry
from backoffice.audit.proof.progress import Progress, nobody_looks
from backoffice.audit.proof.removed import Removed
from backoffice.audit.proof.report import FindingKind, Report
from backoffice.errors import BadInput
from models import AuditRemoval, AuditSeal, RemovalKind

#: An entry is said to be done so often.
_STEP: Final = 1_000
_PIECE: Final = 1 << 20
#: Bytes. A file from somebody else may be packed small and be endless.
LONGEST_LINE: Final = 1 << 28
LARGEST_WHOLE: Final = 1 << 20
_OWN_KEYS: Final = (
    "The keys are the bundle's own: this shows that it fits together, not who made it. Give the public key"
    " of the system that it came from."
)


def verify_bundle(
    path: Path,
    keys: KeyRing | None,
    progress: Progress = nobody_looks,
    *,
    anchors: Iterable[Anchor] = (),
) -> Report:
    """Check everything that can be checked of a bundle.

    Without `keys` its own are taken, and the report says so. Of `anchors` those of its seals are compared.
    BadInput for a file that is no bundle.
    """
    try:
        with ZipFile(path) as bundle:
            return _Bundle(bundle, path.name, keys).check(anchors, progress)
    except _UNREADABLE as error:
        raise BadInput(f"{path.name} is no bundle that could be checked: {error}") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error


# RuntimeError is what says that JSON is too deep, or a file encrypted.
_UNREADABLE: Final = (
    BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
    RuntimeError,
)


class _Bundle:
    """A bundle that is open."""

    def __init__(self, bundle: ZipFile, name: str, keys: KeyRing | None) -> None:
        self._zip = bundle
        self._raw_manifest = self._whole(archive.MANIFEST)
        self._manifest = json.loads(self._raw_manifest)
        if self._manifest["format"] != archive.FORMAT:
            raise ValueError(f"it is of format {self._manifest['format']}, not {archive.FORMAT}")
        self._named = json.loads(self._whole(archive.KEYS))
        self._keys = keys or KeyRing(map(PublicKey.from_text, self._named.values()))
        self._are_given = keys is not None
        self._report = Report(
            source=name, since=_moment(self._manifest["since"]), until=_moment(self._manifest["until"])
        )
        self._hashes: dict[int, bytes] = {}

    def check(self, anchors: Iterable[Anchor], progress: Progress) -> Report:
        report = self._report
        self._check_keys()
        self._check_manifest()
        removed = Removed(map(_removal, self._lines(archive.REMOVALS)), self._keys, report)
        start, seals = self._seals()
        ChainCheck(report, self._keys, removed, start=start, is_open=self._manifest["is_open"]).run(
            seals, self._entries(progress)
        )
        self._compare_counts()
        self._check_anchors(anchors)
        report.ended_at = datetime.now(UTC)
        return report

    def _check_keys(self) -> None:
        if not self._are_given:
            self._report.notes.append(_OWN_KEYS)
        for key_id, text in self._named.items():
            if self._are_given and key_id not in self._keys.keys:
                sentence = (
                    f"{archive.KEYS} names the key {key_id} ({text}), which is not one that is trusted."
                )
                self._report.add(FindingKind.FILE, sentence)

    def _check_manifest(self) -> None:
        """The manifest must be signed, if it is, by a trusted key, and the files be those that it states."""
        if archive.SIGNATURE not in self._zip.namelist():
            self._report.notes.append(
                "The manifest is not signed: nothing shows that the bundle has all that it was made with."
            )
        elif not archive.is_signed(
            self._raw_manifest, json.loads(self._whole(archive.SIGNATURE)), self._keys
        ):
            self._report.add(FindingKind.FILE, f"{archive.MANIFEST} was not signed by a trusted key.")
        for name in archive.CONTENTS:
            if self._sha256(name) != self._manifest["sha256"][name]:
                sentence = f"{name} is not the file that {archive.MANIFEST} speaks of."
                self._report.add(FindingKind.FILE, sentence)

    def _sha256(self, name: str) -> str:
        digest = hashlib.sha256()
        with self._zip.open(name) as member:
            while piece := member.read(_PIECE):
                digest.update(piece)
        return digest.hexdigest()

    def _seals(self) -> tuple[AuditSeal | None, Iterator[AuditSeal]]:
        """The seal that the first one stands on, if any, and the seals."""
        lines = self._lines(archive.SEALS)
        first = next(lines, None)
        if first is None:
            return None, iter(())
        if first["entries"] is None:
            return _seal(first), self._noted(lines)
        return None, self._noted(_again(first, lines))

    def _noted(self, lines: Iterable[Any]) -> Iterator[AuditSeal]:
        for line in lines:
            seal = _seal(line)
            self._hashes[seal.number] = seal.hash
            yield seal

    def _entries(self, progress: Progress) -> Iterator[SeenEntry]:
        since = self._report.since or datetime.min.replace(tzinfo=UTC)
        until = self._report.until or datetime.max.replace(tzinfo=UTC)
        total = self._manifest["entries"] + self._manifest["beside"]
        done = 0
        for done, line in enumerate(self._raw_lines(archive.ENTRIES), start=1):
            entry = self._read(archive.ENTRIES, done, line, _entry)
            # Only what is beside the range may come without its personal values.
            if entry.personal == _LEFT_OUT:
                is_of_range = since <= entry.created_at < until
                entry = entry._replace(personal=Personal.UNPROVED if is_of_range else Personal.PROVED)
            yield entry
            if done % _STEP == 0:
                progress(done, max(done, total))
        progress(max(done, total), max(done, total))

    def _compare_counts(self) -> None:
        report, said = self._report, self._manifest
        seen = {
            "seals": report.seals,
            "first_seal": report.first_seal,
            "last_seal": report.last_seal,
        }
        for name, count in seen.items():
            if said[name] != count:
                sentence = (
                    f"{archive.MANIFEST} says {name.replace('_', ' ')} {said[name]}, and it is {count}."
                )
                report.add(FindingKind.FILE, sentence)

    def _check_anchors(self, anchors: Iterable[Anchor]) -> None:
        """Of anchors the bundle can only contradict those of its own seals."""
        known = [anchor for anchor in anchors if anchor.number in self._hashes]
        compare_anchors(known, self._hashes, max(self._hashes, default=0), self._keys, self._report)

    def _lines(self, name: str) -> Iterator[Any]:
        for number, line in enumerate(self._raw_lines(name), start=1):
            yield self._read(name, number, line, json.loads)

    def _raw_lines(self, name: str) -> Iterator[str]:
        with self._zip.open(name) as member:
            rest = b""
            while piece := member.read(_PIECE):
                *lines, rest = (rest + piece).split(b"\n")
                if len(rest) > LONGEST_LINE:
                    raise ValueError(f"{name} has a line of more than {LONGEST_LINE >> 20} MB")
                yield from (line.decode() for line in lines)
            if rest:
                yield rest.decode()

    def _whole(self, name: str) -> bytes:
        if self._zip.getinfo(name).file_size > LARGEST_WHOLE:
            raise ValueError(f"{name} has more than {LARGEST_WHOLE >> 20} MB")
        return self._zip.read(name)

    @staticmethod
    def _read(name: str, number: int, line: str, read: Callable[[str], Any]) -> Any:
        try:
            return read(line)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{name}, line {number}, cannot be read") from error


_JSON: Final = json.JSONDecoder()
_BEFORE_ENTRY: Final = '{"entry": '
_BEFORE_PERSONAL: Final = ', "personal": '
_BEFORE_SALT: Final = ', "salt": '
#: Beside what `Personal` knows: the line ends with the entry.
_LEFT_OUT: Final = -1


def _entry(line: str) -> SeenEntry:
    """An entry of the history, with the digests of what stands in the line to the byte."""
    start = len(_BEFORE_ENTRY)
    fields, end = _JSON.raw_decode(line, start)
    return SeenEntry(
        fields["xid"],
        fields["id"],
        datetime.fromisoformat(fields["created_at"]),
        hashlib.sha256(line[start:end].encode()).digest(),
        _personal(line, end, fields["personal_digest"]),
    )


def _personal(line: str, end: int, digest: str) -> int:
    if line[end:].rstrip() == "}":
        return _LEFT_OUT
    start = end + len(_BEFORE_PERSONAL)
    values, end = _JSON.raw_decode(line, start)
    salt, _ = _JSON.raw_decode(line, end + len(_BEFORE_SALT))
    if salt is None:
        return Personal.UNPROVED if values else Personal.BLANK
    proved = hashlib.sha256(UUID(salt).bytes + line[start:end].encode()).hexdigest()
    return Personal.PROVED if proved == digest else Personal.UNPROVED


def _seal(line: Any) -> AuditSeal:
    digests = {name: bytes.fromhex(line[name]) for name in ("root", "previous_hash", "hash")}
    numbers = ("number", "horizon_xid", "next_xid", "through_xid", "through_id", "entry_count")
    return AuditSeal(
        **{name: int(line[name]) for name in numbers},
        **digests,
        sealed_at=datetime.fromisoformat(line["sealed_at"]),
        key_id=line["key_id"],
        signature=base64.b64decode(line["signature"]),
        entries=base64.b64decode(line["entries"] or ""),
    )


def _removal(line: Any) -> AuditRemoval:
    entries = json.loads(line["statement"])["entries"]
    return AuditRemoval(
        entry_ids=[Range(lower, upper) for lower, upper in entries],
        id=line["id"],
        kind=RemovalKind(line["kind"]),
        statement=line["statement"],
        key_id=line["key_id"],
        signature=base64.b64decode(line["signature"]),
    )


def _again(first: Any, others: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from others


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
