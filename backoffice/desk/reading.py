"""Tickets and people with what belongs to them, in a fixed number of queries."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload, selectinload

from models import Comment, Ticket, TicketStatus, User


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
