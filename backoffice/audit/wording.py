"""What became of a text, word by word: what stayed, what went, what came; within a bounded time."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from itertools import groupby
from typing import Final

#: Of all texts that are compared with one `Comparison`; some tenth of a second.
MOST_WORK: Final = 1_000_000
#: Of two texts.
MOST_WORK_AT_ONCE: Final = 300_000
#: What keeps a smaller share of its words is read quicker as two texts.
LEAST_KEPT: Final = 0.25

# With the space before it, so that a text that only goes on keeps its last word.
_WORD: Final = re.compile(r"\s*\S+|\s+")

Words = Sequence[str]


class Fate(StrEnum):
    """What became of some words in a row."""

    SAME = "same"
    REMOVED = "removed"
    ADDED = "added"


@dataclass(frozen=True)
class Piece:
    """Words in a row that share a fate."""

    fate: Fate
    text: str

    @property
    def words(self) -> int:
        """How many they are."""
        return len(self.text.split())


class Comparison:
    """Compares texts as long as its work allows; a page has one."""

    def __init__(self, work: int = MOST_WORK) -> None:
        self._work = work

    def pieces(self, old: str, new: str) -> list[Piece] | None:
        """What `old` became `new` by; None where they have too little in common, or it would take too long.

        Without what was added the pieces are `old`, without what was removed `new`.
        """
        before, after = _WORD.findall(old), _WORD.findall(new)
        head = _shared(before, after)
        tail = _shared(before[head:][::-1], after[head:][::-1])
        left, right = before[head : len(before) - tail], after[head : len(after) - tail]
        work = _work(left, right)
        if work > min(self._work, MOST_WORK_AT_ONCE):
            return None
        self._work -= work
        pieces = [(Fate.SAME, before[:head]), *_edits(left, right), (Fate.SAME, before[len(before) - tail :])]
        return _joined(pieces) if _is_readable(pieces) else None


def _shared(one: Words, other: Words) -> int:
    """How many words both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def _work(before: Words, after: Words) -> int:
    """About how many steps it takes: difflib looks at every pair of like words, and again at every edit."""
    here, there = Counter(before), Counter(after)
    # It passes over what is everywhere in a long text.
    popular = len(after) // 100 + 1 if len(after) >= 200 else len(after)
    pairs = sum(count * there[word] for word, count in here.items() if there[word] <= popular)
    edits = (here - there).total() + (there - here).total()
    return pairs + (len(before) + len(after)) * (edits + 1) // 4


def _edits(before: Words, after: Words) -> Iterator[tuple[Fate, Words]]:
    for tag, a, b, c, d in SequenceMatcher(None, before, after).get_opcodes():
        if tag == "equal":
            yield Fate.SAME, before[a:b]
        else:
            yield Fate.REMOVED, before[a:b]
            yield Fate.ADDED, after[c:d]


def _is_readable(edits: Sequence[tuple[Fate, Words]]) -> bool:
    sizes: Counter[Fate] = Counter()
    for fate, words in edits:
        sizes[fate] += len(words)
    return sizes[Fate.SAME] >= LEAST_KEPT * (sizes.total() - min(sizes[Fate.ADDED], sizes[Fate.REMOVED]))


def _joined(edits: Sequence[tuple[Fate, Words]]) -> list[Piece]:
    filled = [(fate, "".join(words)) for fate, words in edits if words]
    runs = groupby(filled, key=lambda edit: edit[0])
    return [Piece(fate, "".join(text for _, text in run)) for fate, run in runs]
