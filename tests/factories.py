"""Rows for tests: each function adds one, with believable values for whatever is not said, and flushes."""

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import count
from typing import Any, TypeVar
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.context import Change
from models import Attachment, Base, Comment, Group, GroupAccess, Job, JobState, Operation, Tag, Ticket, User

Row = TypeVar("Row", bound=Base)

_serial = count(1)


def arranging(**fields: Any) -> Change:
    """The operation under which a test prepares its rows."""
    return Change(**{"verb": "test.arrange", "actor": "system:test", **fields})


async def make_user(session: AsyncSession, **fields: Any) -> User:
    """A customer; `is_staff=True` for staff."""
    number = next(_serial)
    return await _added(
        session, User(**{"email": f"person{number}@example.com", "full_name": f"Person {number}", **fields})
    )


async def make_staff(session: AsyncSession, **fields: Any) -> User:
    return await make_user(session, **{"is_staff": True, **fields})


async def make_group(
    session: AsyncSession, *, grants: Iterable[tuple[str, str]] = (), **fields: Any
) -> Group:
    """A group with `grants`, pairs of a page's identity and an action."""
    accesses = [GroupAccess(identity=identity, action=action) for identity, action in grants]
    return await _added(
        session, Group(**{"name": f"Group {next(_serial)}", "accesses": accesses, "users": [], **fields})
    )


async def make_tag(session: AsyncSession, **fields: Any) -> Tag:
    return await _added(session, Tag(**{"name": f"tag-{next(_serial)}", **fields}))


async def make_ticket(session: AsyncSession, **fields: Any) -> Ticket:
    """An open ticket; its customer is made too unless `creator` or `creator_id` is given."""
    if not fields.keys() & {"creator", "creator_id"}:
        fields["creator"] = await make_user(session)
    values = {"title": f"Printer {next(_serial)} jams", "description": "It jams at every page.", **fields}
    return await _added(session, Ticket(**values))


async def make_comment(session: AsyncSession, *, ticket: Ticket, **fields: Any) -> Comment:
    """A public reply by the ticket's customer, unless `author` or `author_id` is given."""
    if not fields.keys() & {"author", "author_id"}:
        fields["author_id"] = ticket.creator_id
    return await _added(session, Comment(**{"ticket_id": ticket.id, "content": "Any news?", **fields}))


async def make_attachment(session: AsyncSession, *, ticket: Ticket, **fields: Any) -> Attachment:
    """What is known of a file; there are no bytes behind it."""
    values = {
        "filename": "photo.png",
        "content_type": "image/png",
        "size_bytes": 67,
        "sha256": f"{next(_serial):064x}",
        "ticket_id": ticket.id,
        "uploaded_by_id": ticket.creator_id,
        **fields,
    }
    return await _added(session, Attachment(**values))


async def make_job(session: AsyncSession, *, user_id: int, **fields: Any) -> Job:
    """A job over tickets that is done, unless another `state` is given; it has no chunks."""
    values = {
        "id": uuid4(),
        "user_id": user_id,
        "state": JobState.DONE,
        "kind": "bulk",
        "verb": "ticket.assign",
        "page": "ticket",
        "title": "Assign",
        "selection": "4 ticked tickets",
        "rows_total": 4,
        "rows_done": 4,
        "chunks_total": 0,
        "outcome": {"changed": 4},
        **fields,
    }
    job = Job(**values)
    job.ended_at = job.ended_at or (datetime.now(UTC) if job.is_ended else None)
    return await _added(session, job)


async def operation_of(session: AsyncSession, change: Change) -> Operation:
    """The operation that `change` was recorded as."""
    return await session.get_one(Operation, change.operation_id)


async def _added(session: AsyncSession, row: Row) -> Row:
    session.add(row)
    await session.flush()
    return row
