"""The verb over a set of tags; putting them on tickets is a verb of tickets."""

from sqlalchemy import delete, exists, false
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.operations.bulk import BulkVerb, Selection
from models import Tag, ticket_tags


def delete_tags() -> BulkVerb:
    """Delete tags; those that are on a ticket, a trashed one too, are refused."""

    async def apply(session: AsyncSession, selection: Selection) -> None:
        rows = delete(Tag).where(Tag.id.in_(selection))
        await session.execute(rows, execution_options={"synchronize_session": False})

    on_a_ticket = exists().where(ticket_tags.c.tag_id == Tag.id)
    return BulkVerb(model=Tag, refusals={"on a ticket": on_a_ticket}, already=false(), apply=apply)
