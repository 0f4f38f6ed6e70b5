"""Readers: a file as rows, each with the line where it begins, one after the other and never all at once."""

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

from backoffice.desk.importing.source import CHUNK, Format, Source, envelope_end
from backoffice.errors import BadInput

#: An object of a JSON file; what is longer is not held in memory.
LONGEST_OBJECT: Final = 16 * 1024 * 1024
MOST_COLUMNS: Final = 500

Values = Mapping[str, Any]


@dataclass(frozen=True)
class SourceRow:
    """One row: its number from 1 on, the line where it begins, and its values by the columns' names.

    A row that cannot be read has a `problem`, a sentence, instead of values.
    """

    number: int
    line: int
    values: Values
    problem: str = ""


def read_rows(path: Path, source: Source) -> Iterator[SourceRow]:
    """The rows of the file; BadInput where it is not in the encoding that `source` says."""
    try:
        with path.open(encoding=source.encoding, newline="") as file:
            for number, (line, values, problem) in enumerate(_rows(file, source), start=1):
                yield SourceRow(number, line, values, problem)
    except UnicodeError:
        raise BadInput("The file is not in this encoding: choose another one.") from None


_Found = tuple[int, Values, str]


def _rows(file: TextIO, source: Source) -> Iterator[_Found]:
    match source.format:
        case Format.CSV:
            return _csv_rows(file, source.delimiter)
        case Format.JSON_LINES:
            return _json_lines(file)
        case Format.JSON:
            return _json_objects(file)


# CSV --------------------------------------------------------------------------------------------


def _csv_rows(file: TextIO, delimiter: str) -> Iterator[_Found]:
    reader = csv.reader(file, delimiter=delimiter)
    names: list[str] = []
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield line, {}, "a cell is too long to be read: perhaps a quotation mark is not closed"
            continue
        if not any(cells):
            continue
        if not names:
            names = column_names(cells)
        else:
            yield line, dict(zip(names, cells, strict=False)), _misfit(cells, names)


def column_names(cells: list[str]) -> list[str]:
    """The columns' names from the first row: each has one, and one of its own. BadInput for too many."""
    if len(cells) > MOST_COLUMNS:
        raise BadInput(f"The file has {len(cells):,} columns; at most {MOST_COLUMNS} are read.")
    names: list[str] = []
    seen: Counter[str] = Counter()
    for position, cell in enumerate(cells, start=1):
        name = " ".join(cell.replace("\x00", "").split())[:100] or f"Column {position}"
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names


def _misfit(cells: list[str], names: list[str]) -> str:
    if len(cells) == len(names):
        return ""
    return f"it has {len(cells)} {'cell' if len(cells) == 1 else 'cells'}, and the first row {len(names)}"


# JSON -------------------------------------------------------------------------------------------


def _json_lines(file: TextIO) -> Iterator[_Found]:
    for line, text in enumerate(_bounded_lines(file), start=1):
        if text.strip():
            yield line, *_object(text)


def _bounded_lines(file: TextIO) -> Iterator[str]:
    while text := file.readline(LONGEST_OBJECT):
        if len(text) == LONGEST_OBJECT and not text.endswith("\n"):
            while (rest := file.readline(CHUNK)) and not rest.endswith("\n"):
                pass
        yield text


def _object(text: str) -> tuple[Values, str]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}, "this is no JSON"
    return _checked(found)


def _checked(found: Any) -> tuple[Values, str]:
    return (flat(found), "") if isinstance(found, dict) else ({}, "this is no object of JSON")


def flat(found: Mapping[str, Any]) -> Values:
    """An object's values, those of an object in it as `outer.inner`."""
    values: dict[str, Any] = {}
    for name, value in found.items():
        if isinstance(value, dict):
            values.update({f"{name}.{inner}": each for inner, each in value.items()})
        else:
            values[name] = value
    return values


class _Buffer:
    """The text from where one reads on, as far as it is in memory, and in which line that is."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.text = ""
        self.line = 1
        self.is_whole = False

    def grow(self) -> None:
        more = self._file.read(CHUNK)
        self.is_whole = not more
        self.text += more

    def drop(self, length: int) -> None:
        self.line += self.text.count("\n", 0, length)
        self.text = self.text[length:]

    def drop_blanks(self, blanks: str) -> None:
        """Go on to the next sign that is none of `blanks`, reading more where it takes that."""
        while True:
            self.drop(len(self.text) - len(self.text.lstrip(blanks)))
            if self.text or self.is_whole:
                return
            self.grow()


def _json_objects(file: TextIO) -> Iterator[_Found]:
    buffer, decoder = _Buffer(file), json.JSONDecoder()
    buffer.grow()
    buffer.drop_blanks(" \t\r\n\ufeff")
    buffer.drop(1 if buffer.text.startswith("[") else envelope_end(buffer.text))
    while True:
        buffer.drop_blanks(" \t\r\n,")
        if not buffer.text or buffer.text[0] == "]":
            return
        line = buffer.line
        try:
            found, length = _next_object(buffer, decoder)
        except (ValueError, RecursionError):
            yield line, {}, "this is no JSON, and what follows cannot be read"
            return
        buffer.drop(length)
        yield line, *_checked(found)


def _next_object(buffer: _Buffer, decoder: json.JSONDecoder) -> tuple[Any, int]:
    """The next object and its length; a ValueError where there is none."""
    while True:
        try:
            return decoder.raw_decode(buffer.text)
        except ValueError:
            if buffer.is_whole or len(buffer.text) > LONGEST_OBJECT:
                raise
        buffer.grow()
