"""Imports of many rows as jobs: `parameters` has the import's id, and a chunk the numbers of its rows."""

import asyncio
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.context import Change
from backoffice.database import SessionFactory, transaction
from backoffice.desk.importing.files import ImportFolder
from backoffice.desk.importing.running import finish_run, import_rows
from backoffice.jobs import ChunkOutcome, JobKind, Work, parts_of, submit
from models import ImportFile, Job, JobChunk

IMPORT: Final = "import"


async def submit_import(session: AsyncSession, file: ImportFile, numbers: Sequence[int], *, page: str) -> Job:
    """Make the job that imports these rows of `file`, whose run has begun, as the operation under way."""
    work = Work(
        kind=IMPORT,
        page=page,
        title=f"Import {file.filename}",
        parts=[*parts_of("import_rows", numbers)],
        parameters={"import": str(file.id)},
        in_words={"file": file.filename},
    )
    return await submit(session, work)


def import_kind(factory: SessionFactory, folder: ImportFolder) -> JobKind:
    """The kind of jobs that import the rows of a file."""

    async def do(session: AsyncSession, job: Job, chunk: JobChunk) -> ChunkOutcome:
        return ChunkOutcome(await import_rows(session, _import_of(job), chunk.record_ids))

    async def afterwards(job: Job) -> None:
        async with transaction(factory, Change(verb=job.verb, actor=f"system:{IMPORT}")) as session:
            await finish_run(session, _import_of(job))
        await asyncio.to_thread(folder.remove, _import_of(job))

    return JobKind(name=IMPORT, do=do, afterwards=afterwards)


def _import_of(job: Job) -> UUID:
    return UUID(job.parameters["import"])
