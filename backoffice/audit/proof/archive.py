"""The file that a bundle is: a ZIP, written as a stream, and what lies in it under which name."""

import hashlib
import json
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import IO, Any, Final

from backoffice.audit.proof.keys import KeyRing, SigningKey

#: The version of the format, which the manifest states.
FORMAT: Final = 1

README: Final = "README.txt"
KEYS: Final = "keys.json"
REMOVALS: Final = "removals.ndjson"
SEALS: Final = "seals.ndjson"
ENTRIES: Final = "entries.ndjson"
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.signature.json"

#: What the files are that the manifest states the SHA-256 of.
CONTENTS: Final = (README, KEYS, REMOVALS, SEALS, ENTRIES)

#: What a signature says first, so that none can pass for another kind of statement.
_PURPOSE: Final = b"backoffice bundle 1\n"

# Digests and texts: a higher level takes three times as long for a tenth of the size.
_LEVEL: Final = 1


class Archive:
    """A ZIP that is written piece by piece, and taken away as far as it is finished."""

    def __init__(self) -> None:
        self._out = _Out()
        self._zip = zipfile.ZipFile(self._out, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL)
        self._member: IO[bytes] | None = None
        self._name = ""
        self._hash = hashlib.sha256()
        self.hashes: dict[str, str] = {}

    def write(self, name: str, piece: bytes) -> None:
        """Add to the file `name`; the one before it is finished by that."""
        if name != self._name:
            self.finish()
            moment = datetime.now(UTC).timetuple()[:6]
            member = zipfile.ZipInfo(name, moment)
            member.compress_type = zipfile.ZIP_DEFLATED
            self._name, self._member = name, self._zip.open(member, "w", force_zip64=True)
            self._hash = hashlib.sha256()
        if self._member is not None:
            self._member.write(piece)
            self._hash.update(piece)

    def finish(self) -> None:
        """End the file that is being written; its hash is known then."""
        if self._member is not None:
            self._member.close()
            self.hashes[self._name] = self._hash.hexdigest()
            self._member = None

    def close(self) -> None:
        self.finish()
        self._zip.close()

    def taken(self) -> bytes:
        """The bytes since the last time."""
        return self._out.taken()


class _Out:
    """What a ZIP is written to: it cannot go back."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """There is nothing to wait for."""

    def close(self) -> None:
        """There is nothing to give back."""

    def taken(self) -> bytes:
        taken, self._pieces = b"".join(self._pieces), []
        return taken


def signature_of(manifest: bytes, key: SigningKey) -> bytes:
    """The content of SIGNATURE: who says that this is the whole bundle."""
    return as_json({"key_id": key.key_id, "signature": key.sign(_PURPOSE + manifest).hex()})


def is_signed(manifest: bytes, signature: Mapping[str, str], keys: KeyRing) -> bool:
    """Whether a trusted key signed just this manifest."""
    return keys.has_signed(signature["key_id"], _PURPOSE + manifest, bytes.fromhex(signature["signature"]))


def as_json(content: Any) -> bytes:
    """As people read it, too."""
    return json.dumps(content, ensure_ascii=False, indent=2).encode() + b"\n"


def as_line(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode() + b"\n"
