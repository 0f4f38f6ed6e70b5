"""The trash: moving tickets, comments and attachments there, back, and away for good.

What hangs on a ticket goes and comes with it. A restore brings back exactly what the same operation
took: a comment that had been trashed before its ticket stays where it is.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, delete, exists, false, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from backoffice.audit.context import current_change
from backoffice.audit.record import of_operation
from backoffice.audit.trashing import trash_marks
from backoffice.database.trash import INCLUDE_TRASHED
from backoffice.errors import BadInput
from backoffice.operations.bulk import BulkVerb, Counts, Selection, lock, run
from models import Attachment, AuditAction, AuditLog, Comment, Ticket, ticket_tags

#: What has a trash, and of it what hangs on a ticket; the latter is always locked in this order.
Child = type[Attachment] | type[Comment]
Kept = type[Ticket] | Child
CHILDREN: Final[tuple[Child, ...]] = (Attachment, Comment)

_QUIETLY: Final[Mapping[str, Any]] = {**INCLUDE_TRASHED, "synchronize_session": False}
_LIVE: Final[Mapping[str, Any]] = {"deleted_at": None, "deleted_by_id": None, "deleted_operation": None}
_PURGED_AT_ONCE = 1000
_LONGEST_KEPT_DAYS = 36_500


def move_to_trash(model: Kept = Ticket) -> BulkVerb:
    """Move rows to the trash, a ticket with its live comments and attachments."""

    async def apply(session: AsyncSession, selection: Selection) -> None:
        for child in _children(model):
            live = child.ticket_id.in_(selection) & child.deleted_at.is_(None)
            await _change_children(session, child, live, trash_marks())
        rows = update(model).where(model.id.in_(selection)).values(trash_marks())
        await session.execute(rows, execution_options=_QUIETLY)

    return BulkVerb(model=model, already=model.deleted_at.is_not(None), apply=apply)


def restore(model: Kept = Ticket) -> BulkVerb:
    """Bring rows back from the trash, a ticket with what the same operation trashed along with it."""

    async def apply(session: AsyncSession, selection: Selection) -> None:
        taken_by = select(Ticket.id, Ticket.deleted_operation).where(Ticket.id.in_(selection))
        for child in _children(model):
            taken_along = tuple_(child.ticket_id, child.deleted_operation).in_(taken_by)
            await _change_children(session, child, taken_along, _LIVE)
        rows = update(model).where(model.id.in_(selection)).values(_LIVE)
        await session.execute(rows, execution_options=_QUIETLY)

    return BulkVerb(
        model=model,
        refusals={**_not_trashed(model), **_below_the_trash(model)},
        already=false(),
        apply=apply,
        sees_trash=True,
        hold=_hold_tickets(model),
    )


def delete_forever(model: Kept = Ticket) -> BulkVerb:
    """Delete rows that are in the trash, a ticket with all that hangs on it.

    The files of attachments outlive their rows: see `unreferenced_files`.
    """

    async def apply(session: AsyncSession, selection: Selection) -> None:
        for child in _children(model):
            await lock(
                session, child, select(child.id).where(child.ticket_id.in_(selection)), sees_trash=True
            )
            hanging = delete(child).where(child.ticket_id.in_(selection))
            await session.execute(hanging, execution_options=_QUIETLY)
        if model is Ticket:
            await session.execute(delete(ticket_tags).where(ticket_tags.c.ticket_id.in_(selection)))
        rows = delete(model).where(model.id.in_(selection))
        await session.execute(rows, execution_options=_QUIETLY)

    return BulkVerb(model=model, refusals=_not_trashed(model), already=false(), apply=apply, sees_trash=True)


async def purge_trash(session: AsyncSession, *, older_than_days: int) -> Counts:
    """Delete forever what has been in the trash for more than `older_than_days`, in batches."""
    if not 0 <= older_than_days <= _LONGEST_KEPT_DAYS:
        raise BadInput(f"The trash is kept for 0 to {_LONGEST_KEPT_DAYS:,} days.")
    counts = Counts()
    for model in (Ticket, *CHILDREN):
        expired = (
            select(model.id)
            .where(model.deleted_at <= func.now() - timedelta(days=older_than_days))
            .order_by(model.deleted_at, model.id)
            .limit(_PURGED_AT_ONCE)
        )
        while (batch := await run(session, delete_forever(model), expired)).changed:
            counts += batch
    current_change().outcome |= counts.as_json()
    return counts


async def unreferenced_files(session: AsyncSession, operation_id: UUID) -> list[str]:
    """The SHA-256s of files whose attachments that operation deleted, and that no attachment uses still.

    Whoever ran it removes them from the store, once the operation is committed.
    """
    sha256 = AuditLog.changes["sha256"]["old"].astext
    in_use = exists().where(Attachment.sha256 == sha256)
    statement = (
        select(sha256)
        .distinct()
        .where(
            of_operation(operation_id),
            AuditLog.table_name == Attachment.__tablename__,
            AuditLog.action == AuditAction.DELETE,
            ~in_use,
        )
    )
    return list(await session.scalars(statement, execution_options=INCLUDE_TRASHED))


def _children(model: Kept) -> tuple[Child, ...]:
    return CHILDREN if model is Ticket else ()


async def _change_children(
    session: AsyncSession, child: Child, which: ColumnElement[bool], values: Mapping[str, Any]
) -> None:
    await lock(session, child, select(child.id).where(which), sees_trash=True)
    await session.execute(update(child).where(which).values(values), execution_options=_QUIETLY)


def _not_trashed(model: Kept) -> dict[str, ColumnElement[bool]]:
    return {"not in the trash": model.deleted_at.is_(None)}


def _below_the_trash(model: Kept) -> dict[str, ColumnElement[bool]]:
    if (ticket_id := _ticket_id(model)) is None:
        return {}
    trashed = exists().where(Ticket.id == ticket_id, Ticket.deleted_at.is_not(None))
    return {"on a ticket that is in the trash": trashed}


def _hold_tickets(model: Kept) -> Callable[[AsyncSession, Selection], Awaitable[None]] | None:
    if (ticket_id := _ticket_id(model)) is None:
        return None

    async def hold(session: AsyncSession, selection: Selection) -> None:
        tickets = select(ticket_id).where(model.id.in_(selection))
        await lock(session, Ticket, tickets, sees_trash=True, shared=True)

    return hold


def _ticket_id(model: Kept) -> InstrumentedAttribute[int] | None:
    """The column that leads to the ticket; a ticket has none."""
    return getattr(model, "ticket_id", None)
