"""The report of an import as a CSV file, sent while it is read."""

import csv
from collections.abc import AsyncIterator, Mapping
from io import StringIO
from pathlib import PurePath
from typing import Any, Final

from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from admin_views.import_report import in_words
from admin_views.taken import record_taken
from backoffice.admin.export_lines import FORMULAS
from backoffice.admin.view import View
from backoffice.attachments import content_disposition
from backoffice.audit.context import Change
from backoffice.database import transaction
from models import Base, ImportFile, ImportKind, ImportRow, Ticket, User

BATCH: Final = 1_000
HEAD: Final = ("Line", "Verdict", "Key", "Title", "Why", "Record")
_TABLES: Final[Mapping[ImportKind, type[Base]]] = {ImportKind.TICKETS: Ticket, ImportKind.PEOPLE: User}
BOM: Final = b"\xef\xbb\xbf"


async def download(view: View, request: Request) -> Response:
    """Every row with its verdict and why."""
    file: ImportFile = await view.load(request, request.path_params["pk"])
    view.require(request, "details", file)
    name = f"{PurePath(file.filename).stem}-report.csv"
    headers = {"Content-Disposition": content_disposition(name, inline=False)}
    if request.method == "HEAD":
        return Response(headers=headers, media_type="text/csv")
    return StreamingResponse(_pieces(view, request, file), headers=headers, media_type="text/csv")


async def _pieces(view: View, request: Request, file: ImportFile) -> AsyncIterator[bytes]:
    facts = {"format": "csv", "for": f"report of the import of {file.filename}"}
    await record_taken(view.site, request, _TABLES[file.kind].__tablename__, facts)
    asked: Change = request.state.change
    change = Change(verb=asked.verb, actor=asked.actor, request_id=asked.request_id, read_only=True)
    columns = (ImportRow.line, ImportRow.verdict, ImportRow.key, ImportRow.title, ImportRow.reason)
    rows = (
        select(*columns, ImportRow.record_id).where(ImportRow.import_id == file.id).order_by(ImportRow.number)
    )
    yield BOM + _lines([HEAD])
    async with transaction(view.site.factory, change) as session:
        result = await session.stream(rows, execution_options={"yield_per": BATCH})
        async for some in result.partitions(BATCH):
            yield _lines([(line, in_words(file, verdict), *rest) for line, verdict, *rest in some])


def _lines(rows: Any) -> bytes:
    text = StringIO(newline="")
    csv.writer(text).writerows([_unformulated(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def _unformulated(cell: Any) -> Any:
    is_formula = isinstance(cell, str) and cell[:1] in FORMULAS and cell
    return f"'{cell}" if is_formula else cell
