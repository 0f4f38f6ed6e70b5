"""The desk's verbs over many records by name, as pages and jobs call them; ids stand for records."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.accounts.editing import edit_people
from backoffice.accounts.groups import delete_groups
from backoffice.attachments import FileStore, remove_unreferenced
from backoffice.audit.context import Change
from backoffice.database import SessionFactory, transaction
from backoffice.desk.editing import edit_comments, edit_tags, edit_tickets
from backoffice.desk.tags import delete_tags
from backoffice.desk.tickets import add_tags, assign, remove_tags, set_priority, set_status
from backoffice.desk.trash import delete_forever, move_to_trash, restore, unreferenced_files
from backoffice.errors import BadInput
from backoffice.operations import BulkVerb, NamedVerb, VerbMaker
from backoffice.settings import Settings
from models import Attachment, Comment, Tag, Ticket, TicketPriority, TicketStatus, User

Values = Mapping[str, Any]


async def _assign(session: AsyncSession, values: Values) -> BulkVerb:
    if (assignee_id := values["assignee"]) is None:
        return assign(None)
    assignee = await session.get(User, assignee_id)
    if assignee is None:
        raise BadInput("That person is not there any more.")
    return assign(assignee)


async def _set_status(session: AsyncSession, values: Values) -> BulkVerb:
    return set_status(TicketStatus(values["status"]))


async def _set_priority(session: AsyncSession, values: Values) -> BulkVerb:
    return set_priority(TicketPriority(values["priority"]))


async def _edit_people(session: AsyncSession, values: Values) -> BulkVerb:
    return edit_people(values)


def _with_tags(verb: Callable[[Sequence[Tag]], BulkVerb]) -> VerbMaker:
    async def make(session: AsyncSession, values: Values) -> BulkVerb:
        return verb((await session.scalars(select(Tag).where(Tag.id.in_(values["tags"])))).all())

    return make


def _plain(verb: Callable[[], BulkVerb]) -> VerbMaker:
    async def make(session: AsyncSession, values: Values) -> BulkVerb:
        return verb()

    return make


async def _remove_files(factory: SessionFactory, settings: Settings, operation_id: UUID) -> None:
    """Remove the bytes that no attachment needs any more, once the deletion is committed."""
    looking = Change(verb="attachment.remove-files", actor="system:purge", read_only=True)
    async with transaction(factory, looking) as session:
        hashes = await unreferenced_files(session, operation_id)
        await remove_unreferenced(session, FileStore(settings.attachments_dir), hashes)


def _trash_of(model: type[Ticket | Comment | Attachment], name: str) -> Mapping[str, NamedVerb]:
    return {
        f"{name}.trash": NamedVerb(_plain(lambda: move_to_trash(model))),
        f"{name}.restore": NamedVerb(_plain(lambda: restore(model))),
        f"{name}.purge": NamedVerb(_plain(lambda: delete_forever(model)), afterwards=_remove_files),
    }


VERBS: Final[Mapping[str, NamedVerb]] = {
    "ticket.assign": NamedVerb(_assign),
    "ticket.set-status": NamedVerb(_set_status),
    "ticket.set-priority": NamedVerb(_set_priority),
    "ticket.add-tags": NamedVerb(_with_tags(add_tags)),
    "ticket.remove-tags": NamedVerb(_with_tags(remove_tags)),
    "ticket.edit": NamedVerb(edit_tickets),
    "comment.edit": NamedVerb(edit_comments),
    "tag.edit": NamedVerb(edit_tags),
    "user.edit": NamedVerb(_edit_people),
    "tag.delete": NamedVerb(_plain(delete_tags)),
    "group.delete": NamedVerb(_plain(delete_groups)),
    **_trash_of(Ticket, "ticket"),
    **_trash_of(Comment, "comment"),
    **_trash_of(Attachment, "attachment"),
}
