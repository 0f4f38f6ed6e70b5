"""From a file that arrives to an import that can be run: taken in, looked through, understood, tried."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.attachments import clean_filename
from backoffice.desk.importing.files import ImportFolder
from backoffice.desk.importing.plan import Plan, first_plan, missing_columns, remember_plan, remembered_plan
from backoffice.desk.importing.running import lock_import
from backoffice.desk.importing.source import Source, detect
from backoffice.desk.importing.staging import check
from backoffice.desk.importing.survey import Survey, survey
from backoffice.errors import BadInput, Conflict
from models import ImportFile, ImportKind, ImportState

RAN: Final = "This import ran already: upload the file again."
_BEFORE_ITS_RUN: Final = (ImportState.UPLOADED, ImportState.CHECKED)


async def take_in(
    session: AsyncSession,
    folder: ImportFolder,
    chunks: AsyncIterator[bytes],
    *,
    kind: ImportKind,
    filename: str,
    user_id: int,
    time_zone: str,
    limit: int,
) -> ImportFile:
    """Keep a file, and find out how it is read and what its columns are; BadInput for one that is none.

    `time_zone` is that of moments that name none.
    """
    import_id = uuid4()
    size = await folder.save(import_id, chunks, limit=limit)
    try:
        source, found = await asyncio.to_thread(_looked_at, folder, import_id)
    except BaseException:
        folder.remove(import_id)
        raise
    plan = replace(await _likely_plan(session, kind, found), time_zone=time_zone)
    file = ImportFile(
        id=import_id,
        user_id=user_id,
        kind=kind,
        filename=clean_filename(filename),
        size_bytes=size,
        source=source.as_json(),
        columns=[column.as_json() for column in found.columns],
        row_count=found.row_count,
        plan=plan.as_json(),
        counts={},
    )
    session.add(file)
    await session.flush()
    return file


async def read_otherwise(
    session: AsyncSession, folder: ImportFolder, import_id: UUID, source: Source
) -> ImportFile:
    """Read the file as `source` says instead; BadInput where that makes no sense, and all stays as it is."""
    file = await _before_its_run(session, import_id)
    found = await asyncio.to_thread(survey, folder.existing(import_id), source)
    plan = await _likely_plan(session, file.kind, found)
    file.source = source.as_json()
    file.columns = [column.as_json() for column in found.columns]
    file.row_count, file.state, file.counts = found.row_count, ImportState.UPLOADED, {}
    file.plan = replace(plan, time_zone=file.plan["time_zone"]).as_json()
    await session.flush()
    return file


async def try_plan(session: AsyncSession, folder: ImportFolder, import_id: UUID, plan: Plan) -> ImportFile:
    """Give each row the verdict that `plan` leads to, and begin with this plan the next time.

    BadInput where the plan leaves out what every row needs; Conflict once the import ran.
    """
    file = await _before_its_run(session, import_id)
    if missing := missing_columns(plan):
        raise BadInput(f"Say which column is this: {', '.join(missing)}.")
    await remember_plan(session, plan, [column["name"] for column in file.columns])
    file.plan = plan.as_json()
    await check(session, file, folder.existing(import_id))
    return file


async def _before_its_run(session: AsyncSession, import_id: UUID) -> ImportFile:
    file = await lock_import(session, import_id)
    if file.state not in _BEFORE_ITS_RUN:
        raise Conflict(RAN)
    return file


def _looked_at(folder: ImportFolder, import_id: UUID) -> tuple[Source, Survey]:
    path = folder.path(import_id)
    source = detect(path)
    return source, survey(path, source)


async def _likely_plan(session: AsyncSession, kind: ImportKind, found: Survey) -> Plan:
    columns = [column.name for column in found.columns]
    return await remembered_plan(session, kind, columns) or first_plan(kind, columns)
