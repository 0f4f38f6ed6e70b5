"""The formats of an export: CSV and JSON Lines row by row, a workbook of Excel by way of a file."""

import csv
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Final

from anyio import open_file, to_thread
from sqlalchemy import Select

from backoffice.admin.export_columns import ExportColumn, ValueKind, exported_lines, exported_rows
from backoffice.admin.export_lines import line_of
from backoffice.admin.workbook import SHEET_ROWS, Workbook
from models import Base

Rows = Sequence[Sequence[Any]]
Values = Sequence[Any]
Batches = AsyncIterator[Rows]

#: Bytes of a file that are sent at once.
CHUNK: Final = 256 * 1024


class ExportFormat(ABC):
    """How an export is written."""

    name: ClassVar[str]
    label: ClassVar[str]
    media_type: ClassVar[str]
    #: As many as are sent at once; None: as many as there are.
    most_rows: ClassVar[int | None] = None
    #: How much longer a row of it takes than one of CSV.
    effort: ClassVar[int] = 1

    def selected(
        self, filtered: Select[Any], model: type[Base], columns: Sequence[ExportColumn]
    ) -> Select[Any]:
        """The statement whose rows `chunks` takes."""
        return exported_rows(filtered, model, columns)

    @abstractmethod
    def chunks(
        self, columns: Sequence[ExportColumn], batches: Batches, scratch: Path | None = None
    ) -> AsyncGenerator[bytes, None]:
        """The file, piece by piece, in flat memory; in `scratch` lies what it must write down before."""


class CsvFormat(ExportFormat):
    """RFC 4180, with a mark by which Excel knows that it is UTF-8."""

    name, label, media_type = "csv", "CSV", "text/csv; charset=utf-8"

    def selected(
        self, filtered: Select[Any], model: type[Base], columns: Sequence[ExportColumn]
    ) -> Select[Any]:
        """One text a row: its line."""
        return exported_lines(filtered, model, columns, line_of)

    async def chunks(
        self, columns: Sequence[ExportColumn], batches: Batches, scratch: Path | None = None
    ) -> AsyncGenerator[bytes, None]:
        yield b"\xef\xbb\xbf" + _heading(columns)
        async for rows in batches:
            yield "".join([f"{line}\r\n" for (line,) in rows]).encode()


class JsonLinesFormat(ExportFormat):
    """An object a line, with the columns' own names and types."""

    name, label, media_type = "jsonl", "JSON Lines", "application/jsonl"

    async def chunks(
        self, columns: Sequence[ExportColumn], batches: Batches, scratch: Path | None = None
    ) -> AsyncGenerator[bytes, None]:
        names = [column.name for column in columns]
        values = [_JSON.get(column.kind) for column in columns]
        encode = json.JSONEncoder(ensure_ascii=False, check_circular=False, default=str).encode
        yield b""
        async for rows in batches:
            objects = (dict(zip(names, row, strict=True)) for row in _written(rows, values))
            yield "".join(f"{encode(one)}\n" for one in objects).encode()


class WorkbookFormat(ExportFormat):
    """A workbook, with as many sheets as it takes: made in a file, row by row, and sent when it is whole."""

    name, label = "xlsx", "Excel"
    media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    #: As many as a sheet has below its heading.
    most_rows = SHEET_ROWS - 1
    effort = 5

    async def chunks(
        self, columns: Sequence[ExportColumn], batches: Batches, scratch: Path | None = None
    ) -> AsyncGenerator[bytes, None]:
        with TemporaryDirectory(prefix="backoffice-export-", dir=scratch) as folder:
            path = Path(folder) / "export.xlsx"
            with Workbook(path, columns) as workbook:
                async for rows in batches:
                    # Writing takes far longer than reading: others wait for the event loop.
                    await to_thread.run_sync(workbook.add, rows)
                await to_thread.run_sync(workbook.finish)
            async with await open_file(path, "rb") as file:
                while chunk := await file.read(CHUNK):
                    yield chunk


FORMATS: Final[Mapping[str, ExportFormat]] = {
    made.name: made for made in (CsvFormat(), WorkbookFormat(), JsonLinesFormat())
}


def _heading(columns: Sequence[ExportColumn]) -> bytes:
    """The first line: what the declarations call the columns, which is no formula."""
    text = StringIO(newline="")
    csv.writer(text).writerow([column.label for column in columns])
    return text.getvalue().encode()


# Values ----------------------------------------------------------------------------------------

#: Writes the values of one column, all of a batch at once: a call a cell would take longer than the query.
Write = Callable[[Values], Values]


def _written(rows: Rows, writes: Sequence[Write | None]) -> Iterable[Sequence[Any]]:
    columns = zip(*rows, strict=True)
    written = (write(values) if write else values for write, values in zip(writes, columns, strict=True))
    return zip(*written, strict=True)


def _iso(values: Iterable[datetime | None]) -> Values:
    """The connection's zone is UTC, and so is theirs."""
    return [None if value is None else value.isoformat() for value in values]


def _parsed(values: Values) -> Values:
    return [None if value is None else json.loads(value) for value in values]


def _listed(values: Values) -> Values:
    return [texts or [] for texts in values]


_JSON: Final[Mapping[ValueKind, Write]] = {
    ValueKind.MOMENT: _iso,
    ValueKind.JSON: _parsed,
    ValueKind.TEXTS: _listed,
}
