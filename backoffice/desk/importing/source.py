"""How the bytes of a file are read: its format, its encoding, and what separates its columns."""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from backoffice.errors import BadInput

CHUNK: Final = 1024 * 1024
_HEAD: Final = 64 * 1024
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Of which no text begins: a zip (Excel's workbooks are some), a gzip, a PDF, Excel's old workbooks.
_NO_TEXT: Final = (b"PK\x03\x04", b"\x1f\x8b", b"%PDF", b"\xd0\xcf\x11\xe0")
_ENVELOPE: Final = re.compile(r'"(?:tickets|users)"\s*:\s*\[')
#: Lines that are looked at to tell what separates the columns.
_LOOKED_AT: Final = 20

ENCODINGS: Final[Mapping[str, str]] = {
    "utf-8-sig": "UTF-8",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16, little-endian, without a mark",
    "utf-16-be": "UTF-16, big-endian, without a mark",
    "cp1252": "Western European (Windows-1252)",
    "latin-1": "Western European (Latin-1)",
}
DELIMITERS: Final[Mapping[str, str]] = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


class Format(StrEnum):
    """What a file is written in."""

    CSV = "csv"
    JSON = "json"  # one array of objects, or an object that holds it
    JSON_LINES = "jsonl"  # an object a line


@dataclass(frozen=True)
class Source:
    """How a file is read; `delimiter` matters to CSV alone."""

    format: Format
    encoding: str
    delimiter: str = ","

    def as_json(self) -> dict[str, str]:
        return {"format": self.format.value, "encoding": self.encoding, "delimiter": self.delimiter}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Source":
        return cls(Format(stored["format"]), stored["encoding"], stored["delimiter"])


def detect(path: Path) -> Source:
    """What the file at `path` looks like; BadInput for one that is empty, or no text at all."""
    encoding = _encoding(path)
    with path.open(encoding=encoding, newline="") as text:
        head = text.read(_HEAD)
    if not head.strip():
        raise BadInput("The file is empty.")
    format_ = _format(head)
    return Source(format_, encoding, _delimiter(head) if format_ is Format.CSV else ",")


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head.startswith(_NO_TEXT):
        raise BadInput("This is no text file. Save a workbook as CSV, unpack an archive, and upload that.")
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return encoding
    return _unmarked_utf16(head) or next(
        name for name in ("utf-8-sig", "cp1252", "latin-1") if _fits(path, name)
    )


def _unmarked_utf16(head: bytes) -> str:
    """UTF-16 without a mark, told by its zeros: every other byte of Western text is one."""
    if head[1::2].count(0) > len(head) * 0.3:
        return "utf-16-le"
    return "utf-16-be" if head[0::2].count(0) > len(head) * 0.3 else ""


def _fits(path: Path, encoding: str) -> bool:
    """Whether all of the file is text in this encoding."""
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as file:
        try:
            while chunk := file.read(CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _format(head: str) -> Format:
    text = head.lstrip()
    if text[0] == "[":
        return Format.JSON
    if text[0] != "{":
        return Format.CSV
    first, separator, _ = text.partition("\n")
    is_whole = first.rstrip().endswith("}") or not separator
    return Format.JSON if _ENVELOPE.search(first) or not is_whole else Format.JSON_LINES


def envelope_end(head: str) -> int:
    """Where, in the beginning of a JSON text, the array of tickets or people begins; 0 for no such place."""
    found = _ENVELOPE.search(head)
    return found.end() if found else 0


def _delimiter(head: str) -> str:
    """What cuts the first lines into the same number of cells, the most of them."""
    return max(DELIMITERS, key=lambda each: _evenness(head, each))


def _evenness(head: str, delimiter: str) -> tuple[bool, int, int]:
    reader = csv.reader(io.StringIO(head, newline=""), delimiter=delimiter)
    widths: Counter[int] = Counter()
    try:
        for row, _ in zip(reader, range(_LOOKED_AT), strict=False):
            widths[len(row)] += bool(row)
    except csv.Error:
        return False, 0, 0
    ((width, lines),) = widths.most_common(1)
    return width > 1, lines, width
