"""Searching tickets by all that hangs on them: what they say, what was said on them, and whose they are.

The words are looked up first, in tickets, comments and people, and what is found goes into the condition as
keys: so each part of it is answered by an index of its own, and PostgreSQL knows how much each will find.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    ScalarSelect,
    Select,
    String,
    Text,
    and_,
    any_,
    bindparam,
    exists,
    false,
    func,
    literal,
    not_,
    or_,
    select,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, joinedload, selectinload

from backoffice.database import INCLUDE_TRASHED
from backoffice.desk.matches import find_matches
from backoffice.desk.search import COMMENT_WORDS, PERSON_WORDS, TICKET_WORDS, has, in_ticket, numbers
from backoffice.desk.terms import Terms, asked, begun, joined, terms_of
from backoffice.searching import Search
from models import Comment, Tag, Ticket, TicketPriority, TicketStatus, User

#: Counting stops one above this: what is counted as 10,001 is "10,000+".
COUNT_CAP: Final = 10_000
#: What more comments have than these, or more people, is no word to find a ticket by.
MOST_KEYS: Final = 1_000
#: If statistics say that more comments have a word, it is not looked up in them.
WIDESPREAD: Final = 20_000
#: If more tickets have the words, PostgreSQL finds the newest by itself: it meets some soon.
MOST_TICKETS: Final = 5_000
#: The same if so many of the newest have them.
FREQUENT: Final = 6
NEWEST: Final = 300
#: Of longer searches each word is not looked up among people by itself.
MOST_WORDS: Final = 6


async def search_tickets(
    session: AsyncSession,
    search_term: str | None = None,
    status_list: Sequence[TicketStatus] | None = None,
    priority: TicketPriority | None = None,
    assignee_id: int | None = None,
    created_after: datetime | None = None,
    tags: Iterable[str] | None = None,
    limit: int = 50,
    offset: int = 0,
) -> tuple[list[Ticket], int]:
    """Live tickets that meet every condition given, newest first, and how many there are in all.

    `search_term` finds what `ticket_search` does; `tags` are names, of which a ticket has at least one;
    `created_after` is aware. The count is exact up to `COUNT_CAP`; one more stands for any number above.
    Creator, assignee and tags are loaded.
    """
    statement = select(Ticket)
    if search_term is not None:
        statement = statement.where((await ticket_search(session, search_term)).condition)
    if status_list is not None:
        statement = statement.where(Ticket.status.in_(status_list))
    if priority is not None:
        statement = statement.where(Ticket.priority == priority)
    if assignee_id is not None:
        statement = statement.where(Ticket.assignee_id == assignee_id)
    if created_after is not None:
        statement = statement.where(Ticket.created_at >= created_after)
    if tags is not None:
        statement = statement.where(Ticket.tags.any(Tag.name.in_(list(tags))))
    page = statement.order_by(Ticket.created_at.desc(), Ticket.id.desc()).limit(limit).offset(offset)
    related = (joinedload(Ticket.creator), joinedload(Ticket.assignee), selectinload(Ticket.tags))
    return list(await session.scalars(page.options(*related))), await _capped_count(session, statement)


async def ticket_search(session: AsyncSession, term: str) -> Search:
    """What a term finds among tickets, best first.

    Every word is in the ticket's number, title or description, or in the name or e-mail address of its
    requester or assignee; or all of them are in one live comment. A -word is in none of the former, nor in
    that comment. A ticket whose number is the term comes first, then those of the person whose address it is.
    BadInput as for `search_condition`.
    """
    terms = terms_of(term)
    if not terms.has_words or terms.is_too_long:
        return Search(in_ticket(terms) | Ticket.ticket_number.in_(numbers(terms)))
    elsewhere = await _look_elsewhere(session, terms)
    by_words = func.ts_rank_cd(TICKET_WORDS, terms.all_of())
    numbered = _in_keys(Ticket.id, elsewhere.numbered)
    by_keys = [*_in_keys(Ticket.id, elsewhere.tickets), *numbered]
    return Search(
        condition=and_(or_(*_everywhere(terms, elsewhere), *by_keys), *_without(terms)),
        exact=numbered[0] if numbered else None,
        rank=[*_are_surely_theirs(elsewhere.addressed), by_words],
        is_frequent=elsewhere.own is None,
        note=elsewhere.note,
        matches=partial(find_matches, terms=terms, said_in=elsewhere.tickets),
    )


def ticket_lookup(term: str) -> Search:
    """The same by number, title and description alone, for a look-up at every letter that is typed."""
    terms = terms_of(term)
    is_numbered = Ticket.ticket_number.in_(numbers(terms))
    ranked = terms.has_words and not terms.is_too_long
    by_words = [func.ts_rank_cd(TICKET_WORDS, terms.all_of())] if ranked else []
    return Search(in_ticket(terms) | is_numbered, exact=is_numbered, rank=by_words)


# What comments and people say -----------------------------------------------------------------


@dataclass(frozen=True)
class _Elsewhere:
    """Keys of tickets by their words, numbers and comments, and of people."""

    #: Tickets that have every word themselves; None where there are too many.
    own: frozenset[int] | None
    #: Tickets with a number that the term is.
    numbered: frozenset[int]
    #: Tickets with a comment that has every word.
    tickets: frozenset[int]
    #: People who have every word, each word, and who have the address.
    people: frozenset[int]
    people_by_word: Sequence[frozenset[int]]
    addressed: frozenset[int]
    note: str


async def _look_elsewhere(session: AsyncSession, terms: Terms) -> _Elsewhere:
    words = terms.wanted if 1 < len(terms.wanted) <= MOST_WORDS else ()
    statement = _lookup(len(words), is_address=terms.is_address, has_unwanted=bool(terms.unwanted))
    given = {
        "numbers": numbers(terms),
        "email": terms.typed.lower(),
        "word": terms.only_word,
        "widespread": WIDESPREAD,
        "all": terms.all_words,
        "none": terms.no_words,
        "address": terms.address_words,
        **{f"word_{place}": str(word) for place, word in enumerate(words)},
    }
    row = (await session.execute(statement, given)).one()
    is_frequent, is_widespread, own, *others = row
    numbered, addressed, tickets, people, *by_word = (
        frozenset(keys if len(keys) <= MOST_KEYS else ()) for keys in others
    )
    note = _note(comments=is_widespread or len(row.tickets) > MOST_KEYS, people=len(row.people) > MOST_KEYS)
    few = None if is_frequent or len(own) > MOST_TICKETS else frozenset(own)
    return _Elsewhere(few, numbered, tickets, people, by_word, addressed, note)


@cache
def _lookup(words: int, *, is_address: bool, has_unwanted: bool) -> Select[Any]:
    """Made once for all terms of a kind: it takes longer than to run it."""
    all_people = has(PERSON_WORDS, asked(bindparam("all")))
    if is_address:
        all_people |= has(PERSON_WORDS, begun(bindparam("address", type_=Text)))
    named = Ticket.ticket_number == any_(bindparam("numbers", type_=ARRAY(String)))
    is_frequent = _are_frequent(asked(bindparam("all")))
    is_widespread = _is_widespread(bindparam("word", type_=Text))
    own = select(Ticket.id).where(has(TICKET_WORDS, asked(bindparam("all"))), not_(is_frequent))
    looked_up = {
        "own": _some(own, MOST_TICKETS),
        "numbered": select(Ticket.id).where(named),
        "addressed": select(User.id).where(User.email == bindparam("email")),
        "tickets": _tickets_of_comments(is_widespread, has_unwanted=has_unwanted),
        "people": _people(all_people),
        **{
            f"people_{place}": _people(has(PERSON_WORDS, asked(bindparam(f"word_{place}"))))
            for place in range(words)
        },
    }
    arrays = (_array(each).label(name) for name, each in looked_up.items())
    return select(is_frequent, is_widespread, *arrays).execution_options(**INCLUDE_TRASHED)


def _are_frequent(words: ColumnElement[Any]) -> ScalarSelect[bool]:
    """Whether many of the newest tickets have the words: to read an index of all that do would take long."""
    newest = (
        select(TICKET_WORDS.label("words"))
        .where(Ticket.deleted_at.is_(None))
        .order_by(Ticket.created_at.desc(), Ticket.id.desc())
        .limit(NEWEST)
        .subquery()
    )
    frequent = select((func.count() >= FREQUENT).label("are")).where(has(newest.c.words, words))
    return select(frequent.cte("frequent").prefix_with("MATERIALIZED").c.are).scalar_subquery()


def _is_widespread(word: ColumnElement[str]) -> ScalarSelect[bool]:
    """Whether very many comments have a word: the index has all of them read before it gives the first.

    Statistics tell, but not of several words together.
    """
    widespread = select(
        func.coalesce(func.comments_with(word) > bindparam("widespread"), false()).label("is")
    )
    return select(widespread.cte("widespread").prefix_with("MATERIALIZED").c["is"]).scalar_subquery()


def _tickets_of_comments(is_widespread: ColumnElement[bool], *, has_unwanted: bool) -> Select[Any]:
    words = has(COMMENT_WORDS, asked(bindparam("all")))
    found = and_(Comment.deleted_at.is_(None), words, not_(is_widespread))
    if has_unwanted:
        found &= not_(has(COMMENT_WORDS, asked(bindparam("none"))))
    return _some(select(Comment.ticket_id).where(found))


def _people(found: ColumnElement[bool]) -> Select[Any]:
    return _some(select(User.id).where(found))


def _some(keys: Select[Any], most: int = MOST_KEYS) -> Select[Any]:
    # Materialized, it is planned for all that match, which leads to the index of words: for a few the planner
    # would look through everything, in the hope that they come soon. It is not gone on with after those few.
    found = keys.cte().prefix_with("MATERIALIZED")
    return select(*found.c).limit(most + 1)


def _array(statement: Select[Any]) -> ColumnElement[Any]:
    return func.array(statement.scalar_subquery(), type_=ARRAY(BigInteger))


def _note(*, comments: bool, people: bool) -> str:
    too_many = [*(["comments"] if comments else []), *(["people"] if people else [])]
    if not too_many:
        return ""
    which = " and ".join(too_many)
    return f"More than {MOST_KEYS:,} {which} match, and were left out: add a word to look there."


# Conditions -------------------------------------------------------------------------------------


def _everywhere(terms: Terms, elsewhere: _Elsewhere) -> list[ColumnElement[bool]]:
    """What is true of tickets that have every word themselves, or by their people."""
    split = zip(terms.wanted, elsewhere.people_by_word, strict=False)
    by_people = {word: people for word, people in split if people}
    if not by_people and elsewhere.own is not None:
        return [false(), *_in_keys(Ticket.id, elsewhere.own), *_are_theirs(elsewhere.people)]
    own = [word for word in terms.wanted if word not in by_people]
    parts = [has(TICKET_WORDS, asked(joined(own)))] if own else []
    parts += [
        or_(has(TICKET_WORDS, asked(str(word))), *_are_theirs(people)) for word, people in by_people.items()
    ]
    return [and_(*parts), *_are_theirs(elsewhere.people)]


def _are_theirs(people: frozenset[int]) -> list[ColumnElement[bool]]:
    """What is true of tickets that one of these people asked for or works on; nothing if there are none."""
    return [*_in_keys(Ticket.creator_id, people), *_in_keys(Ticket.assignee_id, people)]


def _are_surely_theirs(people: frozenset[int]) -> list[ColumnElement[bool]]:
    """The same, false where there is no assignee to compare: to sort by, unknown is no value."""
    theirs = _are_theirs(people)
    return [func.coalesce(or_(*theirs), false())] if theirs else []


def _in_keys(column: InstrumentedAttribute[Any], keys: frozenset[int]) -> list[ColumnElement[bool]]:
    return [column == any_(literal(sorted(keys), ARRAY(BigInteger)))] if keys else []


def _without(terms: Terms) -> list[ColumnElement[bool]]:
    """True of tickets without the unwanted words; to read the comments of each would take too long."""
    if not terms.unwanted:
        return []
    theirs = [
        exists().where(User.id == key, has(PERSON_WORDS, terms.none_of()))
        for key in (Ticket.creator_id, Ticket.assignee_id)
    ]
    return [not_(each) for each in (has(TICKET_WORDS, terms.none_of()), *theirs)]


async def _capped_count(session: AsyncSession, statement: Select[Ticket]) -> int:
    some = statement.with_only_columns(literal(1), maintain_column_froms=True).limit(COUNT_CAP + 1).subquery()
    return (await session.scalars(select(func.count()).select_from(some))).one()
