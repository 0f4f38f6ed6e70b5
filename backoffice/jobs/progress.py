"""How far a job has come, from what its chunks say."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func

from backoffice.audit.revert.share import LISTED_CONFLICTS
from backoffice.jobs.kinds import ChunkOutcome
from backoffice.operations import Counts
from models import Job, JobChunk, JobState


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


def end_if_done(job: Job) -> bool:
    """Give the job the state that it ends in, if no chunk is left; whether none is."""
    if job.chunks_done < job.chunks_total:
        return False
    if job.state is JobState.STOPPING:
        job.state = JobState.CANCELLED
    else:
        job.state = JobState.FAILED if job.outcome.get("errors") else JobState.DONE
    return True


def counts_of(outcome: Mapping[str, Any]) -> Counts:
    """The counts that an outcome has, as JSON."""
    return Counts(outcome.get("changed", 0), outcome.get("unchanged", 0), outcome.get("refused", {}))
