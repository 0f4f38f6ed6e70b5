"""Cancelling a job: what is done stays done, as an operation that can be undone; the rest is not begun."""

from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.errors import Conflict
from backoffice.jobs.deaths import forget_all
from backoffice.jobs.progress import end_if_done, lock_job
from models import Job, JobChunk, JobState

TOO_LATE = "It has ended already."


async def cancel(session: AsyncSession, job_id: UUID) -> Job:
    """Begin no further chunk; those under way are finished, and then the job is cancelled.

    Conflict when it has ended already.
    """
    job = await lock_job(session, job_id)
    if job.is_ended:
        raise Conflict(TOO_LATE)
    job.chunks_total -= await _drop_open_chunks(session, job_id)
    job.state = JobState.STOPPING
    forget_all(job)
    await end_if_done(session, job)
    await session.flush()
    return job


async def _drop_open_chunks(session: AsyncSession, job_id: UUID) -> int:
    # Whoever does a chunk holds its row, so that these are the ones that nobody has begun.
    untouched = (
        select(JobChunk.number)
        .where(JobChunk.job_id == job_id, JobChunk.done_at.is_(None))
        .with_for_update(skip_locked=True)
    )
    dropped = delete(JobChunk).where(JobChunk.job_id == job_id, JobChunk.number.in_(untouched))
    numbers = dropped.returning(JobChunk.number)
    return len(list(await session.scalars(numbers, execution_options={"synchronize_session": False})))
