"""The content type that a file is served with: decided by its own bytes, never by who sent it."""

import codecs
from pathlib import PurePath

#: How many of a file's first bytes `safe_type` wants to see.
HEAD_SIZE = 2048

OPAQUE = "application/octet-stream"
TEXT = "text/plain"

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
)
_TEXT_SUFFIXES = frozenset({".csv", ".log", ".md", ".txt"})
_CONTROLS_IN_TEXT = frozenset("\t\n\f\r\x1b")


def safe_type(filename: str, declared: str | None, head: bytes) -> str:
    """The type to serve a file with that begins with `head` (its first `HEAD_SIZE` bytes).

    Images, PDF and plain text are what a browser may show; everything else, SVG and HTML included,
    is only ever downloaded. `declared` and the name count for text alone, which has no signature.
    """
    for signature, content_type in _SIGNATURES:
        if head.startswith(signature):
            return content_type
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if _claims_text(filename, declared) and _reads_as_text(head):
        return TEXT
    return OPAQUE


def is_image(content_type: str) -> bool:
    """Whether a file of this type may be shown within a page."""
    return content_type in ("image/png", "image/jpeg", "image/gif", "image/webp")


def _claims_text(filename: str, declared: str | None) -> bool:
    media_type = (declared or "").partition(";")[0].strip().lower()
    return media_type == TEXT or PurePath(filename).suffix.lower() in _TEXT_SUFFIXES


def _reads_as_text(head: bytes) -> bool:
    try:
        # The head may end in the middle of a character, which is no fault of the file's.
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return all(character >= " " or character in _CONTROLS_IN_TEXT for character in text)
