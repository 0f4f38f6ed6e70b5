"""How far a job has come, from what its chunks say."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.revert.share import LISTED_CONFLICTS
from backoffice.errors import NotFound
from backoffice.jobs.kinds import ChunkOutcome
from backoffice.operations import Counts
from models import Job, JobChunk, JobState, Operation


def add_to(job: Job, chunk: JobChunk, outcome: ChunkOutcome) -> None:
    """Count a chunk that is done into its job, whose row is locked."""
    job.chunks_done += 1
    job.rows_done += len(chunk.record_ids)
    if job.state is JobState.QUEUED:
        job.state = JobState.RUNNING
        # That of the transaction: when the chunk was begun.
        job.started_at = func.now()
    so_far = job.outcome
    counts = counts_of(so_far) + outcome.counts
    errors = dict(so_far.get("errors", {}))
    if outcome.error:
        errors[outcome.error] = errors.get(outcome.error, 0) + len(chunk.record_ids)
    job.outcome = {
        **so_far,
        **outcome.result,
        **counts.as_json(),
        "errors": errors,
        "conflicts": [*so_far.get("conflicts", ()), *outcome.conflicts][:LISTED_CONFLICTS],
        "conflict_count": so_far.get("conflict_count", 0) + outcome.conflict_count,
    }


async def lock_job(session: AsyncSession, job_id: UUID) -> Job:
    """The job, which nobody else changes until the transaction ends; NotFound if there is none."""
    wanted = select(Job).where(Job.id == job_id).with_for_update().execution_options(populate_existing=True)
    job: Job | None = await session.scalar(wanted)
    if job is None:
        raise NotFound("There is no such job.")
    return job


async def end_if_done(session: AsyncSession, job: Job) -> bool:
    """Give the job, whose row is locked, the state that it ends in, if no chunk is left; whether none is."""
    if job.chunks_done < job.chunks_total:
        return False
    if job.state is JobState.STOPPING:
        job.state = JobState.CANCELLED
    else:
        job.state = JobState.FAILED if job.outcome.get("errors") else JobState.DONE
    job.ended_at = func.clock_timestamp()
    # Work that changes nothing is no operation, and so has no row there.
    await session.execute(update(Operation).where(Operation.id == job.id).values(outcome=job.outcome))
    return True


def counts_of(outcome: Mapping[str, Any]) -> Counts:
    """The counts that an outcome has, as JSON."""
    return Counts(outcome.get("changed", 0), outcome.get("unchanged", 0), outcome.get("refused", {}))
