"""Replies to the customer, and notes among staff."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.database.trash import INCLUDE_TRASHED
from backoffice.errors import BadInput, Conflict, NotFound
from models import Comment, Ticket

LONGEST_REPLY = 100_000


async def reply(
    session: AsyncSession, ticket: Ticket, *, author_id: int, content: str, is_internal: bool
) -> Comment:
    """Add a reply (`is_internal`: a note that the customer does not see) to a live ticket.

    BadInput for an empty text or one over 100,000 characters; Conflict when the ticket is in the trash
    by now, NotFound when it is gone.
    """
    comment = Comment(
        ticket_id=ticket.id, author_id=author_id, content=_checked(content), is_internal=is_internal
    )
    await _hold_live(session, ticket)
    session.add(comment)
    await session.flush()
    return comment


def _checked(content: str) -> str:
    text = content.replace("\r\n", "\n").strip()
    if not text:
        raise _bad("Write something first.")
    if len(text) > LONGEST_REPLY:
        raise _bad(f"A reply has at most {LONGEST_REPLY:,} characters; this one has {len(text):,}.")
    if "\x00" in text:
        raise _bad("The text contains a NUL character, which cannot be stored.")
    return text


def _bad(sentence: str) -> BadInput:
    return BadInput(sentence, fields={"content": sentence})


async def _hold_live(session: AsyncSession, ticket: Ticket) -> None:
    # Shared, so that replies do not wait for each other, and nobody trashes the ticket meanwhile.
    statement = select(Ticket.deleted_at).where(Ticket.id == ticket.id).with_for_update(read=True)
    found = (await session.execute(statement, execution_options=INCLUDE_TRASHED)).first()
    if found is None:
        raise NotFound("The ticket is gone.")
    if found.deleted_at is not None:
        raise Conflict("The ticket is in the trash: restore it before you reply.")
