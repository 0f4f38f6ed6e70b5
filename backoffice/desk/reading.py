"""Tickets and people with what belongs to them, in a fixed number of queries."""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import BigInteger, BindParameter, Row, Select, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload, selectinload

from backoffice.database.trash import INCLUDE_TRASHED
from models import Attachment, Comment, Ticket, TicketStatus, User

_TICKET_ID: Final[BindParameter[int]] = bindparam("ticket_id", type_=BigInteger)


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


async def comments_of(session: AsyncSession, ticket: Ticket) -> Sequence[Row[*tuple[Any, ...]]]:
    """What was said on a ticket, in its order: all columns, with `author`'s name and whether they `is_staff`.

    What lies in the trash with a trashed ticket is there with it; on a live one it is left out.
    """
    given = {"ticket_id": ticket.id}
    return (await session.execute(_comments(with_trashed=ticket.is_trashed), given)).all()


async def attachments_of(session: AsyncSession, ticket: Ticket) -> Sequence[Row[*tuple[Any, ...]]]:
    """The files on a ticket, in the order in which they came: all columns, with the `uploader`'s name."""
    given = {"ticket_id": ticket.id}
    return (await session.execute(_attachments(with_trashed=ticket.is_trashed), given)).all()


@cache
def _comments(*, with_trashed: bool) -> Select[*tuple[Any, ...]]:
    # Columns, in a statement made once: to make it, and objects of its rows, takes longer than to run it.
    comments, users = Comment.__table__.c, User.__table__.c
    is_shown = () if with_trashed else (comments.deleted_at.is_(None),)
    return (
        select(Comment.__table__, users.full_name.label("author"), users.is_staff)
        .join(User.__table__, users.id == comments.author_id)
        .where(comments.ticket_id == _TICKET_ID, *is_shown)
        .order_by(comments.created_at, comments.id)
        .execution_options(**INCLUDE_TRASHED)
    )


@cache
def _attachments(*, with_trashed: bool) -> Select[*tuple[Any, ...]]:
    files, users = Attachment.__table__.c, User.__table__.c
    is_shown = () if with_trashed else (files.deleted_at.is_(None),)
    return (
        select(Attachment.__table__, users.full_name.label("uploader"))
        .join(User.__table__, users.id == files.uploaded_by_id)
        .where(files.ticket_id == _TICKET_ID, *is_shown)
        .order_by(files.id)
        .execution_options(**INCLUDE_TRASHED)
    )
