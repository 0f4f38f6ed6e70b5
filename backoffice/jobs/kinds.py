"""Kinds of jobs: what a worker does with a chunk, by the name that the job has for it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.operations import Counts
from models import Job, JobChunk


@dataclass(frozen=True)
class ChunkOutcome:
    """What became of a chunk's rows.

    `rows` has the ids of those that did not change, by the reason; `conflicts` what an undo left alone;
    `result` what the kind wants to tell of the whole job, which replaces what it told before; `error`
    why none of the rows could be done.
    """

    counts: Counts = field(default_factory=Counts)
    rows: Mapping[str, Sequence[int]] = field(default_factory=dict)
    conflicts: Sequence[Mapping[str, Any]] = ()
    conflict_count: int = 0
    result: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""

    def as_json(self) -> dict[str, Any]:
        """What the chunk keeps of it."""
        return {
            **self.counts.as_json(),
            "rows": {reason: list(ids) for reason, ids in self.rows.items()},
            "conflicts": [*self.conflicts],
            "error": self.error,
        }


@dataclass(frozen=True, kw_only=True)
class JobKind:
    """`do` does a chunk in the transaction that it is given, and never commits.

    The operation under way (`current_change()`) is the job's. A `BackofficeError` that it raises is
    what the job says of the chunk's rows; the other chunks go on. `afterwards` runs when the whole job
    has ended and is committed, in whatever way it ended.
    """

    name: str
    do: Callable[[AsyncSession, Job, JobChunk], Awaitable[ChunkOutcome]]
    afterwards: Callable[[Job], Awaitable[None]] | None = None
