"""Asking for a job: its rows, and the word to the workers, in the transaction of who asks."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.context import Change, current_change
from backoffice.audit.record import begin_operation
from backoffice.jobs.queue import enqueue
from models import Job, JobChunk, JobState

#: So many rows are changed in one transaction: long enough to cost little, short enough to wait for.
CHUNK_ROWS: Final = 5_000


@dataclass(frozen=True)
class Part:
    """Records of one table that are done in one transaction; a later stage waits for all earlier ones."""

    table_name: str
    record_ids: Sequence[int]
    stage: int = 0


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is to be done.

    `parameters` are for the worker, `in_words` says the same to people. `is_operation` is true of work
    that changes records, and so is written down and can be undone.
    """

    kind: str
    page: str
    title: str
    parts: Sequence[Part]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    in_words: Mapping[str, Any] = field(default_factory=dict)
    is_operation: bool = True


def parts_of(
    table_name: str, ids: Sequence[int], *, stage: int = 0, size: int = CHUNK_ROWS
) -> Iterator[Part]:
    """`ids` in parts of `size`, in their order."""
    for start in range(0, len(ids), size):
        yield Part(table_name, ids[start : start + size], stage)


async def submit(session: AsyncSession, work: Work, *, needs_approval: bool = False) -> Job:
    """Make the job that does `work`, as the operation under way; it begins once that is committed.

    Actor, verb, reason and what it undoes are the operation's. One that `needs_approval` waits for it.
    """
    change = current_change()
    if change.actor_id is None:
        raise RuntimeError("a job belongs to a person")
    job = Job(
        id=change.operation_id,
        user_id=change.actor_id,
        verb=change.verb,
        selection=change.selection,
        reason=change.reason,
        request_id=change.request_id,
        address=change.address,
        kind=work.kind,
        page=work.page,
        title=work.title,
        parameters=dict(work.parameters),
        in_words=dict(work.in_words),
        state=JobState.WAITING if needs_approval else JobState.QUEUED,
        rows_total=sum(len(part.record_ids) for part in work.parts),
        chunks_total=len(work.parts),
    )
    session.add(job)
    await session.flush()
    await _add_chunks(session, job, work.parts)
    if not needs_approval:
        if work.is_operation:
            await begin_operation(session, change)
        await enqueue(session, job.id, job.chunks_total)
    return job


def change_of(job: Job, actor: str) -> Change:
    """The operation that the job is: whatever is written as it, the history knows as the requester's."""
    return Change(
        verb=job.verb,
        actor=actor,
        actor_id=job.user_id,
        request_id=job.request_id,
        address=job.address,
        reason=job.reason,
        operation_id=job.id,
        selection=job.selection,
        parameters=dict(job.in_words),
        is_begun=True,
    )


async def _add_chunks(session: AsyncSession, job: Job, parts: Iterable[Part]) -> None:
    rows = [
        {
            "job_id": job.id,
            "number": number,
            "stage": part.stage,
            "table_name": part.table_name,
            "record_ids": list(part.record_ids),
        }
        for number, part in enumerate(parts, start=1)
    ]
    if rows:
        await session.execute(insert(JobChunk), rows)
