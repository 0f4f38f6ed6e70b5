"""Doing a chunk: the changes, their history and the job's progress in one transaction, or nothing.

A worker that is killed leaves the chunk as it was, for who takes it next. Two workers never do the
same chunk: whoever has it holds its row.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.database import SessionFactory, transaction
from backoffice.errors import BackofficeError
from backoffice.jobs import deaths
from backoffice.jobs.kinds import ChunkOutcome, JobKind
from backoffice.jobs.progress import add_to, end_if_done, lock_job
from backoffice.jobs.submitting import change_of
from models import Job, JobChunk, JobState, User

log = logging.getLogger(__name__)

#: Deadlocks and failures to serialise, by SQLSTATE: who comes again gets through.
CROSSED: Final = ("40P01", "40001")
#: Seconds before each further try.
PAUSES: Final = (0.1, 0.3, 1.0, 3.0)
OUR_FAULT: Final = "Something went wrong that is our fault; it has been logged."
_OPEN: Final = (JobState.QUEUED, JobState.RUNNING, JobState.STOPPING)


class HeldElsewhere(Exception):
    """Whatever is left of the job is being done by others, of whom some may be dead."""


async def do_next(factory: SessionFactory, kinds: Mapping[str, JobKind], job_id: UUID) -> bool:
    """Do the next chunk of the job; whether there was one.

    What goes wrong with its rows is noted in the job. A connection that breaks is raised, as are locks
    that cross those of others again and again, and `HeldElsewhere`: the item must be delivered again.
    """
    found = await _find(factory, job_id)
    if found is None:
        return False
    job, actor = found
    kind = kinds[job.kind]
    done = await _do_among_others(factory, kind, job, actor)
    if done.has_ended and kind.afterwards is not None:
        await kind.afterwards(job)
    return done.was_there


class _Done(NamedTuple):
    """Whether there was a chunk to be done, and whether the job has ended with it."""

    was_there: bool
    has_ended: bool = False


async def _do_among_others(factory: SessionFactory, kind: JobKind, job: Job, actor: str) -> _Done:
    for pause in PAUSES:
        try:
            return await _do(factory, kind, job, actor)
        except DBAPIError as error:
            if not _has_crossed(error):
                raise
            await asyncio.sleep(pause)
    return await _do(factory, kind, job, actor)


def _has_crossed(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) in CROSSED


async def _find(factory: SessionFactory, job_id: UUID) -> tuple[Job, str] | None:
    async with factory() as session:
        found = await session.execute(
            select(Job, User.full_name)
            .join(User, User.id == Job.user_id)
            .where(Job.id == job_id, Job.state.in_(_OPEN))
        )
        row = found.one_or_none()
        return None if row is None else (row[0], row[1])


async def _do(factory: SessionFactory, kind: JobKind, job: Job, actor: str) -> _Done:
    async with transaction(factory, change_of(job, actor)) as session:
        chunk = await _take(session, job.id)
        if chunk is None:
            return _Done(was_there=False)
        state = await session.scalar(select(Job.state).where(Job.id == job.id))
        if state is JobState.STOPPING:
            return _Done(was_there=True, has_ended=await _drop(session, chunk))
        return _Done(was_there=True, has_ended=await _try_and_note(factory, session, kind, job, chunk))


async def _try_and_note(
    factory: SessionFactory, session: AsyncSession, kind: JobKind, job: Job, chunk: JobChunk
) -> bool:
    """Do the chunk, unless too many workers died of it; whether the job has ended with it."""
    if await deaths.begin(factory, chunk) >= deaths.MOST:
        log.error("job %s, chunk %s is given up: workers die of it", chunk.job_id, chunk.number)
        return await _note(session, chunk, ChunkOutcome(error=deaths.KILLED))
    try:
        return await _note(session, chunk, await _try(session, kind, job, chunk))
    except DBAPIError as error:
        if _has_crossed(error):
            await deaths.give_back(factory, chunk)
        raise


async def _try(session: AsyncSession, kind: JobKind, job: Job, chunk: JobChunk) -> ChunkOutcome:
    """Do the chunk, or none of it and say why; the job goes on with the others."""
    try:
        # The chunk stays ours whatever becomes of this.
        async with session.begin_nested():
            return await kind.do(session, job, chunk)
    except BackofficeError as error:
        return ChunkOutcome(error=str(error))
    except DBAPIError as error:
        if error.connection_invalidated or _has_crossed(error):
            raise
        return _our_fault(chunk, error)
    except Exception as error:  # noqa: BLE001 - one chunk's failure must not keep the others from being done
        return _our_fault(chunk, error)


def _our_fault(chunk: JobChunk, error: Exception) -> ChunkOutcome:
    log.error("job %s, chunk %s failed", chunk.job_id, chunk.number, exc_info=error)
    return ChunkOutcome(error=OUR_FAULT)


async def _take(session: AsyncSession, job_id: UUID) -> JobChunk | None:
    """The first chunk that nobody has done or holds; None if all are done.

    While all of a stage are under way elsewhere, those of the next must wait.
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
        if chunk is not None:
            return chunk
        if len(found) == 1:
            raise HeldElsewhere
        if (chunk := await session.scalar(wanted.with_for_update())) is not None:
            return chunk


async def _note(session: AsyncSession, chunk: JobChunk, outcome: ChunkOutcome) -> bool:
    """Note what became of the chunk, and of the job if this was its last; whether it was."""
    await session.flush()
    chunk.done_at = func.clock_timestamp()
    chunk.outcome = outcome.as_json()
    # Last of all locks, and held for a moment: the chunks of a job are done side by side.
    job = await lock_job(session, chunk.job_id)
    deaths.forget(job, chunk)
    add_to(job, chunk, outcome)
    return await end_if_done(session, job)


async def _drop(session: AsyncSession, chunk: JobChunk) -> bool:
    """A chunk of a job that was cancelled, and that nobody has begun."""
    job = await lock_job(session, chunk.job_id)
    deaths.forget(job, chunk)
    await session.delete(chunk)
    job.chunks_total -= 1
    return await end_if_done(session, job)
