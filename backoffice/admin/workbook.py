"""A workbook of Excel, written row by row in constant memory; what a sheet cannot hold is in the next."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import xlsxwriter

from backoffice.admin.export_columns import ExportColumn, ValueKind
from backoffice.errors import TooLarge

#: Rows that a sheet holds, its heading among them.
SHEET_ROWS: Final = 1_048_576
#: Characters that a cell holds.
LONGEST_TEXT: Final = 32_767
#: Excel keeps fifteen digits of a number; a longer one is written as text.
LARGEST_NUMBER: Final = 10**15
TOO_LONG: Final = (
    f"A text is longer than a cell of Excel holds ({LONGEST_TEXT:,} characters). Export as CSV instead."
)
MOMENT: Final = "yyyy-mm-dd hh:mm:ss"
WIDTHS: Final[Mapping[ValueKind, int]] = {
    ValueKind.TEXT: 28,
    ValueKind.WORD: 28,
    ValueKind.TEXTS: 28,
    ValueKind.JSON: 60,
    ValueKind.MOMENT: 20,
    ValueKind.NUMBER: 12,
    ValueKind.FLAG: 8,
}

#: Writes one value into the cell at a row and a column.
WriteCell = Callable[[int, int, Any], Any]


class Workbook:
    """Takes rows until it is finished; left before that, it leaves no whole file behind."""

    def __init__(self, path: Path, columns: Sequence[ExportColumn]) -> None:
        options = {"constant_memory": True, "remove_timezone": True, "tmpdir": str(path.parent)}
        self._book = xlsxwriter.Workbook(str(path), {**options, "use_zip64": True})
        self._moment = self._book.add_format({"num_format": MOMENT})
        self._bold = self._book.add_format({"bold": True})
        self._columns = columns
        self._sheet: Any
        self._writes: Sequence[WriteCell]
        self._row = 0
        self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The rows of sheets that are not finished lie in files of their own.
        sheets: Sequence[Any] = self._book.worksheets()
        for sheet in sheets:
            sheet.row_data_fh.close()

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        """Write `rows` below the others; TooLarge where a text does not fit."""
        for row in rows:
            self._row += 1
            if self._row == SHEET_ROWS:
                self._row = 1
                self._begin()
            for place, (write, value) in enumerate(zip(self._writes, row, strict=True)):
                if value is not None:
                    write(self._row, place, value)

    def finish(self) -> None:
        """Put the file together."""
        self._book.close()

    def _begin(self) -> None:
        """Go on in a sheet of its own, below a heading."""
        self._sheet = self._book.add_worksheet()
        self._writes = [self._write_for(column.kind) for column in self._columns]
        self._sheet.freeze_panes(1, 0)
        for place, column in enumerate(self._columns):
            self._sheet.set_column(place, place, WIDTHS[column.kind])
            # A cell knows no time zone: the heading does.
            label = f"{column.label} (UTC)" if column.kind is ValueKind.MOMENT else column.label
            self._sheet.write_string(0, place, label, self._bold)

    def _write_for(self, kind: ValueKind) -> WriteCell:
        sheet, moment = self._sheet, self._moment
        writes: Mapping[ValueKind, WriteCell] = {
            ValueKind.NUMBER: self._write_number,
            ValueKind.FLAG: sheet.write_boolean,
            ValueKind.MOMENT: lambda row, place, value: sheet.write_datetime(row, place, value, moment),
            ValueKind.TEXTS: lambda row, place, value: self._write_text(row, place, ", ".join(value)),
        }
        return writes.get(kind, self._write_text)

    def _write_text(self, row: int, place: int, value: str) -> None:
        # As a text whatever it begins with: it becomes no formula and no link.
        if len(value) > LONGEST_TEXT:
            raise TooLarge(TOO_LONG)
        self._sheet.write_string(row, place, value)

    def _write_number(self, row: int, place: int, value: Any) -> None:
        if abs(value) < LARGEST_NUMBER:
            self._sheet.write_number(row, place, value)
        else:
            self._sheet.write_string(row, place, str(value))
