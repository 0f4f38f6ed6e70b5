"""Finding tickets, comments and people by words: one condition each, for lists and scripts alike."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Text, cast, false, func, literal, literal_column, select, true
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, joinedload, selectinload

from backoffice.errors import BadInput
from models import Comment, Tag, Ticket, TicketPriority, TicketStatus, User

#: Counting stops one above this: what is counted as 10,001 is "10,000+".
COUNT_CAP: Final = 10_000

LONGEST_TERM: Final = 10_000
# PostgreSQL indexes no word of 2 kB or more, and refuses to look for one.
_LONGEST_WORD_BYTES: Final = 2_000
_DIGITS_OF_A_NUMBER: Final = 15
_LONGEST_ADDRESS: Final = 255

_SIMPLE: Final[ColumnElement[Any]] = literal_column("'simple'::regconfig")


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

    `tags` are names, of which a ticket has at least one; `created_after` is aware. The count is exact up
    to `COUNT_CAP`; one more stands for any number above. Creator, assignee and tags are loaded.
    """
    statement = select(Ticket)
    if search_term is not None:
        statement = statement.where(search_condition(search_term))
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


def search_condition(term: str) -> ColumnElement[bool]:
    """True of tickets that contain every word of `term`, the last one being perhaps only its beginning.

    A ticket number, with or without its `T-`, finds its ticket. Nothing in `term` is an operator or a
    wildcard; signs alone (`%`, 🔥) are looked for as they are, in the titles. An empty term finds everything.
    BadInput for what no text in the database can contain, and beyond 10,000 characters.
    """
    return _found(term, Ticket.search.expression, Ticket.title) | Ticket.ticket_number.in_(
        _numbers(term.strip())
    )


def comment_search_condition(term: str) -> ColumnElement[bool]:
    """The same of comments, by their text."""
    return _found(term, func.to_tsvector(_SIMPLE, Comment.content), Comment.content)


def people_search_condition(term: str) -> ColumnElement[bool]:
    """The same of people, by name and email address; the beginning of an address is enough."""
    # As the index has it, to the letter.
    name, email = cast(User.full_name, Text), cast(User.email, Text)
    words = func.to_tsvector(_SIMPLE, name + literal_column("' '::text") + email)
    found = _found(term, words, User.full_name)
    if not _is_address(term.strip()):
        return found
    # An address is one word of the index, but half an address would be split at its signs.
    return found | words.bool_op("@@")(cast(literal(_query([term.strip().lower()]), Text), TSQUERY))


def _found(term: str, words: ColumnElement[Any], text: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    _check(term)
    wanted = term.split()
    if not wanted:
        return true()
    if not _has_word(term):
        return text.contains(" ".join(wanted), autoescape=True)
    if any(len(word.encode()) > _LONGEST_WORD_BYTES for word in wanted):
        return false()
    return words.bool_op("@@")(func.to_tsquery(_SIMPLE, _query(wanted)))


def _check(term: str) -> None:
    if len(term) > LONGEST_TERM:
        raise BadInput(f"Search for at most {LONGEST_TERM:,} characters.")
    if "\x00" in term or any("\ud800" <= character <= "\udfff" for character in term):
        raise BadInput("The search contains a character that no text can contain.")


def _query(words: Sequence[str]) -> str:
    """The text of a tsquery: every word quoted, so that PostgreSQL splits it as it splits documents."""
    escaped = (word.replace("\\", "\\\\").replace("'", "''") for word in words if _has_word(word))
    return " & ".join(f"'{word}'" for word in escaped) + ":*"


def _is_address(term: str) -> bool:
    return "@" in term and _has_word(term) and len(term) <= _LONGEST_ADDRESS and len(term.split()) == 1


def _has_word(text: str) -> bool:
    return any(character.isalnum() for character in text)


def _numbers(term: str) -> list[str]:
    numbers = [term.upper()]
    if term.isascii() and term.isdigit() and len(term) <= _DIGITS_OF_A_NUMBER:
        numbers.append(f"T-{int(term):06d}")
    return numbers


async def _capped_count(session: AsyncSession, statement: Select[Ticket]) -> int:
    some = statement.with_only_columns(literal(1), maintain_column_froms=True).limit(COUNT_CAP + 1).subquery()
    return (await session.scalars(select(func.count()).select_from(some))).one()
