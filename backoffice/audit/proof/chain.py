"""Holding entries against the seals that have them, and each seal against the one before."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Final

from backoffice.audit.proof.keys import KeyRing
from backoffice.audit.proof.moments import Moments, Personal, SeenEntry
from backoffice.audit.proof.removed import Removed
from backoffice.audit.proof.report import Finding, FindingKind, Report
from backoffice.audit.proof.seals import (
    Position,
    entries_of,
    faults_between,
    faults_of,
    hash_of,
    is_signed,
    position_of,
    root_of,
)
from models import AuditSeal

#: Seals in a row whose ends cannot be relied on are taken together, so many at most.
_LONGEST_FRAME: Final = 20
#: So many ids are remembered, to tell what was moved from what is gone.
_MOST_REMEMBERED: Final = 100_000


class ChainCheck:
    """One walk along the chain: `run` it once; what it finds is in the report.

    `start` is the seal before the first one to be checked. Where `is_open`, the entries go on behind
    the last seal, and are counted as not sealed.
    """

    def __init__(
        self,
        report: Report,
        keys: KeyRing,
        removed: Removed,
        *,
        start: AuditSeal | None = None,
        is_open: bool = True,
    ) -> None:
        self._report, self._keys, self._removed = report, keys, removed
        self._previous, self._is_open = start, is_open
        self._since = report.since or datetime.min.replace(tzinfo=UTC)
        self._until = report.until or datetime.max.replace(tzinfo=UTC)
        self._moments = Moments()
        self._sound: set[int] = set()
        self._gap: range | None = None
        self._missing: set[int] = set()
        self._strange: set[int] = set()
        #: Entries that are not what was sealed, and the leaf that each was sealed with.
        self.edited: dict[int, bytes] = {}

    def run(self, seals: Iterable[AuditSeal], entries: Iterator[SeenEntry]) -> None:
        """Check `seals` in the order of their numbers, with `entries` in that of their positions."""
        if self._previous is not None:
            self._check_start(self._previous)
        ahead = _Ahead(entries)
        for frame in self._frames(seals):
            is_last = frame[-1].hash != hash_of(frame[-1]) and len(frame) < _LONGEST_FRAME
            here = ahead.rest() if is_last else ahead.through(position_of(frame[-1]))
            self._compare(frame, here, is_last=is_last)
        if self._is_open:
            self._compare([], ahead.rest(), is_last=True)
        self._pair_moved()

    def _check_start(self, seal: AuditSeal) -> None:
        if seal.hash == hash_of(seal) and is_signed(seal.key_id, seal.hash, seal.signature, self._keys):
            self._moments.rely_on(seal)
        else:
            sentence = f"Seal {seal.number}, which the first one checked stands on, is not sound."
            self._report.add(FindingKind.SEAL, sentence, seal=seal.number)

    def _frames(self, seals: Iterable[AuditSeal]) -> Iterator[list[AuditSeal]]:
        """Seals up to an end that can be relied on: one each, as long as they are sound."""
        frame: list[AuditSeal] = []
        for seal in seals:
            self._check_seal(seal)
            frame.append(seal)
            if seal.hash == hash_of(seal) or len(frame) == _LONGEST_FRAME:
                yield frame
                frame = []
        if frame:
            yield frame

    def _check_seal(self, seal: AuditSeal) -> None:
        faults = faults_of(seal, self._keys)
        expected = self._previous.number + 1 if self._previous else 1
        if seal.number > expected:
            self._gap = range(expected, seal.number)
        else:
            faults += faults_between(seal, self._previous)
        if faults:
            sentence = f"Seal {seal.number} is not sound: {'; '.join(faults)}."
            self._report.add(FindingKind.SEAL, sentence, seal=seal.number)
        else:
            self._sound.add(seal.number)
        self._note_seal(seal)
        self._previous = seal

    def _note_seal(self, seal: AuditSeal) -> None:
        report = self._report
        report.seals += 1
        report.first_seal = seal.number if report.first_seal is None else report.first_seal
        report.last_seal, report.sealed_through = seal.number, seal.sealed_at
        if seal.key_id not in report.keys:
            report.keys.append(seal.key_id)

    def _compare(self, frame: list[AuditSeal], entries: Iterator[SeenEntry], *, is_last: bool) -> None:
        """Find the entries that a frame has among those that stand in its place."""
        found: list[Finding] = []
        expected, entries = self._expected(frame, entries)
        if self._gap is not None:
            entries = self._check_gap(self._gap, expected, entries)
        is_sound = bool(frame) and frame[-1].number in self._sound
        latest = frame[-1].sealed_at if is_sound else datetime.now(UTC)
        for entry in entries:
            leaf = expected.pop(entry.id, None)
            if leaf is None and not is_last:
                found.append(self._stranger(entry, frame[-1]))
                continue
            self._count(entry, is_sealed=leaf is not None)
            if leaf is None:
                self._note_unsealed(entry)
            elif leaf != entry.leaf or entry.personal:
                found += self._altered(entry, leaf, frame)
            if leaf in (None, entry.leaf) and (fault := self._moments.fault_of(entry, latest)):
                found.append(fault)
        found += self._gone(expected, frame)
        for finding in sorted(found, key=lambda one: one.entry_id or 0):
            self._report.add(finding.kind, finding.sentence, entry_id=finding.entry_id, seal=finding.seal)
        for seal in frame:
            if seal.number in self._sound:
                self._moments.rely_on(seal)

    def _expected(
        self, frame: list[AuditSeal], entries: Iterator[SeenEntry]
    ) -> tuple[dict[int, bytes], Iterator[SeenEntry]]:
        """The leaf of each entry by its id.

        The list is in the database as well. Where it is not what the root is of, but the entries are, it is
        the list that was changed.
        """
        if len(frame) == 1 and frame[0].root != root_of(frame[0].entries):
            seen = list(entries)
            as_seen = b"".join(entry.id.to_bytes(8, signed=True) + entry.leaf for entry in seen)
            if frame[0].root == root_of(as_seen):
                return dict(entries_of(as_seen)), iter(seen)
            entries = iter(seen)
        return {number: leaf for seal in frame for number, leaf in entries_of(seal.entries)}, entries

    def _check_gap(
        self, gap: range, expected: dict[int, bytes], entries: Iterator[SeenEntry]
    ) -> Iterator[SeenEntry]:
        """Skip what the missing seals had: whatever comes before the first entry of the next one."""
        self._gap, first, last, count = None, None, None, 0
        for entry in entries:
            if entry.id in expected:
                entries = chain((entry,), entries)
                break
            first, last, count = first or entry.id, entry.id, count + 1
        seals = f"Seal {gap.start} is" if len(gap) == 1 else f"Seals {gap.start} to {gap.stop - 1} are"
        ids = f": {count:,} entries, {first} to {last}, are proved by nothing" if count else ""
        self._report.add(FindingKind.SEAL_MISSING, f"{seals} missing{ids}.", entry_id=first, seal=gap.start)
        return entries

    def _count(self, entry: SeenEntry, *, is_sealed: bool) -> None:
        if not self._since <= entry.created_at < self._until:
            self._report.beside += is_sealed
        elif is_sealed:
            self._report.entries += 1
        else:
            self._report.unsealed += 1

    def _note_unsealed(self, entry: SeenEntry) -> None:
        if entry.id in self._missing:
            self._strange.add(entry.id)

    def _stranger(self, entry: SeenEntry, seal: AuditSeal) -> Finding:
        if len(self._strange) < _MOST_REMEMBERED:
            self._strange.add(entry.id)
        sentence = (
            f"Entry {entry.id} was inserted or back-dated: it stands in a place that seal {seal.number}"
            " covers without it."
        )
        return Finding(FindingKind.INSERTED, sentence, entry.id, seal.number)

    def _altered(self, entry: SeenEntry, leaf: bytes, frame: list[AuditSeal]) -> Iterator[Finding]:
        if leaf != entry.leaf:
            if len(self.edited) < _MOST_REMEMBERED:
                self.edited[entry.id] = leaf
            number = _seal_of(entry.id, frame)
            sentence = f"Entry {entry.id} was edited: it is not what seal {number} has."
            yield Finding(FindingKind.EDITED, sentence, entry.id, number)
        elif entry.personal == Personal.UNPROVED:
            number = _seal_of(entry.id, frame)
            sentence = f"Entry {entry.id} was edited: nothing proves the personal values that it has."
            yield Finding(FindingKind.EDITED, sentence, entry.id, number)
        elif entry.personal == Personal.BLANK and entry.id in self._removed.erased:
            self._report.erased += 1
        elif entry.personal == Personal.BLANK:
            sentence = (
                f"Entry {entry.id} is blank: its personal values are missing without an erasure on record."
            )
            yield Finding(FindingKind.BLANKED, sentence, entry.id, _seal_of(entry.id, frame))

    def _gone(self, expected: dict[int, bytes], frame: list[AuditSeal]) -> Iterator[Finding]:
        """What is left of what was sealed, once everything that is there was found."""
        for entry_id in expected:
            if entry_id in self._removed.retained:
                self._report.retained += 1
                continue
            if len(self._missing) < _MOST_REMEMBERED:
                self._missing.add(entry_id)
            number = _seal_of(entry_id, frame)
            sentence = (
                f"Entry {entry_id} was deleted: seal {number} has it, and no retention on record took it."
            )
            yield Finding(FindingKind.DELETED, sentence, entry_id, number)

    def _pair_moved(self) -> None:
        """What is gone from one place and a stranger in another was moved."""
        moved = self._missing & self._strange
        for finding in [one for one in self._report.findings if one.entry_id in moved]:
            if finding.kind == FindingKind.INSERTED:
                self._report.drop(finding)
            elif finding.kind == FindingKind.DELETED:
                sentence = (
                    f"Entry {finding.entry_id} was re-ordered: it is not where seal {finding.seal} has it."
                )
                self._report.replace(
                    finding, Finding(FindingKind.REORDERED, sentence, finding.entry_id, finding.seal)
                )


class _Ahead:
    """Entries, of which the next one is looked at before it is taken."""

    def __init__(self, entries: Iterator[SeenEntry]) -> None:
        self._entries = entries
        self._next = next(entries, None)

    def through(self, position: Position) -> Iterator[SeenEntry]:
        """The entries up to a position."""
        while self._next is not None and (self._next.xid, self._next.id) <= position:
            entry, self._next = self._next, next(self._entries, None)
            yield entry

    def rest(self) -> Iterator[SeenEntry]:
        while self._next is not None:
            entry, self._next = self._next, next(self._entries, None)
            yield entry


def _seal_of(entry_id: int, frame: list[AuditSeal]) -> int:
    """The number of the seal that has an entry, of those in a frame: nearly always, there is but one."""
    having = (
        seal for seal in frame[:-1] if any(entry_id == number for number, _ in entries_of(seal.entries))
    )
    return next(having, frame[-1]).number
