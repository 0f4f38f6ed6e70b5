"""A first look through a whole file: its columns, some of their values, and how many rows there are."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from backoffice.desk.importing.readers import MOST_COLUMNS, read_rows
from backoffice.desk.importing.source import Source
from backoffice.errors import BadInput

#: All of them are judged while somebody waits.
MOST_ROWS: Final = 300_000
SAMPLES: Final = 3
LONGEST_SAMPLE: Final = 80
#: A column with more different values than these is no status and no priority.
MOST_VALUES: Final = 40
LONGEST_VALUE: Final = 60


@dataclass
class FoundColumn:
    """A column: a few of its values as examples, and all of them by how often, where they are few."""

    name: str
    samples: list[str] = field(default_factory=list)
    values: dict[str, int] | None = field(default_factory=dict)

    def note(self, value: Any) -> None:
        text = in_text(value).strip()
        if not text:
            return
        if len(self.samples) < SAMPLES and (sample := _sample(text)) not in self.samples:
            self.samples.append(sample)
        if self.values is not None:
            self.values = _counted(self.values, text)

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "samples": self.samples, "values": self.values}


@dataclass(frozen=True)
class Survey:
    columns: list[FoundColumn]
    row_count: int


def survey(path: Path, source: Source) -> Survey:
    """Look through the file; BadInput where it has columns and no row, too many, or cannot be read so."""
    columns: dict[str, FoundColumn] = {}
    row_count = 0
    for row in read_rows(path, source):
        row_count += 1
        if row_count > MOST_ROWS:
            raise BadInput(
                f"The file has more than {MOST_ROWS:,} rows, and no more are checked at once: cut it into"
                " several files, each with the names of the columns, and import one after the other."
            )
        for name, value in row.values.items():
            _column(columns, name).note(value)
    if not row_count:
        raise BadInput("The file has no rows to import.")
    if not columns:
        raise BadInput("Nothing in the file could be read.")
    return Survey([*columns.values()], row_count)


def in_text(value: Any) -> str:
    """A value of a file as text; nothing is the empty text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return (
            ", ".join(in_text(one) for one in value) if not _holds_objects(value) else f"{len(value)} entries"
        )
    return str(value)


def _holds_objects(values: list[Any]) -> bool:
    return any(isinstance(one, dict | list) for one in values)


def _column(columns: dict[str, FoundColumn], name: str) -> FoundColumn:
    if name not in columns:
        if len(columns) >= MOST_COLUMNS:
            raise BadInput(f"The file has more than {MOST_COLUMNS} columns.")
        columns[name] = FoundColumn(name)
    return columns[name]


def _sample(text: str) -> str:
    line = " ".join(text.replace("\x00", "").split())
    return line if len(line) <= LONGEST_SAMPLE else f"{line[: LONGEST_SAMPLE - 1]}…"


def _counted(values: dict[str, int], text: str) -> dict[str, int] | None:
    if len(text) > LONGEST_VALUE or "\x00" in text:
        return None
    values[text] = values.get(text, 0) + 1
    return values if len(values) <= MOST_VALUES else None
