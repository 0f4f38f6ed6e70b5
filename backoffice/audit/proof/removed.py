"""Which entries were taken on purpose, as far as trusted keys say so."""

from bisect import bisect_right
from collections.abc import Iterable

from backoffice.audit.proof.keys import KeyRing
from backoffice.audit.proof.removals import removed_entries
from backoffice.audit.proof.report import FindingKind, Report
from models import AuditRemoval, RemovalKind


class Ids:
    """Many ids, in the memory of their ranges."""

    def __init__(self, ranges: Iterable[range]) -> None:
        merged: list[range] = []
        for one in sorted(ranges, key=lambda one: one.start):
            if merged and one.start <= merged[-1].stop:
                merged[-1] = range(merged[-1].start, max(merged[-1].stop, one.stop))
            else:
                merged.append(one)
        self._ranges = merged
        self._starts = [one.start for one in merged]

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._starts, number) - 1
        return at >= 0 and number in self._ranges[at]


class Removed:
    """The ids of the entries that an erasure has blanked, or a retention has taken away."""

    def __init__(self, removals: Iterable[AuditRemoval], keys: KeyRing, report: Report) -> None:
        ranges: dict[RemovalKind, list[range]] = {kind: [] for kind in RemovalKind}
        for removal in removals:
            removed = removed_entries(removal, keys)
            if removed is None:
                report.add(FindingKind.REMOVAL, f"{removal}: no trusted key has signed what it states.")
            elif removed != [range(one.lower or 0, one.upper or 0) for one in removal.entry_ids]:
                report.add(FindingKind.REMOVAL, f"{removal}: its entries are not those that were signed.")
            ranges[removal.kind] += removed or []
        self.erased = Ids(ranges[RemovalKind.ERASURE])
        self.retained = Ids(ranges[RemovalKind.RETENTION])
