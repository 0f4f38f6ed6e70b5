"""Cells as HTML: one value by its kind, in full or (in lists) in one line; and the cells of a whole row.

Written in Python: a list has hundreds of cells, and a macro for each takes many times as long. Whatever
comes from outside passes `escape` here, for the templates take the result as it is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from markupsafe import Markup, escape

from backoffice.admin import formats
from backoffice.admin.pages import Cell, Column, Kind, Row

#: Characters of a long text, and of a digest, in a list.
ONE_LINE: Final = 120
SHORT_DIGEST: Final = 16
#: Where a cell has more records than that, the first is named and the others are counted.
MOST_NAMED: Final = 2

_NOTHING: Final = '<span class="nothing" aria-hidden="true">–</span><span class="visually-hidden">none</span>'
#: What is false and yet something to be shown.
_NOT_NOTHING: Final = (0, False)
_IN_THE_TRASH: Final = '<span class="visually-hidden"> (in the trash)</span>'


@dataclass(frozen=True)
class Reader:
    """For whom moments are told: in which zone, and from when on they are so and so long ago."""

    time_zone: str
    now: datetime


#: One value as HTML: the cell, who reads it, and where its row leads ("" for nowhere).
Writer = Callable[[Cell, Reader, str], str]


# The cells of a row -----------------------------------------------------------------------------


def row_writer(columns: Sequence[Column], reader: Reader) -> Callable[[Row], Markup]:
    """Makes the cells of each row of a list with these columns.

    The first text of a row leads to the row. Where it is narrow, each cell names its column itself: that
    text need not, a number must.
    """
    main, labels = main_column(columns), [column.label for column in columns]

    def write(row: Row) -> Markup:
        cells = [
            f"{_opening(cell.kind, label, _is_empty(cell))}{_written(cell, reader, '', _IN_LISTS)}</td>"
            for cell, label in zip(row.cells, labels, strict=True)
        ]
        cells[main] = _main_cell(row.cells[main], labels[main], row, reader)
        return Markup("\n".join(cells))  # noqa: S704 - each escapes what it shows

    return write


def main_column(columns: Sequence[Column]) -> int:
    texts = (Kind.TEXT, Kind.LONG_TEXT)
    return 1 if len(columns) > 1 and columns[0].kind != Kind.TEXT and columns[1].kind in texts else 0


@lru_cache(maxsize=1024)
def _opening(kind: Kind, label: str, is_empty: bool, *, is_main: bool = False) -> str:
    state = f"{' is-main' if is_main else ''}{' is-empty' if is_empty else ''}"
    named = f'<span class="cell-label" aria-hidden="true">{escape(label)}</span>' if label else ""
    return f'<td role="cell" class="kind-{kind}{state}">{named}'


def _main_cell(cell: Cell, label: str, row: Row, reader: Reader) -> str:
    named = label if cell.kind == Kind.CODE else ""
    state = _IN_THE_TRASH if row.is_trashed else ""
    shown = _written(cell, reader, row.url, _IN_LISTS)
    return f"{_opening(cell.kind, named, _is_empty(cell), is_main=True)}{shown}{state}{row.passage}</td>"


def _is_empty(cell: Cell) -> bool:
    return not cell.value and cell.value not in _NOT_NOTHING


# One value --------------------------------------------------------------------------------------


def cell_html(cell: Cell, reader: Reader) -> Markup:
    """The value in full, for a record's page."""
    return Markup(_written(cell, reader, "", _IN_FULL))  # noqa: S704 - what writes it escapes


def copyable(text: str, shown: str = "", url: str = "") -> Markup:
    """What somebody compares elsewhere, with the button that copies it all; without a script one marks it."""
    whole = escape(text)
    return Markup(  # noqa: S704 - escaped above, and by what links it
        f'<span class="copyable"><code title="{whole}">{_linked(shown or text, url)}</code>'
        f'<button class="icon-button needs-script" type="button" data-copy="{whole}" aria-label="Copy"'
        ' title="Copy"><i class="ti ti-copy" aria-hidden="true"></i></button></span>'
    )


def _written(cell: Cell, reader: Reader, row_url: str, writers: Mapping[Kind, Writer]) -> str:
    if cell.value is None or cell.value == "":
        return f'<a href="{escape(row_url)}">(no name)</a>' if row_url else _NOTHING
    return writers[cell.kind](cell, reader, row_url)


def _linked(text: Any, url: str) -> str:
    return f'<a href="{escape(url)}" dir="auto">{escape(text)}</a>' if url else f"<bdi>{escape(text)}</bdi>"


def _leading(html: str, url: str) -> str:
    return f'<a href="{escape(url)}">{html}</a>' if url else html


def _text(cell: Cell, reader: Reader, row_url: str) -> str:
    return _linked(cell.value, cell.url or row_url)


def _number(cell: Cell, reader: Reader, row_url: str) -> str:
    return _linked(formats.number(cell.value), cell.url or row_url)


def _size(cell: Cell, reader: Reader, row_url: str) -> str:
    return formats.size(cell.value)


def _code(cell: Cell, reader: Reader, row_url: str) -> str:
    return f"<code>{_linked(cell.value, cell.url or row_url)}</code>"


def _moment(cell: Cell, reader: Reader, row_url: str) -> str:
    return formats.moment(cell.value, reader.time_zone, reader.now)


def _brief(cell: Cell, reader: Reader, row_url: str) -> str:
    return _leading(formats.brief(cell.value, reader.time_zone, reader.now), row_url)


def _flag(cell: Cell, reader: Reader, row_url: str) -> str:
    off, icon, word = ("", "check", "Yes") if cell.value else (" is-off", "minus", "No")
    return f'<span class="flag{off}"><i class="ti ti-{icon}" aria-hidden="true"></i>{word}</span>'


def _choice(cell: Cell, reader: Reader, row_url: str) -> str:
    return _leading(formats.badge(cell.value), row_url)


def _label(cell: Cell, reader: Reader, row_url: str) -> str:
    text, color = cell.value
    # The colour stands in a presentation attribute: the pages' policy allows no inline style.
    return (
        '<span class="label"><svg width="8" height="8" viewBox="0 0 8 8" aria-hidden="true">'
        f'<circle cx="4" cy="4" r="3.5" fill="{escape(color)}"/></svg>{_linked(text, cell.url)}</span>'
    )


def _records(cell: Cell, reader: Reader, row_url: str) -> str:
    shown = "".join(_written(each, reader, "", _IN_FULL) for each in cell.value)
    return f'<span class="several">{shown}</span>' if shown else _NOTHING


def _few_records(cell: Cell, reader: Reader, row_url: str) -> str:
    if len(cell.value) <= MOST_NAMED:
        return _records(cell, reader, row_url)
    first, *others = cell.value
    names = ", ".join(each.value[0] if each.kind == Kind.LABEL else str(each.value) for each in others)
    more = f'<span class="more" title="{escape(names)}">+{len(others)}</span>'
    return f'<span class="several">{_written(first, reader, "", _IN_FULL)}{more}</span>'


def _long_text(cell: Cell, reader: Reader, row_url: str) -> str:
    return f'<div class="long-text" dir="auto">{escape(cell.value)}</div>'


def _clipped_text(cell: Cell, reader: Reader, row_url: str) -> str:
    return _clipped(cell.value, cell.url or row_url)


def _json(cell: Cell, reader: Reader, row_url: str) -> str:
    return f'<pre class="json"><code>{escape(formats.pretty_json(cell.value))}</code></pre>'


def _clipped_json(cell: Cell, reader: Reader, row_url: str) -> str:
    return _clipped(formats.pretty_json(cell.value), cell.url or row_url)


def _clipped(text: str, url: str) -> str:
    line = _leading(escape(formats.shorten(text, ONE_LINE)), url)
    return f'<span class="clip" dir="auto">{line}</span>'


def _digest(cell: Cell, reader: Reader, row_url: str) -> str:
    return copyable(cell.value, url=cell.url)


def _short_digest(cell: Cell, reader: Reader, row_url: str) -> str:
    return copyable(cell.value, f"{cell.value[:SHORT_DIGEST]}…", cell.url or row_url)


_IN_FULL: Final[Mapping[Kind, Writer]] = {
    Kind.TEXT: _text,
    Kind.LONG_TEXT: _long_text,
    Kind.NUMBER: _number,
    Kind.SIZE: _size,
    Kind.MOMENT: _moment,
    Kind.FLAG: _flag,
    Kind.CHOICE: _choice,
    Kind.RECORD: _text,
    Kind.RECORDS: _records,
    Kind.LABEL: _label,
    Kind.JSON: _json,
    Kind.CODE: _code,
    Kind.DIGEST: _digest,
}
#: One line high: long texts and JSON in one line, brief times, two records at most.
_IN_LISTS: Final[Mapping[Kind, Writer]] = {
    **_IN_FULL,
    Kind.LONG_TEXT: _clipped_text,
    Kind.JSON: _clipped_json,
    Kind.MOMENT: _brief,
    Kind.DIGEST: _short_digest,
    Kind.RECORDS: _few_records,
}
