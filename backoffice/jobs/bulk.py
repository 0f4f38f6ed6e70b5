"""Jobs that are a verb over many records: `parameters` has its name, and its own as JSON."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.database import INCLUDE_TRASHED, SessionFactory
from backoffice.jobs.kinds import ChunkOutcome, JobKind
from backoffice.operations import Counts, NamedVerb, chosen, run_each
from backoffice.settings import Settings
from models import Job, JobChunk

BULK: Final = "bulk"

#: Why a row is left alone that is not there any more.
GONE: Final = "gone by now"


def bulk_kind(verbs: Mapping[str, NamedVerb], factory: SessionFactory, settings: Settings) -> JobKind:
    """The kind of jobs that do one of `verbs`."""

    async def do(session: AsyncSession, job: Job, chunk: JobChunk) -> ChunkOutcome:
        verb = await verbs[job.parameters["verb"]].make(session, job.parameters["values"])
        verdicts = await run_each(
            session, verb, chosen(chunk.record_ids).execution_options(**INCLUDE_TRASHED)
        )
        rows = dict(verdicts.left_alone)
        counts = verdicts.counts
        if gone := sorted(set(chunk.record_ids).difference(verdicts.changed, *rows.values())):
            rows[GONE] = gone
            counts += Counts(refused={GONE: len(gone)})
        return ChunkOutcome(counts, rows=rows)

    async def afterwards(job: Job) -> None:
        if (follow_up := verbs[job.parameters["verb"]].afterwards) is not None:
            await follow_up(factory, settings, job.id)

    return JobKind(name=BULK, do=do, afterwards=afterwards)
