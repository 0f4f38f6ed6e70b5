"""A record's history by what people did: the entries that one operation left are one step of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

from backoffice.audit.browse import Entry
from backoffice.audit.names import Place


@dataclass(frozen=True)
class Step:
    """What one operation did to a record and what belongs to it; or one entry outside of any operation.

    Entries are newest first; there is at least one.
    """

    entries: Sequence[Entry]

    @property
    def newest(self) -> Entry:
        """Its last entry: the record has since been as this left it, until the next step."""
        return self.entries[0]

    @property
    def place(self) -> Place:
        """Where the history goes on below it."""
        return self.entries[-1].place


@dataclass(frozen=True)
class Timeline:
    """Some steps, newest first, and after which place older ones begin; None: there are none."""

    steps: Sequence[Step]
    older: Place | None


def timeline(entries: Sequence[Entry], *, most_entries: int, most_steps: int) -> Timeline:
    """The first steps of `entries`, which are newest first, and one more than `most_entries` if there are.

    A step of which entries are left is whole on the next page, unless it is larger than a page.
    """
    is_cut = len(entries) > most_entries
    steps = [Step(list(group)) for _, group in groupby(entries[:most_entries], key=_operation)]
    if is_cut and len(steps) > 1 and _operation(entries[most_entries]) == _operation(steps[-1].newest):
        steps.pop()
    shown = steps[:most_steps]
    has_older = is_cut or len(shown) < len(steps)
    return Timeline(shown, shown[-1].place if has_older else None)


def _operation(entry: Entry) -> UUID | int:
    """What makes entries one step; what was written outside of any operation stands alone."""
    return entry.operation_id or entry.id
