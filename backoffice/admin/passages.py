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


def passages(comparison: Comparison, old: object, new: object) -> list[Passage]:
    """What one text became another by; empty where they are short, or better read one after the other."""
    if not isinstance(old, str) or not isinstance(new, str) or max(len(old), len(new)) <= LONG:
        return []
    pieces = comparison.pieces(old, new) or []
    return [
        passage
        for place, piece in enumerate(pieces)
        for passage in _folded(piece, is_first=place == 0, is_last=place == len(pieces) - 1)
    ]


def _folded(piece: Piece, *, is_first: bool, is_last: bool) -> Iterator[Passage]:
    before, after = 0 if is_first else CONTEXT, 0 if is_last else CONTEXT
    hidden = piece.words - before - after
    if piece.fate is not Fate.SAME or hidden < LEAST_FOLDED:
        yield Passage(piece.fate, piece.text)
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
