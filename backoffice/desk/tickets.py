"""The verbs over a set of tickets: who works on them, where they stand, how urgent they are, their tags."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, case, delete, func, select, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.database.trash import INCLUDE_TRASHED
from backoffice.errors import BadInput
from backoffice.operations.bulk import BulkVerb, Selection
from models import SETTLED, Tag, Ticket, TicketPriority, TicketStatus, User, ticket_tags

_IN_THE_TRASH: Mapping[str, ColumnElement[bool]] = {"in the trash": Ticket.deleted_at.is_not(None)}


def assign(assignee: User | None) -> BulkVerb:
    """Give tickets to `assignee`, or to nobody; BadInput unless they are active staff.

    An open ticket that gets an assignee is in progress from then on. Settled and trashed ones are
    refused.
    """
    if assignee is not None and not (assignee.is_staff and assignee.is_active):
        sentence = f"{assignee.full_name} is not active staff; tickets go to active staff alone."
        raise BadInput(sentence, fields={"assignee": sentence})
    assignee_id = None if assignee is None else assignee.id
    status = case((Ticket.status == TicketStatus.OPEN, TicketStatus.IN_PROGRESS), else_=Ticket.status)
    return BulkVerb(
        model=Ticket,
        refusals={**_IN_THE_TRASH, "closed or resolved": Ticket.status.in_(SETTLED)},
        already=Ticket.assignee_id.is_not_distinct_from(assignee_id),
        apply=_setting({"assignee_id": assignee_id} | ({"status": status} if assignee else {})),
    )


def set_status(status: TicketStatus) -> BulkVerb:
    """Put tickets to `status`; a settled ticket may be reopened so. Trashed ones are refused."""
    return BulkVerb(
        model=Ticket,
        refusals=_IN_THE_TRASH,
        already=Ticket.status == status,
        apply=_setting({"status": status}),
    )


def set_priority(priority: TicketPriority) -> BulkVerb:
    """Make tickets as urgent as `priority`, settled ones too (reports count them); trashed are refused."""
    return BulkVerb(
        model=Ticket,
        refusals=_IN_THE_TRASH,
        already=Ticket.priority == priority,
        apply=_setting({"priority": priority}),
    )


def add_tags(tags: Iterable[Tag]) -> BulkVerb:
    """Put `tags` on tickets; those that have all of them already are so. Trashed ones are refused."""
    tag_ids = _ids(tags)

    async def apply(session: AsyncSession, selection: Selection) -> None:
        wanted = select(Tag.id).where(Tag.id.in_(tag_ids)).subquery()
        (ticket_id,) = selection.selected_columns
        pairs = selection.add_columns(wanted.c.id).join(wanted, true()).order_by(ticket_id, wanted.c.id)
        rows = insert(ticket_tags).from_select(["ticket_id", "tag_id"], pairs, include_defaults=False)
        await session.execute(rows.on_conflict_do_nothing())
        await _touch(session, selection)

    return BulkVerb(
        model=Ticket, refusals=_IN_THE_TRASH, already=_tags_on_it(tag_ids) == len(tag_ids), apply=apply
    )


def remove_tags(tags: Iterable[Tag]) -> BulkVerb:
    """Take `tags` off tickets; those that have none of them already are so. Trashed ones are refused."""
    tag_ids = _ids(tags)

    async def apply(session: AsyncSession, selection: Selection) -> None:
        of_these = ticket_tags.c.ticket_id.in_(selection) & ticket_tags.c.tag_id.in_(tag_ids)
        await session.execute(delete(ticket_tags).where(of_these))
        await _touch(session, selection)

    return BulkVerb(model=Ticket, refusals=_IN_THE_TRASH, already=_tags_on_it(tag_ids) == 0, apply=apply)


def _ids(tags: Iterable[Tag]) -> list[int]:
    tag_ids = sorted({tag.id for tag in tags})
    if not tag_ids:
        sentence = "Choose at least one tag."
        raise BadInput(sentence, fields={"tags": sentence})
    return tag_ids


def _tags_on_it(tag_ids: list[int]) -> ColumnElement[int]:
    of_the_ticket = (ticket_tags.c.ticket_id == Ticket.id) & ticket_tags.c.tag_id.in_(tag_ids)
    return (
        select(func.count()).select_from(ticket_tags).where(of_the_ticket).correlate(Ticket).scalar_subquery()
    )


async def _touch(session: AsyncSession, selection: Selection) -> None:
    # A new row version, so that a form that was opened before cannot put the old tags back.
    await _setting({"updated_at": func.now()})(session, selection)


def _setting(values: Mapping[str, Any]) -> Callable[[AsyncSession, Selection], Awaitable[None]]:
    async def apply(session: AsyncSession, selection: Selection) -> None:
        statement = update(Ticket).where(Ticket.id.in_(selection)).values(**values)
        await session.execute(statement, execution_options={**INCLUDE_TRASHED, "synchronize_session": False})

    return apply
