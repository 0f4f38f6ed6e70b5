"""Tickets and people with what belongs to them, in a fixed number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    FromClause,
    Row,
    ScalarSelect,
    Select,
    bindparam,
    func,
    literal,
    select,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload, selectinload

from backoffice.database.trash import INCLUDE_TRASHED
from backoffice.desk.finding import COUNT_CAP
from models import Attachment, Comment, Ticket, TicketStatus, User

#: Of the comments on a ticket, and of its files, the newest so many are read.
NEWEST: Final = 50

_TICKET_ID: Final[BindParameter[int]] = bindparam("ticket_id", type_=BigInteger)


@dataclass(frozen=True)
class Newest:
    """The newest of what belongs to a ticket, the oldest of them first; and how many there are in all.

    `count` is exact up to `COUNT_CAP`; one more stands for any number above.
    """

    rows: Sequence[Row[*tuple[Any, ...]]]
    count: int


async def get_tickets_with_details(
    session: AsyncSession, status: TicketStatus | None = None, *, limit: int | None = None
) -> list[Ticket]:
    """Live tickets, newest first, with creator, assignee, comments and their authors, attachments and tags.

    Four queries, however many tickets; `limit` keeps it to the newest.
    """
    statement = select(Ticket).order_by(Ticket.created_at.desc(), Ticket.id.desc()).limit(limit)
    if status is not None:
        statement = statement.where(Ticket.status == status)
    details = (
        joinedload(Ticket.creator),
        joinedload(Ticket.assignee),
        selectinload(Ticket.comments).joinedload(Comment.author),
        selectinload(Ticket.attachments),
        selectinload(Ticket.tags),
    )
    return list(await session.scalars(statement.options(*details)))


async def get_user_with_tickets(session: AsyncSession, user_id: int) -> User | None:
    """A person with the live tickets they created, those tickets' comments, and the tickets they work on."""
    statement = (
        select(User)
        .where(User.id == user_id)
        .options(
            selectinload(User.tickets_created).selectinload(Ticket.comments),
            selectinload(User.tickets_assigned),
        )
    )
    return await session.scalar(statement)


async def comments_of(session: AsyncSession, ticket: Ticket) -> Newest:
    """What was said on a ticket last: all columns, with `author`'s name and whether they `is_staff`.

    What lies in the trash with a trashed ticket is there with it; on a live one it is left out.
    """
    return await _newest(session, _comments(with_trashed=ticket.is_trashed), ticket)


async def attachments_of(session: AsyncSession, ticket: Ticket) -> Newest:
    """The files that came to a ticket last: all columns, with the `uploader`'s name."""
    return await _newest(session, _attachments(with_trashed=ticket.is_trashed), ticket)


async def _newest(session: AsyncSession, statement: Select[*tuple[Any, ...]], ticket: Ticket) -> Newest:
    rows = (await session.execute(statement, {"ticket_id": ticket.id})).all()
    return Newest(rows[::-1], rows[0].in_all if rows else 0)


@cache
def _comments(*, with_trashed: bool) -> Select[*tuple[Any, ...]]:
    # Columns, in a statement made once: to make it, and objects of its rows, takes longer than to run it.
    comments, users = Comment.__table__.c, User.__table__.c
    are_shown = _on_the_ticket(Comment.__table__, with_trashed=with_trashed)
    in_all = _counted(Comment.__table__, are_shown).label("in_all")
    return (
        select(Comment.__table__, users.full_name.label("author"), users.is_staff, in_all)
        .join(User.__table__, users.id == comments.author_id)
        .where(*are_shown)
        .order_by(comments.created_at.desc(), comments.id.desc())
        .limit(NEWEST)
        .execution_options(**INCLUDE_TRASHED)
    )


@cache
def _attachments(*, with_trashed: bool) -> Select[*tuple[Any, ...]]:
    files, users = Attachment.__table__.c, User.__table__.c
    are_shown = _on_the_ticket(Attachment.__table__, with_trashed=with_trashed)
    in_all = _counted(Attachment.__table__, are_shown).label("in_all")
    return (
        select(Attachment.__table__, users.full_name.label("uploader"), in_all)
        .join(User.__table__, users.id == files.uploaded_by_id)
        .where(*are_shown)
        .order_by(files.id.desc())
        .limit(NEWEST)
        .execution_options(**INCLUDE_TRASHED)
    )


def _on_the_ticket(table: FromClause, *, with_trashed: bool) -> Sequence[ColumnElement[bool]]:
    is_on_it = table.c.ticket_id == _TICKET_ID
    return (is_on_it,) if with_trashed else (is_on_it, table.c.deleted_at.is_(None))


def _counted(table: FromClause, are_shown: Sequence[ColumnElement[bool]]) -> ScalarSelect[int]:
    """How many there are, beside the rows: a statement of its own would take longer than the counting."""
    some = select(literal(1)).select_from(table).where(*are_shown).limit(COUNT_CAP + 1)
    return select(func.count()).select_from(some.subquery()).scalar_subquery()
