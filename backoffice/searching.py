"""A search: what it finds, in which order, and where in each row. The desk makes it, pages show it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncSession

#: What stands around each match in a text. No page lets these characters in, and none shows them.
MARK: Final = "\x02"
UNMARK: Final = "\x03"


@dataclass(frozen=True)
class Match:
    """Where in one row the words are."""

    #: Whole texts of the row with the matches marked, by the name of the column.
    texts: Mapping[str, str] = field(default_factory=dict)
    #: A passage with the matches marked, empty where `texts` say it all; and what it is a passage of.
    passage: str = ""
    source: str = ""


#: The matches in the rows of these keys; a row without one may be missing.
FindMatches = Callable[[AsyncSession, Sequence[Any]], Awaitable[Mapping[Any, Match]]]


@dataclass(frozen=True)
class Search:
    """What a term finds among the rows of a table."""

    condition: ColumnElement[bool]
    #: True of the very few rows that the term names outright, which come first.
    exact: ColumnElement[bool] | None = None
    #: Higher is better, the first counts most; empty: the rows have no order of their own.
    rank: Sequence[ColumnElement[Any]] = ()
    #: Whether very many rows have the words: how many would take long to count.
    is_frequent: bool = False
    #: What was left out, in a sentence.
    note: str = ""
    matches: FindMatches | None = None
