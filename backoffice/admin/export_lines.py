"""Lines of CSV, written by PostgreSQL: whoever sends the file has nothing left to do but pass them on."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Text, case, cast, func, literal, literal_column, or_
from sqlalchemy.dialects.postgresql import array

from backoffice.admin.export_columns import ExportColumn, ValueKind

#: A cell that begins so is a formula to a spreadsheet, also in the wide forms that some take for the same.
FORMULAS: Final = frozenset("=+-@\t\r\n＝＋－＠")
#: What a cell has that must stand between quotes.
_SPECIAL: Final = (",", '"', "\r", "\n")

Cell = ColumnElement[Any]


def line_of(columns: Sequence[ExportColumn], values: Sequence[Cell]) -> Cell:
    """The line of a row without its end, as RFC 4180 has it; no cell is a formula to a spreadsheet.

    Several texts of one column come as one already.
    """
    cells: array[Any] = array(
        [_WRITE[column.kind](value) for column, value in zip(columns, values, strict=True)], type_=Text()
    )
    line = func.array_to_string(cells, _text(","), _text(""), type_=Text)
    # An empty line would be none.
    return func.coalesce(func.nullif(line, _text("")), _text('""')) if len(columns) == 1 else line


def _written_text(value: Cell) -> Cell:
    """Between quotes where that is needed; an apostrophe says that what looks like a formula is text."""
    begins_so = func.left(value, literal_column("1")).in_([_text(sign) for sign in sorted(FORMULAS)])
    apostrophe = case((begins_so, _text("'")), else_=_text(""))
    is_special = or_(*(value.like(_text(f"%{sign}%")) for sign in _SPECIAL))
    quoted = func.concat(_text('"'), apostrophe, func.replace(value, _text('"'), _text('""')), _text('"'))
    return case((is_special, quoted), (begins_so, func.concat(_text("'"), value)), else_=value)


def _written_flag(value: Cell) -> Cell:
    return case((value, _text("yes")), (~value, _text("no")))


def _written_moment(value: Cell) -> Cell:
    """ISO 8601, without a fraction where it is none. The connection's zone is UTC, and so is the moment's."""
    whole = func.to_char(value, _text('YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'), type_=Text)
    return func.replace(whole, _text(".000000"), _text(""))


def _plain(value: Cell) -> Cell:
    return cast(value, Text)


def _text(text: str) -> ColumnElement[str]:
    """A constant: what PostgreSQL knows when it plans costs least."""
    return literal(text, Text, literal_execute=True)


_WRITE: Final[Mapping[ValueKind, Callable[[Cell], Cell]]] = {
    ValueKind.TEXT: _written_text,
    ValueKind.JSON: _written_text,
    ValueKind.TEXTS: _written_text,
    ValueKind.WORD: _plain,
    ValueKind.NUMBER: _plain,
    ValueKind.FLAG: _written_flag,
    ValueKind.MOMENT: _written_moment,
}
