"""Finding tickets by words: one condition, used by lists and scripts alike."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Select, false, func, literal, literal_column, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload, selectinload

from backoffice.errors import BadInput
from models import Tag, Ticket, TicketPriority, TicketStatus

#: Counting stops one above this: what is counted as 10,001 is "10,000+".
COUNT_CAP: Final = 10_000

LONGEST_TERM: Final = 10_000
# PostgreSQL indexes no word of 2 kB or more, and refuses to look for one.
_LONGEST_WORD_BYTES: Final = 2_000
_DIGITS_OF_A_NUMBER: Final = 15


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
    wildcard; signs alone (`%`, 🔥) are looked for as they are in the titles. An empty term finds everything.
    BadInput for what no text in the database can contain, and beyond 10,000 characters.
    """
    _check(term)
    words = term.split()
    if not words:
        return true()
    if not any(character.isalnum() for character in term):
        return Ticket.title.contains(" ".join(words), autoescape=True)
    if any(len(word.encode()) > _LONGEST_WORD_BYTES for word in words):
        return false()
    query = func.to_tsquery(literal_column("'simple'::regconfig"), _query(words))
    return or_(Ticket.search.bool_op("@@")(query), Ticket.ticket_number.in_(_numbers(term.strip())))


def _check(term: str) -> None:
    if len(term) > LONGEST_TERM:
        raise BadInput(f"Search for at most {LONGEST_TERM:,} characters.")
    if "\x00" in term or any("\ud800" <= character <= "\udfff" for character in term):
        raise BadInput("The search contains a character that no text can contain.")


def _query(words: Sequence[str]) -> str:
    """The text of a tsquery: every word quoted, so that PostgreSQL splits it as it splits documents."""
    escaped = (word.replace("\\", "\\\\").replace("'", "''") for word in words if _has_lexeme(word))
    return " & ".join(f"'{word}'" for word in escaped) + ":*"


def _has_lexeme(word: str) -> bool:
    return any(character.isalnum() for character in word)


def _numbers(term: str) -> list[str]:
    numbers = [term.upper()]
    if term.isascii() and term.isdigit() and len(term) <= _DIGITS_OF_A_NUMBER:
        numbers.append(f"T-{int(term):06d}")
    return numbers


async def _capped_count(session: AsyncSession, statement: Select[Ticket]) -> int:
    some = statement.with_only_columns(literal(1), maintain_column_froms=True).limit(COUNT_CAP + 1).subquery()
    return (await session.scalars(select(func.count()).select_from(some))).one()
