"""Doing a chunk: the changes, their history and the job's progress in one transaction, or nothing.

A worker that is killed leaves the chunk as it was, for who takes it next. Two workers never do the
same chunk: whoever has it holds its row.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.database import SessionFactory, transaction
from backoffice.errors import BackofficeError
from backoffice.jobs.kinds import ChunkOutcome, JobKind
from backoffice.jobs.progress import add_to, end_if_done
from backoffice.jobs.submitting import change_of
from models import Job, JobChunk, JobState, Operation, User

log = logging.getLogger(__name__)

#: Deadlocks and failures to serialise, by SQLSTATE: who comes again gets through.
CROSSED: Final = ("40P01", "40001")
#: Seconds before each further try.
PAUSES: Final = (0.1, 0.3, 1.0, 3.0)
OUR_FAULT: Final = "Something went wrong that is our fault; it has been logged."
_OPEN: Final = (JobState.QUEUED, JobState.RUNNING, JobState.STOPPING)


async def do_next(factory: SessionFactory, kinds: Mapping[str, JobKind], job_id: UUID) -> bool:
    """Do the next chunk of the job; whether there was one.

    A connection that breaks is raised, for the queue to deliver the item again; whatever else goes wrong
    is noted in the job.
    """
    found = await _find(factory, job_id)
    if found is None:
        return False
    job, actor = found
    kind = kinds[job.kind]
    attempt = _Attempt(factory, kind, job, actor)
    has_ended = await _try(attempt)
    if has_ended and kind.afterwards is not None:
        await kind.afterwards(job)
    return attempt.number is not None


@dataclass
class _Attempt:
    """One item of the queue being worked off; `number` is that of the chunk that it got, if any."""

    factory: SessionFactory
    kind: JobKind
    job: Job
    actor: str
    number: int | None = None


async def _try(attempt: _Attempt) -> bool:
    """Do a chunk, or note why it cannot be done; whether the job has ended with it."""
    try:
        return await _do_among_others(attempt)
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return await _fail(attempt, error)
    except Exception as error:  # noqa: BLE001 - one chunk's failure must not keep the others from being done
        return await _fail(attempt, error)


async def _do_among_others(attempt: _Attempt) -> bool:
    for pause in PAUSES:
        try:
            return await _do(attempt)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in CROSSED:
                raise
            await asyncio.sleep(pause)
    return await _do(attempt)


async def _find(factory: SessionFactory, job_id: UUID) -> tuple[Job, str] | None:
    async with factory() as session:
        found = await session.execute(
            select(Job, User.full_name)
            .join(User, User.id == Job.user_id)
            .where(Job.id == job_id, Job.state.in_(_OPEN))
        )
        row = found.one_or_none()
        return None if row is None else (row[0], row[1])


async def _do(attempt: _Attempt) -> bool:
    attempt.number = None
    async with transaction(attempt.factory, change_of(attempt.job, attempt.actor)) as session:
        chunk = await _take(session, attempt.job.id)
        if chunk is None:
            return False
        attempt.number = chunk.number
        state = await session.scalar(select(Job.state).where(Job.id == attempt.job.id))
        if state is JobState.STOPPING:
            return await _drop(session, chunk)
        return await _note(session, chunk, await attempt.kind.do(session, attempt.job, chunk))


async def _take(session: AsyncSession, job_id: UUID) -> JobChunk | None:
    """The first chunk that nobody has done or holds; None if there is none that this worker is needed for.

    While all of a stage are under way elsewhere, those of the next must wait: some worker will be
    needed for them.
    """
    is_open = (JobChunk.job_id == job_id) & JobChunk.done_at.is_(None)
    while True:
        stages = select(JobChunk.stage).where(is_open).distinct().order_by(JobChunk.stage).limit(2)
        found = (await session.scalars(stages)).all()
        if not found:
            return None
        wanted = (
            select(JobChunk).where(is_open, JobChunk.stage == found[0]).order_by(JobChunk.number).limit(1)
        ).execution_options(populate_existing=True)
        chunk: JobChunk | None = await session.scalar(wanted.with_for_update(skip_locked=True))
        if chunk is not None or len(found) == 1:
            return chunk
        if (chunk := await session.scalar(wanted.with_for_update())) is not None:
            return chunk


async def _note(session: AsyncSession, chunk: JobChunk, outcome: ChunkOutcome) -> bool:
    """Note what became of the chunk, and of the job if this was its last; whether it was."""
    await session.flush()
    chunk.done_at = func.clock_timestamp()
    chunk.outcome = outcome.as_json()
    job = await _locked(session, chunk.job_id)
    add_to(job, chunk, outcome)
    return await _end_if_done(session, job)


async def _drop(session: AsyncSession, chunk: JobChunk) -> bool:
    """A chunk of a job that was cancelled, and that nobody has begun."""
    job = await _locked(session, chunk.job_id)
    await session.delete(chunk)
    job.chunks_total -= 1
    return await _end_if_done(session, job)


async def _locked(session: AsyncSession, job_id: UUID) -> Job:
    # Last of all locks, and held for a moment: the chunks of a job are done side by side.
    job: Job = (await session.scalars(select(Job).where(Job.id == job_id).with_for_update())).one()
    return job


async def _end_if_done(session: AsyncSession, job: Job) -> bool:
    if not end_if_done(job):
        return False
    job.ended_at = func.clock_timestamp()
    # Work that changes nothing is no operation, and so has no row there.
    await session.execute(update(Operation).where(Operation.id == job.id).values(outcome=job.outcome))
    return True


async def _fail(attempt: _Attempt, error: Exception) -> bool:
    """Note that the chunk could not be done, and why; the job goes on with the others."""
    is_expected = isinstance(error, BackofficeError)
    if not is_expected:
        log.error("job %s, chunk %s failed", attempt.job.id, attempt.number, exc_info=error)
    if attempt.number is None:
        return False
    async with transaction(attempt.factory, change_of(attempt.job, attempt.actor)) as session:
        chunk = await _take_again(session, attempt.job.id, attempt.number)
        if chunk is None:
            return False
        return await _note(session, chunk, ChunkOutcome(error=str(error) if is_expected else OUR_FAULT))


async def _take_again(session: AsyncSession, job_id: UUID, number: int) -> JobChunk | None:
    """The chunk of that number, unless somebody else has done it meanwhile."""
    wanted = select(JobChunk).where(
        JobChunk.job_id == job_id, JobChunk.number == number, JobChunk.done_at.is_(None)
    )
    chunk: JobChunk | None = await session.scalar(wanted.with_for_update())
    return chunk
