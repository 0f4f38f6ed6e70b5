"""What a verification checked, and what it found; told alike on a page, in a terminal and in a file."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, Self

#: So many findings are listed; all are counted.
MOST_LISTED: Final = 1_000


class FindingKind(StrEnum):
    """What is wrong, from the entries over their proof to the records that they speak of."""

    EDITED = "edited"  # an entry is not what was sealed
    DELETED = "deleted"  # an entry that was sealed is gone, and no retention on record took it
    INSERTED = "inserted"  # an entry stands in a place that was sealed without it
    REORDERED = "re-ordered"  # an entry stands in another one's place
    BACKDATED = "back-dated"  # an entry's moment does not fit the seals around it
    BLANKED = "blanked"  # personal values are gone, and no erasure on record took them
    SEAL = "seal"  # a seal is not sound, or does not follow the one before
    SEAL_MISSING = "seal missing"
    ANCHOR = "anchor"  # the chain is not the one whose hash was kept outside
    REMOVAL = "removal"  # a statement of what was removed is not what was signed
    RECORD = "record"  # a record is not what the history says it is
    FILE = "file"  # a file of a bundle is not what its manifest says


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, in a sentence, with the entry, the seal and the record that it is about."""

    kind: FindingKind
    sentence: str
    entry_id: int | None = None
    seal: int | None = None
    #: The record's table and key, as far as it is there.
    record: tuple[str, int] | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind.value,
            "sentence": self.sentence,
            "entry_id": self.entry_id,
            "seal": self.seal,
            **({"record": self.record} if self.record else {}),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        record = stored.get("record")
        known = {"kind": FindingKind(stored["kind"]), "record": tuple(record) if record else None}
        return cls(**{**stored, **known})


@dataclass
class Report:
    """What was checked, in numbers, and all that was found, in the order of the history."""

    #: The database, or the name of a bundle's file.
    source: str = "the database"
    #: The range that was asked for; None is no end.
    since: datetime | None = None
    until: datetime | None = None
    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended_at: datetime | None = None
    #: Entries of the range, and others that the same seals have.
    entries: int = 0
    beside: int = 0
    #: Of the sealed entries, those that were taken on record.
    erased: int = 0
    retained: int = 0
    #: Entries that no seal has yet: nothing is proved of them.
    unsealed: int = 0
    seals: int = 0
    first_seal: int | None = None
    last_seal: int | None = None
    sealed_through: datetime | None = None
    #: The ids of the keys that signed what was checked.
    keys: list[str] = field(default_factory=list)
    anchors: int = 0
    #: Live records that were compared with the history; None where they were not.
    records: int | None = None
    #: What the reader should know though nothing is wrong.
    notes: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    counts: Counter[FindingKind] = field(default_factory=Counter)

    @property
    def is_whole(self) -> bool:
        """Whether nothing was found."""
        return not self.counts

    @property
    def found(self) -> int:
        """How much was found, listed or not."""
        return self.counts.total()

    @property
    def first(self) -> Finding | None:
        """The first bad entry; where none is bad, the first finding."""
        entries = (finding for finding in self.findings if finding.entry_id is not None)
        return next(entries, None) or next(iter(self.findings), None)

    @property
    def seconds(self) -> float:
        """How long it took."""
        return ((self.ended_at or datetime.now(UTC)) - self.began_at).total_seconds()

    def add(
        self,
        kind: FindingKind,
        sentence: str,
        *,
        entry_id: int | None = None,
        seal: int | None = None,
        record: tuple[str, int] | None = None,
    ) -> None:
        """Count a finding, and list it as long as there is room."""
        self.counts[kind] += 1
        if len(self.findings) < MOST_LISTED:
            self.findings.append(Finding(kind, sentence, entry_id, seal, record))

    def replace(self, known: Finding, finding: Finding) -> None:
        """Put what turned out to be the matter in the place of a finding that is listed."""
        self.findings[self.findings.index(known)] = finding
        self.counts[known.kind] -= 1
        self.counts[finding.kind] += 1
        self.counts = +self.counts

    def drop(self, known: Finding) -> None:
        """Take back a finding that is listed."""
        self.findings.remove(known)
        self.counts[known.kind] -= 1
        self.counts = +self.counts

    @property
    def checked(self) -> list[str]:
        """What was checked, in sentences."""
        return list(self._checked())

    @property
    def verdict(self) -> str:
        """What came out, in one sentence."""
        if self.is_whole:
            return "Nothing was found: the history is whole."
        kinds = ", ".join(f"{count:,} {kind.value}" for kind, count in self.counts.items())
        return f"{counted(self.found, 'finding')}: {kinds}."

    def as_json(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        plain = {name: value for name, value in vars(self).items() if name not in _WITH_FORM}
        return {
            **plain,
            **{name: _iso(getattr(self, name)) for name in _MOMENTS},
            "findings": [finding.as_json() for finding in self.findings],
            "counts": {kind.value: count for kind, count in self.counts.items()},
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The report that `as_json` gave."""
        moments = {name: stored[name] and datetime.fromisoformat(stored[name]) for name in _MOMENTS}
        findings = [Finding.from_json(finding) for finding in stored["findings"]]
        counts = Counter({FindingKind(kind): count for kind, count in stored["counts"].items()})
        return cls(**{**stored, **moments, "findings": findings, "counts": counts})

    def _checked(self) -> Iterator[str]:
        beside = f", and {self.beside:,} around them in the same seals" if self.beside else ""
        yield f"{counted(self.entries, 'entry')}{self._range()}{beside}, in {self._chain()}."
        if self.keys:
            yield f"Signed by {' and '.join(self.keys)}."
        if self.anchors:
            yield f"{counted(self.anchors, 'anchor')} compared with the chain."
        if self.erased or self.retained:
            yield f"Removed on record: {self.erased:,} erased, {self.retained:,} let go of after retention."
        if self.unsealed:
            yield f"{counted(self.unsealed, 'entry')} not sealed yet: nothing is proved of them."
        if self.records is not None:
            yield f"{counted(self.records, 'record')} compared with what the history says of them."
        yield from self.notes

    def _range(self) -> str:
        ends = (("from", self.since), ("to", self.until))
        return "".join(f" {word} {_iso(moment)}" for word, moment in ends if moment)

    def _chain(self) -> str:
        if not self.seals:
            return "no seal"
        through = f", through {self.sealed_through:%Y-%m-%d %H:%M:%S} UTC" if self.sealed_through else ""
        return f"{counted(self.seals, 'seal')} ({self.first_seal} to {self.last_seal}{through})"


_MOMENTS: Final = ("since", "until", "began_at", "ended_at", "sealed_through")
_WITH_FORM: Final = {*_MOMENTS, "findings", "counts"}


def counted(number: int, noun: str) -> str:
    """How many of what: 1 entry, 2 entries."""
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {noun[:-1] + 'ies' if noun.endswith('y') else noun + 's'}"


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()
