"""Long texts that were changed, as a page shows them: word by word, with what stayed folded away."""

import re
from collections.abc import Iterator
from typing import Final

from backoffice.admin.record_pages import Passage
from backoffice.audit.wording import Comparison, Fate, Piece

#: Shorter texts are read at a glance, before and after.
LONG: Final = 60
#: So many words of what stayed are left around a change,
CONTEXT: Final = 8
#: unless there are fewer than these to fold away.
LEAST_FOLDED: Final = 16

_WORD: Final = re.compile(r"\S+\s*")


def is_long(old: object, new: object) -> bool:
    """Whether either is a text that is more than a few words."""
    return any(isinstance(text, str) and len(text) > LONG for text in (old, new))


def passages(comparison: Comparison, old: object, new: object) -> list[Passage]:
    """What one text became another by; empty where they are short, or better read one after the other."""
    if not isinstance(old, str) or not isinstance(new, str) or not is_long(old, new):
        return []
    pieces = comparison.pieces(old, new) or []
    return [
        passage
        for place, piece in enumerate(pieces)
        for passage in _shown(piece, is_first=place == 0, is_last=place == len(pieces) - 1)
    ]


def _shown(piece: Piece, *, is_first: bool, is_last: bool) -> Iterator[Passage]:
    if piece.fate is Fate.SAME:
        yield from _folded(piece, is_first=is_first, is_last=is_last)
        return
    # The space before a word belongs to it, and is marked only where there is nothing else.
    words = piece.text.lstrip() or piece.text
    if words != piece.text:
        yield Passage(Fate.SAME, piece.text[: -len(words)])
    yield Passage(piece.fate, words)


def _folded(piece: Piece, *, is_first: bool, is_last: bool) -> Iterator[Passage]:
    before, after = 0 if is_first else CONTEXT, 0 if is_last else CONTEXT
    hidden = piece.words - before - after
    if hidden < LEAST_FOLDED:
        yield Passage(Fate.SAME, piece.text)
        return
    start, end = _after_words(piece.text, before), _after_words(piece.text, before + hidden)
    for text, words in ((piece.text[:start], 0), (piece.text[start:end], hidden), (piece.text[end:], 0)):
        if text:
            yield Passage(Fate.SAME, text, words)


def _after_words(text: str, count: int) -> int:
    """Where the word after `count` words begins."""
    if count == 0:
        return 0
    return next(word.end() for place, word in enumerate(_WORD.finditer(text), 1) if place == count)
