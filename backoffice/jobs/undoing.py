"""Jobs that undo an operation, some of its records at a time: `parameters` has its id and its traces."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.accounts.people import guard_administrators_remain
from backoffice.audit.revert import (
    Share,
    Trace,
    find_records,
    find_traces,
    record_table,
    require_undoable,
    undo_share,
)
from backoffice.jobs.kinds import ChunkOutcome, JobKind
from backoffice.jobs.submitting import Work, parts_of, submit
from backoffice.operations import Counts
from models import AuditAction, Base, Job, JobChunk

UNDO: Final = "undo"


async def submit_undo(session: AsyncSession, operation_id: UUID, *, page: str) -> Job:
    """Make the job that undoes the operation, as the operation under way.

    NotFound when there is no such operation, Conflict when it cannot be undone.
    """
    await require_undoable(session, operation_id)
    traces = await find_traces(session, operation_id)
    records = await find_records(session, operation_id)
    work = Work(
        kind=UNDO,
        page=page,
        title="Undo",
        # A record may leave the trash only after what it belongs to.
        parts=[
            part for stage, (table, ids) in enumerate(records) for part in parts_of(table, ids, stage=stage)
        ],
        parameters={"operation": str(operation_id), "traces": [_as_json(trace) for trace in traces]},
    )
    return await submit(session, work)


def undo_kind() -> JobKind:
    """The kind of jobs that undo an operation."""
    return JobKind(name=UNDO, do=_do)


async def _do(session: AsyncSession, job: Job, chunk: JobChunk) -> ChunkOutcome:
    share = Share(UUID(job.parameters["operation"]), chunk.record_ids, listed=len(chunk.record_ids))
    result = await undo_share(session, share, [*_of_the_chunk(job, chunk)])
    if "users" in result.changed:
        await guard_administrators_remain(session)
    return ChunkOutcome(
        Counts(sum(result.changed.values()), result.unchanged, result.refused),
        rows=result.left_alone,
        conflicts=[conflict.as_json() for conflict in result.conflicts],
        conflict_count=result.conflict_count,
    )


def _of_the_chunk(job: Job, chunk: JobChunk) -> Sequence[Trace]:
    """What the operation did to the chunk's records themselves, and to their links."""
    traces = [_from_json(one) for one in job.parameters["traces"]]
    return [
        trace for trace in traces if record_table(Base.metadata.tables[trace.table]).name == chunk.table_name
    ]


def _as_json(trace: Trace) -> Mapping[str, Any]:
    return {"table": trace.table, "action": trace.action.value, "fields": [*trace.fields]}


def _from_json(trace: Mapping[str, Any]) -> Trace:
    # One that touched a secret is refused before there is a job.
    return Trace(trace["table"], AuditAction(trace["action"]), trace["fields"], has_secrets=False)
