"""When an entry can have been written, by the word of the seals before it and its own."""

from collections import deque
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Final, NamedTuple

from backoffice.audit.proof.report import Finding, FindingKind
from backoffice.audit.proof.seals import LARGEST_SEAL
from models import AuditSeal

#: Clocks may be so wrong.
SLACK: Final = timedelta(seconds=2)


class Personal(IntEnum):
    """How the personal values of an entry stand to its proof."""

    PROVED = 0  # if the leaf is right
    BLANK = 1
    UNPROVED = 2


class SeenEntry(NamedTuple):
    """An entry as it is now; `leaf` was worked out from its columns."""

    xid: int
    id: int
    created_at: datetime
    leaf: bytes
    personal: Personal | int


class Moments:
    """What sound seals say of moments and transactions. Entries are asked about in the order of the proof."""

    def __init__(self) -> None:
        self._to_come: deque[AuditSeal] = deque()
        #: The last seal that had been made before the transaction of the present entry began.
        self._before: AuditSeal | None = None
        #: The last seal that had all there was below its horizon.
        self._complete: AuditSeal | None = None

    def rely_on(self, seal: AuditSeal) -> None:
        """Take the word of a sound seal, once its own entries were looked at."""
        self._to_come.append(seal)
        # One that is full may have been cut off within what one horizon let through.
        if seal.entry_count < LARGEST_SEAL:
            self._complete = seal

    def fault_of(self, entry: SeenEntry, latest: datetime) -> Finding | None:
        """What is wrong with the moment of `entry`, which was there at `latest`."""
        while self._to_come and self._to_come[0].next_xid <= entry.xid:
            self._before = self._to_come.popleft()
        if self._complete is not None and entry.xid < self._complete.horizon_xid:
            return _inserted(entry, self._complete)
        if entry.created_at > latest + SLACK:
            return _backdated(entry, f"but was there at {_utc(latest)}")
        if self._before is not None and entry.created_at < self._before.sealed_at - SLACK:
            since = f"seal {self._before.number}, of {_utc(self._before.sealed_at)}"
            return _backdated(entry, f"but its transaction began after {since}")
        return None


def _inserted(entry: SeenEntry, seal: AuditSeal) -> Finding:
    return Finding(
        FindingKind.INSERTED,
        f"Entry {entry.id} was inserted: it names a transaction ({entry.xid}) that had ended, with all its"
        f" entries sealed, before seal {seal.number}.",
        entry.id,
    )


def _backdated(entry: SeenEntry, but: str) -> Finding:
    sentence = f"Entry {entry.id} is dated wrongly: it says {_utc(entry.created_at)}, {but}."
    return Finding(FindingKind.BACKDATED, sentence, entry.id)


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
