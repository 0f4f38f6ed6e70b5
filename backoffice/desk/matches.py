"""Where in a ticket the words are that found it: in its title, its text, a comment, or somebody's name."""

import string
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Label,
    Row,
    Select,
    Text,
    any_,
    bindparam,
    func,
    not_,
    select,
    true,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from backoffice.database import INCLUDE_TRASHED
from backoffice.desk.search import COMMENT_WORDS, TICKET_WORDS, has
from backoffice.desk.terms import SIMPLE, Terms, asked, begun
from backoffice.searching import MARK, UNMARK, Match
from models import Comment, Ticket, User

#: Of a text, in characters: what lies further down is found, but not shown.
LONGEST_TEXT: Final = 20_000
#: By so many characters a passage is told to be the beginning, or the end, of its text.
_EDGE: Final = 12
_SIGNS: Final = string.punctuation + string.whitespace
_MARKS: Final = f'StartSel="{MARK}", StopSel="{UNMARK}"'
_WHOLE: Final = f"{_MARKS}, HighlightAll=true"
_PASSAGE: Final = f"{_MARKS}, MaxFragments=1, MinWords=8, MaxWords=22, ShortWord=0"


async def find_matches(
    session: AsyncSession, ids: Sequence[int], *, terms: Terms, said_in: Collection[int]
) -> Mapping[int, Match]:
    """The matches in the tickets of these ids; `said_in` are those that a comment found."""
    if not ids:
        return {}
    said = sorted(set(ids) & set(said_in))
    statement = _statement(is_address=terms.is_address, was_said=bool(said))
    given = {"ids": list(ids), "said_in": said, "all": terms.all_words, "any": terms.any_word}
    return {row.id: _match(row) for row in await session.execute(statement, given)}


@cache
def _statement(*, is_address: bool, was_said: bool) -> Select[Any]:
    """Made once: it takes longer than to run it."""
    creator, assignee = aliased(User), aliased(User)
    has_all = has(TICKET_WORDS, asked(bindparam("all")))
    marked = begun(bindparam("any", type_=Text)) if is_address else asked(bindparam("any"))
    columns: list[ColumnElement[Any] | InstrumentedAttribute[Any]] = [
        Ticket.id,
        has_all.label("has_all"),
        _headline(Ticket.title, marked, _WHOLE).label("title"),
        *_passage(Ticket.description, marked, "description"),
        _headline(_named(creator), marked, _WHOLE).label("creator"),
        _headline(_named(assignee), marked, _WHOLE).label("assignee"),
    ]
    statement = (
        select(*columns)
        .join(creator, creator.id == Ticket.creator_id)
        .outerjoin(assignee, assignee.id == Ticket.assignee_id)
        .where(_in("ids"))
        .execution_options(**INCLUDE_TRASHED)
    )
    return _with_comments(statement, marked, has_all) if was_said else statement


def _with_comments(
    statement: Select[Any], marked: ColumnElement[Any], has_all: ColumnElement[bool]
) -> Select[Any]:
    said = (
        select(Comment.content)
        .where(Comment.ticket_id == Ticket.id, Comment.deleted_at.is_(None), _in("said_in"))
        .where(has(COMMENT_WORDS, asked(bindparam("all"))), not_(has_all))
        .order_by(Comment.created_at.desc(), Comment.id.desc())
        .limit(1)
        .lateral()
    )
    return statement.outerjoin(said, true()).add_columns(*_passage(said.c.content, marked, "comment"))


def _in(name: str) -> ColumnElement[bool]:
    """Whether the ticket is among those that are given under this name."""
    return Ticket.id == any_(bindparam(name, type_=ARRAY(BigInteger)))


def _named(person: type[User]) -> ColumnElement[str]:
    return person.full_name + " (" + person.email + ")"


def _passage(text: Any, marked: ColumnElement[Any], name: str) -> Iterator[Label[Any]]:
    """The passage of a text with most matches, and how the text begins and ends."""
    beginning = func.left(text, LONGEST_TEXT)
    yield _headline(beginning, marked, _PASSAGE).label(name)
    yield func.left(text, _EDGE).label(f"{name}_begins")
    yield func.right(text, _EDGE).label(f"{name}_ends")


def _headline(text: Any, marked: ColumnElement[Any], options: str) -> ColumnElement[str]:
    return func.ts_headline(SIMPLE, text, marked, options)


def _match(row: Row[Any]) -> Match:
    texts = {"title": row.title} if MARK in row.title else {}
    said, written = _with_dots(row, "comment"), _with_dots(row, "description")
    elsewhere = [(said, "Comment"), (row.creator, "Requester"), (row.assignee, "Assignee")]
    # What was found by its own words is shown by them; else by what the words are in.
    for passage, source in [(written, "")] if row.has_all else [*elsewhere, (written, "")]:
        if passage and MARK in passage:
            return Match(texts, passage, source)
    return Match(texts)


def _with_dots(row: Row[Any], name: str) -> str:
    """The passage of a text, with dots where the text goes on; signs at its ends are no part of it."""
    passage = (getattr(row, name, None) or "").strip()
    plain = passage.replace(MARK, "").replace(UNMARK, "").strip(_SIGNS)
    begins, ends = (getattr(row, f"{name}_{which}", None) or "" for which in ("begins", "ends"))
    before = "" if plain.startswith(begins.strip(_SIGNS)) else "… "
    return f"{before}{passage}{'' if plain.endswith(ends.strip(_SIGNS)) else ' …'}"
