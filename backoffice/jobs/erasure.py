"""What jobs say of a person, found and blanked: those that they asked for, and those that mention them.

What was done, when, and how much of it stays.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import BigInteger, Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.erasure import Traces
from backoffice.errors import Conflict

UNDER_WAY: Final = "A job that has not ended names this person. Wait until it has, or cancel it."
EXPORTING: Final = "A list is being exported, and may name this person. Wait until it is done, or cancel it."


async def erase_from_jobs(session: AsyncSession, traces: Traces) -> None:
    """Blank what jobs say of the person; Conflict where one that goes on needs it."""
    found = await _find(session, traces)
    if await session.scalar(_NEEDED, {"jobs": found, "pattern": traces.pattern}):
        raise Conflict(UNDER_WAY)
    await session.execute(_JOBS, {"jobs": found, "pattern": traces.pattern})
    await session.execute(_CHUNKS, {"jobs": found})


async def refuse_while_exporting(session: AsyncSession) -> None:
    """Raise Conflict while a list is being exported, as it was before the person is erased."""
    if await session.scalar(_EXPORTING):
        raise Conflict(EXPORTING)


async def _find(session: AsyncSession, traces: Traces) -> Sequence[UUID]:
    records = [(table, key) for table, keys in traces.records.items() for key in keys]
    asked = {
        "person_id": traces.person_id,
        "pattern": traces.pattern,
        "tables": [table for table, _ in records],
        "keys": [key for _, key in records],
    }
    return list(await session.scalars(_FOUND, asked))


_IDS: Final = bindparam("jobs", type_=ARRAY(Uuid))
_PATTERN: Final = bindparam("pattern", type_=Text)

# All are read for the words: there are few of them, and chunks have values in conflicts and errors alone.
_FOUND: Final = text("""
SELECT id FROM jobs
WHERE user_id = :person_id
  OR concat_ws(' ', title, selection, reason, in_words, parameters, outcome) ~* :pattern
UNION
SELECT job_id FROM job_chunks
WHERE concat_ws(' ', outcome -> 'conflicts', outcome -> 'error') ~* :pattern
UNION
SELECT job_id
FROM (SELECT id AS job_id, outcome FROM jobs UNION ALL SELECT job_id, outcome FROM job_chunks) AS known
JOIN jsonb_array_elements(outcome -> 'conflicts') AS conflict ON true
JOIN unnest(:tables, :keys) AS record (of_table, key)
  ON conflict ->> 'table' = of_table AND (conflict ->> 'record_id')::bigint = key
""").bindparams(
    bindparam("person_id", type_=BigInteger),
    _PATTERN,
    bindparam("tables", type_=ARRAY(Text)),
    bindparam("keys", type_=ARRAY(BigInteger)),
)

_NEEDED: Final = text("""
SELECT true FROM jobs
WHERE id = ANY (:jobs) AND ended_at IS NULL AND parameters::text ~* :pattern
LIMIT 1
""").bindparams(_IDS, _PATTERN)

# Files of exports that ended are removed: see `backoffice.desk.erased_files`.
_EXPORTING: Final = text("""
SELECT true FROM jobs WHERE kind = 'export' AND started_at IS NOT NULL AND ended_at IS NULL LIMIT 1
""")

_JOBS: Final = text("""
UPDATE jobs SET
  title = coalesce(regexp_replace(title, :pattern, '[erased]', 'gi'), title),
  selection = NULL, reason = NULL, in_words = '{}', address = NULL,
  parameters = CASE WHEN ended_at IS NULL THEN parameters ELSE '{}' END,
  outcome = outcome - '{conflicts,errors}'::text[]
WHERE id = ANY (:jobs)
""").bindparams(_IDS, _PATTERN)

_CHUNKS: Final = text("""
UPDATE job_chunks SET outcome = outcome - '{conflicts,error}'::text[]
WHERE job_id = ANY (:jobs) AND outcome ?| '{conflicts,error}'
""").bindparams(_IDS)
