"""What an undo did to the rows of one table, and what stood in its way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

CHANGED_SINCE: Final = "changed since"
DELETED_SINCE: Final = "deleted since"
ERASED: Final = "erased for good"


@dataclass(frozen=True)
class UndoConflict:
    """A field that an undo left alone, and who made it what it is, where the history knows.

    `expected` is what the operation had made of it; for a row that is gone `current` is None.
    """

    table: str
    record_id: int
    field: str
    reason: str
    expected: Any
    current: Any
    changed_by: str | None = None
    changed_at: datetime | None = None
    changed_in: UUID | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "table": self.table,
            "record_id": self.record_id,
            "field": self.field,
            "reason": self.reason,
            "expected": self.expected,
            "current": self.current,
            "changed_by": self.changed_by,
            "changed_at": None if self.changed_at is None else self.changed_at.isoformat(),
            "changed_in": None if self.changed_in is None else str(self.changed_in),
        }


@dataclass(frozen=True)
class Reverted:
    """The ids of a table's rows by what became of them; `refused` has them by the reason."""

    table: str
    changed: frozenset[int] = frozenset()
    unchanged: frozenset[int] = frozenset()
    refused: Mapping[str, frozenset[int]] = field(default_factory=dict)
    conflicts: Sequence[UndoConflict] = ()
    conflict_count: int = 0
