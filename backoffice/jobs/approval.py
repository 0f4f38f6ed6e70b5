"""A second person's word: a job that waits for approval begins, or never does."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.record import begin_operation
from backoffice.errors import Conflict, NotAllowed
from backoffice.jobs.progress import lock_job
from backoffice.jobs.queue import enqueue
from backoffice.jobs.submitting import change_of
from models import Job, JobState, User

NOT_WAITING = "It does not wait for approval any more."
OWN = "Somebody else has to approve what you asked for."


async def approve(session: AsyncSession, job_id: UUID, *, approver_id: int) -> Job:
    """Let the job begin. NotAllowed for who asked for it, Conflict when it does not wait."""
    job = await _waiting(session, job_id, approver_id)
    job.state = JobState.QUEUED
    job.approved_by_id = approver_id
    await session.flush()
    names = {
        user.id: user.full_name
        for user in await session.scalars(select(User).where(User.id.in_((job.user_id, approver_id))))
    }
    operation = change_of(job, names[job.user_id])
    operation.parameters["approved_by"] = names[approver_id]
    await begin_operation(session, operation)
    await enqueue(session, job.id, job.chunks_total)
    return job


async def reject(session: AsyncSession, job_id: UUID, *, approver_id: int) -> Job:
    """Say that the job shall not begin. NotAllowed for who asked for it, who can cancel it instead."""
    job = await _waiting(session, job_id, approver_id)
    job.state = JobState.REJECTED
    job.approved_by_id = approver_id
    job.ended_at = func.clock_timestamp()
    await session.flush()
    return job


async def _waiting(session: AsyncSession, job_id: UUID, approver_id: int) -> Job:
    job = await lock_job(session, job_id)
    if job.state is not JobState.WAITING:
        raise Conflict(NOT_WAITING)
    if job.user_id == approver_id:
        raise NotAllowed(OWN)
    return job
