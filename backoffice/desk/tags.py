"""Deleting tags: only those that no ticket carries."""

from sqlalchemy import delete, exists, false
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.operations import BulkVerb, Selection
from models import Tag, ticket_tags


def delete_tags() -> BulkVerb:
    """Delete tags; one that is on a ticket, even in the trash, is refused."""
    return BulkVerb(
        model=Tag,
        refusals={"still on a ticket": exists().where(ticket_tags.c.tag_id == Tag.id)},
        already=false(),
        apply=_delete,
    )


async def _delete(session: AsyncSession, selection: Selection) -> None:
    await session.execute(
        delete(Tag).where(Tag.id.in_(selection)), execution_options={"synchronize_session": False}
    )
