"""The dry run: every row of a file is understood and judged, and kept so; nothing else is changed.

The file is read by a thread of its own, some rows at a time, so that neither its size nor its reading is felt
elsewhere.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Text, cast, delete, func, insert, literal, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.desk.importing.judging import Judged
from backoffice.desk.importing.people import judge_people
from backoffice.desk.importing.plan import Plan
from backoffice.desk.importing.readers import read_rows
from backoffice.desk.importing.source import Source
from backoffice.desk.importing.tickets import judge_tickets
from backoffice.desk.importing.wanted import Wanted, wanted_of
from models import Base, ImportFile, ImportKind, ImportRow, ImportState, Verdict

#: Rows that are read, judged and kept at once.
BATCH: Final = 1_000
ROWS: Final = Base.metadata.tables["import_rows"]

_NESTED_LOOPS: Final = text("SELECT set_config('enable_nestloop', :are_allowed, true)")

Judge = Callable[..., Awaitable[list[Judged]]]
JUDGES: Final[dict[ImportKind, Judge]] = {
    ImportKind.TICKETS: judge_tickets,
    ImportKind.PEOPLE: judge_people,
}


async def check(session: AsyncSession, file: ImportFile, path: Path) -> None:
    """Give every row of the file at `path` its verdict, by the plan and source of `file`."""
    plan = Plan.from_json(file.plan)
    await session.execute(delete(ImportRow).where(ImportRow.import_id == file.id))
    async for batch in _batches(path, Source.from_json(file.source), plan):
        judged = await JUDGES[plan.kind](session, plan, batch)
        rows = [_staged(file.id, *each) for each in zip(batch, judged, strict=True)]
        await session.execute(insert(ROWS), rows)
    await _refuse_repeated(session, file.id, plan)
    file.counts = await count_rows(session, file.id)
    file.row_count = sum(file.counts.values())
    file.state = ImportState.CHECKED
    await session.flush()


async def count_rows(session: AsyncSession, import_id: UUID) -> dict[str, int]:
    """How many rows there are of each verdict."""
    counted = select(ImportRow.verdict, func.count().label("rows")).where(ImportRow.import_id == import_id)
    rows = await session.execute(counted.group_by(ImportRow.verdict))
    found = {row.verdict: row.rows for row in rows}
    return {verdict.value: found.get(verdict, 0) for verdict in Verdict}


async def _batches(path: Path, source: Source, plan: Plan) -> AsyncIterator[list[Wanted]]:
    rows = (wanted_of(row, plan) for row in read_rows(path, source))
    while batch := await asyncio.to_thread(_some, rows):
        yield batch


def _some(rows: Iterator[Wanted]) -> list[Wanted]:
    return [*islice(rows, BATCH)]


def _staged(import_id: UUID, wanted: Wanted, judged: Judged) -> dict[str, Any]:
    is_to_run = judged.verdict in (Verdict.CREATE, Verdict.UPDATE)
    return {
        "import_id": import_id,
        "number": wanted.number,
        "line": wanted.line,
        "key": wanted.key,
        "title": wanted.title,
        "wanted": wanted.fields if is_to_run else None,
        "verdict": judged.verdict,
        "reason": judged.reason,
        "record_id": judged.record_id,
        "version": judged.version,
    }


async def _refuse_repeated(session: AsyncSession, import_id: UUID, plan: Plan) -> None:
    """Of several rows for the same record the first counts; nobody could say which of them is meant."""
    place, first_line = (
        each.over(partition_by=ROWS.c.key, order_by=ROWS.c.number).label(name)
        for name, each in (("place", func.row_number()), ("first_line", func.first_value(ROWS.c.line)))
    )
    places = (
        select(ROWS.c.number, place, first_line)
        .where(ROWS.c.import_id == import_id, ROWS.c.key.is_not(None))
        .subquery()
    )
    noun = {ImportKind.TICKETS: "number", ImportKind.PEOPLE: "address"}[plan.kind]
    reason = literal(f"the same {noun} stands already in line ", Text) + cast(places.c.first_line, Text)
    statement = (
        update(ROWS)
        .where(ROWS.c.import_id == import_id, ROWS.c.number == places.c.number, places.c.place > 1)
        .where(ROWS.c.verdict != Verdict.SKIP)
        .values(verdict=Verdict.ERROR, reason=reason, wanted=None, record_id=None, version=None)
    )
    # PostgreSQL knows no figures of rows that were written just now, takes them for a few, and would
    # compare each with each.
    await session.execute(_NESTED_LOOPS, {"are_allowed": "off"})
    await session.execute(statement)
    await session.execute(_NESTED_LOOPS, {"are_allowed": "on"})
