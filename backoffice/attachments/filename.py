"""The name of an attachment: cleaned when it comes in, quoted when it goes out."""

import unicodedata
from pathlib import PurePath
from urllib.parse import quote

#: As long as the column, and as most file systems take.
MAX_LENGTH = 255
UNNAMED = "attachment"

# These turn the direction of what follows, so that "gpj.exe" reads as "exe.jpg".
_DIRECTION_MARKS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Control characters, halves of surrogate pairs, line and paragraph separators, unassigned code points.
_UNWANTED_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp", "Cn"})
_MAX_SUFFIX = 20
# What RFC 5987 calls attr-char, beside letters and digits.
_UNQUOTED = "!#$&+-.^_`|~"


def clean_filename(name: str) -> str:
    """`name` without path, control characters or tricks of direction: 1 to 255 characters, never `..`."""
    last_part = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join(character for character in last_part if _is_wanted(character))
    tidy = " ".join(unicodedata.normalize("NFC", kept).split()).strip(". ")
    return _shortened(tidy).rstrip(". ") or UNNAMED


def content_disposition(filename: str, *, inline: bool) -> str:
    """The header's value (RFC 6266): an ASCII name for old clients and, where that loses something, UTF-8."""
    name = clean_filename(filename)
    plain = "".join(_plain(character) for character in unicodedata.normalize("NFKD", name))
    disposition = f'{"inline" if inline else "attachment"}; filename="{plain}"'
    if plain == name:
        return disposition
    return f"{disposition}; filename*=UTF-8''{quote(name, safe=_UNQUOTED)}"


def _is_wanted(character: str) -> bool:
    return unicodedata.category(character) not in _UNWANTED_CATEGORIES and character not in _DIRECTION_MARKS


def _shortened(name: str) -> str:
    """The name cut to what the column takes, its suffix kept: that is how a desktop knows the file."""
    if len(name) <= MAX_LENGTH:
        return name
    suffix = PurePath(name).suffix
    if len(suffix) > _MAX_SUFFIX:
        suffix = ""
    return name[: MAX_LENGTH - len(suffix)] + suffix


def _plain(character: str) -> str:
    if unicodedata.combining(character):
        return ""
    # Quote, backslash and percent are safe by the letter of the standard, but not in every client.
    return character if " " <= character <= "~" and character not in '"\\%' else "_"
