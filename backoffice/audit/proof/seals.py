"""What a seal states, in bytes: its header, its hash, what is signed, and how one follows from another."""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from sqlalchemy.orm.attributes import set_committed_value

from backoffice.audit.proof.keys import KeyRing, SigningKey
from backoffice.audit.proof.merkle import merkle_root
from models import AuditSeal

#: A seal has so many entries at most.
LARGEST_SEAL: Final = 10_000
#: Of each it has the id, in 8 bytes, and the leaf, in 32 (`backoffice.audit.leaf`).
ENTRY_BYTES: Final = 40
_ID_BYTES: Final = 8

#: What the first seal says of the one before.
NO_HASH: Final = bytes(32)

#: What a signature says first, so that none can pass for another kind of statement.
_PURPOSE: Final = b"backoffice seal 1\n"


#: What is taken for a value that is missing, which no seal may lack.
_NOTHING: Final[Mapping[str, Any]] = {
    "sealed_at": datetime(1970, 1, 1, tzinfo=UTC),
    **dict.fromkeys(("horizon_xid", "next_xid", "through_xid", "through_id", "entry_count"), 0),
    **dict.fromkeys(("entries", "root", "previous_hash", "hash", "signature"), b""),
    "key_id": "",
}


class Position(NamedTuple):
    """A place in the order of the proof: by transaction, and within one by id."""

    xid: int
    id: int


#: Before every entry.
START: Final = Position(0, 0)


class Horizon(NamedTuple):
    """What had ended, and what had not begun, at one moment of the database."""

    at: datetime
    #: All transactions below it had ended.
    horizon_xid: int
    #: None from this one on had begun.
    next_xid: int


def new_seal(
    previous: AuditSeal | None, horizon: Horizon, through: Position, entries: bytes, key: SigningKey
) -> AuditSeal:
    """The seal that follows `previous`, over `entries` (40 bytes each), which end at `through`."""
    seal = AuditSeal(
        number=1 if previous is None else previous.number + 1,
        sealed_at=horizon.at,
        horizon_xid=horizon.horizon_xid,
        next_xid=horizon.next_xid,
        through_xid=through.xid,
        through_id=through.id,
        entry_count=len(entries) // ENTRY_BYTES,
        entries=entries,
        root=root_of(entries),
        previous_hash=NO_HASH if previous is None else previous.hash,
        key_id=key.key_id,
    )
    seal.hash = hash_of(seal)
    seal.signature = key.sign(_PURPOSE + seal.hash)
    return seal


def header_of(seal: AuditSeal) -> bytes:
    """Everything that a seal states, a line each, in ASCII."""
    fields = {
        "number": seal.number,
        "sealed_at": seal.sealed_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "horizon_xid": seal.horizon_xid,
        "next_xid": seal.next_xid,
        "through_xid": seal.through_xid,
        "through_id": seal.through_id,
        "entry_count": seal.entry_count,
        "root": seal.root.hex(),
        "previous_hash": seal.previous_hash.hex(),
        "key_id": seal.key_id,
    }
    return "".join(f"{name} {value}\n" for name, value in fields.items()).encode()


def hash_of(seal: AuditSeal) -> bytes:
    """The SHA-256 of its header, worked out anew."""
    return hashlib.sha256(header_of(seal)).digest()


def root_of(entries: bytes) -> bytes:
    """The root of the Merkle tree over entries of 40 bytes each."""
    return merkle_root(entries[at : at + ENTRY_BYTES] for at in range(0, len(entries), ENTRY_BYTES))


def entries_of(entries: bytes) -> Iterator[tuple[int, bytes]]:
    """The id and the leaf of each entry that a seal has, in their order."""
    for at in range(0, len(entries), ENTRY_BYTES):
        leaf_at = at + _ID_BYTES
        yield int.from_bytes(entries[at:leaf_at], signed=True), entries[leaf_at : at + ENTRY_BYTES]


def is_signed(key_id: str, seal_hash: bytes, signature: bytes, keys: KeyRing) -> bool:
    """Whether the trusted key called `key_id` signed a seal with this hash."""
    return keys.has_signed(key_id, _PURPOSE + seal_hash, signature)


def position_of(seal: AuditSeal | None) -> Position:
    """The last entry that is sealed once `seal` is; before all entries, where there is none."""
    return START if seal is None else Position(seal.through_xid, seal.through_id)


def without_holes(seal: AuditSeal) -> AuditSeal:
    """The seal, with values that are none of its own where somebody emptied a column: it is not sound."""
    for name, value in _NOTHING.items():
        if getattr(seal, name) is None:
            set_committed_value(seal, name, value)
    return seal


def faults_of(seal: AuditSeal, keys: KeyRing) -> list[str]:
    """What a seal says of itself that is not so, in words; it takes the `entries` to be loaded."""
    found = {
        "its hash is not that of what it states": seal.hash != hash_of(seal),
        "no trusted key has signed it": not is_signed(seal.key_id, seal.hash, seal.signature, keys),
        "its root is not that of its entries": seal.root != root_of(seal.entries),
        "it does not have as many entries as it states": len(seal.entries) != ENTRY_BYTES * seal.entry_count,
        "it has no entries": not seal.entries,
        "its last entry is not the one that it states": not _ends_at(seal.entries, seal.through_id),
        "it reaches beyond its own horizon": not seal.through_xid < seal.horizon_xid <= seal.next_xid,
    }
    return [fault for fault, is_so in found.items() if is_so]


def faults_between(seal: AuditSeal, previous: AuditSeal | None) -> list[str]:
    """What keeps `seal` from following `previous` (or from being the first), in words."""
    number, previous_hash = (0, NO_HASH) if previous is None else (previous.number, previous.hash)
    found = {
        f"its number is not {number + 1}": seal.number != number + 1,
        "it was made on top of another seal": seal.previous_hash != previous_hash,
        "it ends where the seal before it does, or earlier": position_of(seal) <= position_of(previous),
        "its horizon lies behind that of the seal before it": (
            previous is not None
            and (seal.horizon_xid < previous.horizon_xid or seal.next_xid < previous.next_xid)
        ),
    }
    return [fault for fault, is_so in found.items() if is_so]


def _ends_at(entries: bytes, through_id: int) -> bool:
    return entries[-ENTRY_BYTES:][:_ID_BYTES] == through_id.to_bytes(_ID_BYTES, signed=True)
