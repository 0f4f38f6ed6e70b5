"""All rows that a job left alone, and all conflicts of an undo, as CSV files, sent while they are read."""

import csv
import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from io import StringIO
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from admin_views.job_rows import titles_of
from admin_views.taken import record_taken
from backoffice.admin.export_lines import FORMULAS
from backoffice.admin.field_changes import view_of_table
from backoffice.admin.view import View
from backoffice.attachments import content_disposition
from backoffice.audit.context import Change
from backoffice.database import transaction
from backoffice.jobs import all_conflicts, left_alone
from models import Job

BOM: Final = b"\xef\xbb\xbf"
ROWS: Final = ("What", "Number", "Title", "Why it was left alone")
CONFLICTS: Final = ("What", "Number", "Title", "Field", "The operation left", "It now is", "Changed by", "At")

#: Makes the lines of a file, some at a time.
Lines = Callable[[View, Request, AsyncSession, Job], AsyncIterator[Iterable[Sequence[Any]]]]


async def rows(view: View, request: Request) -> Response:
    """Every row that was left alone, and why."""
    return await _file(view, request, "rows", ROWS, _rows)


async def conflicts(view: View, request: Request) -> Response:
    """Every value that an undo left as somebody had changed it since."""
    return await _file(view, request, "conflicts", CONFLICTS, _conflicts)


async def _file(view: View, request: Request, name: str, head: Sequence[str], lines: Lines) -> Response:
    view.require(request, "details")
    job: Job = await view.load(request, request.path_params["pk"])
    disposition = content_disposition(f"job-{str(job.id)[:8]}-{name}.csv", inline=False)
    headers = {"Content-Disposition": disposition, "Cache-Control": "no-store"}
    if request.method == "HEAD":
        return Response(headers=headers, media_type="text/csv")
    pieces = _pieces(view, request, job, name, head, lines)
    return StreamingResponse(pieces, headers=headers, media_type="text/csv")


async def _pieces(
    view: View, request: Request, job: Job, name: str, head: Sequence[str], lines: Lines
) -> AsyncIterator[bytes]:
    table = view.site.view(job.page).model.__tablename__
    await record_taken(view.site, request, table, {"format": "csv", "for": f"{name} of the job “{job}”"})
    asked: Change = request.state.change
    change = Change(verb=asked.verb, actor=asked.actor, request_id=asked.request_id, read_only=True)
    yield BOM + _written([head])
    # That of the request is over by now.
    async with transaction(view.site.factory, change) as session:
        async for some in lines(view, request, session, job):
            yield _written(some)


async def _rows(
    view: View, request: Request, session: AsyncSession, job: Job
) -> AsyncIterator[Iterable[Sequence[Any]]]:
    async for some in left_alone(session, job.id):
        records = [(row.table_name, row.record_id) for row in some]
        titles = await titles_of(view, request, session, records)
        yield [
            (_noun(view, row.table_name), row.record_id, titles.get(record, ""), row.reason)
            for row, record in zip(some, records, strict=True)
        ]


async def _conflicts(
    view: View, request: Request, session: AsyncSession, job: Job
) -> AsyncIterator[Iterable[Sequence[Any]]]:
    async for some in all_conflicts(session, job.id):
        records = [(found["table"], found["record_id"]) for found in some]
        titles = await titles_of(view, request, session, records)
        yield [
            (
                _noun(view, found["table"]),
                found["record_id"],
                titles.get(record, ""),
                found["field"],
                _text(found["expected"]),
                _text(found["current"]),
                found["changed_by"],
                found["changed_at"],
            )
            for found, record in zip(some, records, strict=True)
        ]


def _noun(view: View, table: str) -> str:
    owner = view_of_table(view.site, table)
    return owner.name if owner is not None else table.replace("_", " ").capitalize()


def _text(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


def _written(lines: Iterable[Sequence[Any]]) -> bytes:
    text = StringIO(newline="")
    csv.writer(text).writerows([_unformulated(cell) for cell in line] for line in lines)
    return text.getvalue().encode()


def _unformulated(cell: Any) -> Any:
    """Texts that no spreadsheet takes for a formula: an apostrophe says that they are text."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in FORMULAS and cell else cell
