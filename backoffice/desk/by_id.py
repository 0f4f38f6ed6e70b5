"""The verbs over tickets that a script names by their ids.

async with transaction(factory, Change(verb="ticket.assign", actor="system:rota")) as session:
    counts = await bulk_assign_tickets(session, [12, 15], assignee_id=3)
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.desk.tickets import assign, set_status
from backoffice.desk.trash import move_to_trash, restore
from backoffice.errors import BadInput, NotFound
from backoffice.operations.bulk import Counts, chosen, run
from models import Ticket, TicketStatus, User

_REQUIRED = frozenset({"title", "description", "creator_id"})
_OPTIONAL = frozenset({"assignee_id", "status", "priority", "ticket_number", "created_at", "resolved_at"})


async def bulk_create_tickets(session: AsyncSession, data: Sequence[Mapping[str, Any]]) -> list[Ticket]:
    """Create a ticket for each mapping in `data`, in their order, and answer them with their ids.

    Each needs `title`, `description` and `creator_id`; it may have `assignee_id`, `status`, `priority`, and,
    for what comes from elsewhere, `ticket_number`, `created_at` and `resolved_at` (aware). BadInput names the
    first that is wrong; then none is created.
    """
    for position, fields in enumerate(data, start=1):
        _check_fields(position, fields)
    people = {fields.get(name) for fields in data for name in ("creator_id", "assignee_id")}
    await _check_people(session, {person for person in people if person is not None})
    tickets = [Ticket(**fields) for fields in data]
    session.add_all(tickets)
    await session.flush()
    return tickets


async def bulk_update_ticket_status(
    session: AsyncSession, ticket_ids: Iterable[int], status: TicketStatus
) -> Counts:
    """Put these tickets to `status`; trashed ones are refused."""
    return await run(session, set_status(status), chosen(ticket_ids))


async def bulk_assign_tickets(
    session: AsyncSession, ticket_ids: Iterable[int], assignee_id: int | None
) -> Counts:
    """Give these tickets to a member of staff, or to nobody; NotFound when there is no such person.

    Open ones are in progress from then on; settled and trashed ones are refused.
    """
    assignee = None if assignee_id is None else await session.get(User, assignee_id)
    if assignee_id is not None and assignee is None:
        raise NotFound(f"There is no person #{assignee_id}.")
    return await run(session, assign(assignee), chosen(ticket_ids))


async def soft_delete_ticket(session: AsyncSession, ticket_id: int) -> bool:
    """Move a ticket to the trash with what hangs on it; False when it is there already, or nowhere."""
    return (await run(session, move_to_trash(), chosen([ticket_id]))).changed == 1


async def restore_ticket(session: AsyncSession, ticket_id: int) -> bool:
    """Bring a ticket back with what was trashed along with it; False when it is not in the trash."""
    return (await run(session, restore(), chosen([ticket_id]))).changed == 1


def _check_fields(position: int, fields: Mapping[str, Any]) -> None:
    if missing := sorted(_REQUIRED - fields.keys()):
        raise BadInput(f"Ticket {position} lacks {', '.join(missing)}.")
    if unknown := sorted(fields.keys() - _REQUIRED - _OPTIONAL):
        raise BadInput(f"Ticket {position} has fields that a new ticket cannot have: {', '.join(unknown)}.")
    if not str(fields["title"]).strip():
        raise BadInput(f"Ticket {position} has an empty title.")


async def _check_people(session: AsyncSession, ids: set[int]) -> None:
    known = await session.scalars(select(User.id).where(User.id.in_(chosen(ids))))
    if unknown := sorted(ids.difference(known)):
        raise BadInput(f"There are no people with the ids {', '.join(map(str, unknown))}.")
