"""What became of a job's rows one by one: which were left alone and why, and what an undo left."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, Text, Uuid, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from models import JobChunk


@dataclass(frozen=True)
class LeftAlone:
    """A row that a job did not change, and was not so already."""

    table_name: str
    record_id: int
    reason: str


async def first_left_alone(session: AsyncSession, job_id: UUID, most: int) -> list[LeftAlone]:
    """The first of them, in the order in which they were come to."""
    rows = await session.execute(_FIRST, {"job_id": job_id, "most": most})
    return [LeftAlone(*row) for row in rows]


async def left_alone(session: AsyncSession, job_id: UUID) -> AsyncIterator[Sequence[LeftAlone]]:
    """All of them in that order, a chunk of the job at a time."""
    async for chunk in _chunks(session, job_id):
        by_reason = {reason: ids for reason, ids in chunk.outcome.get("rows", {}).items() if ids}
        if error := chunk.outcome.get("error"):
            by_reason[error] = chunk.record_ids
        yield [LeftAlone(chunk.table_name, one, reason) for reason, ids in by_reason.items() for one in ids]


async def all_conflicts(session: AsyncSession, job_id: UUID) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
    """Every conflict of an undo, as it was noted, a chunk of the job at a time."""
    async for chunk in _chunks(session, job_id):
        yield chunk.outcome.get("conflicts", ())


async def _chunks(session: AsyncSession, job_id: UUID) -> AsyncIterator[JobChunk]:
    """The chunks that are done: one is in memory at a time."""
    done = select(JobChunk).where(JobChunk.job_id == job_id, JobChunk.done_at.is_not(None))
    number = 0
    while True:
        following = done.where(JobChunk.number > number).order_by(JobChunk.number).limit(1)
        chunk = await session.scalar(following)
        if chunk is None:
            return
        yield chunk
        number = chunk.number
        session.expunge(chunk)


# It walks along the chunks, and no farther than to the last row that is wanted.
_FIRST: Final = (
    text("""
SELECT chunk.table_name, one.id, one.reason
FROM job_chunks AS chunk, LATERAL (
  SELECT key AS reason, id::bigint FROM jsonb_each(outcome -> 'rows'), jsonb_array_elements_text(value) AS id
  UNION ALL
  SELECT outcome ->> 'error', id FROM unnest(record_ids) AS id WHERE outcome ->> 'error' <> ''
) AS one
WHERE chunk.job_id = :job_id AND chunk.done_at IS NOT NULL
ORDER BY chunk.number
LIMIT :most
""")
    .bindparams(bindparam("job_id", type_=Uuid), bindparam("most", type_=BigInteger))
    .columns(table_name=Text, id=BigInteger, reason=Text)
)
