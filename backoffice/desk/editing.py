"""The verbs that edit fields of many rows at once: what their forms let one set, by the same rules."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.errors import BadInput
from backoffice.operations import BulkVerb, chosen
from backoffice.operations.fields import set_fields
from models import Comment, Tag, Ticket, User

NOT_STAFF = "Tickets go to active staff alone."
NOT_ACTIVE = "Choose somebody who is active."
GONE = "One of these tags is not there any more."


async def edit_tickets(session: AsyncSession, values: Mapping[str, Any]) -> BulkVerb:
    """Set fields of tickets; `values` as `set_fields` takes them.

    It sets what is asked for and nothing else, as a ticket's form does: who gives tickets to somebody by
    `assign` also sees to it that they are begun. BadInput for an assignee or a requester who cannot be one.
    """
    staff = and_(User.is_active, User.is_staff)
    await _check_person(session, values, "assignee", staff, NOT_STAFF)
    await _check_person(session, values, "creator", User.is_active.is_(True), NOT_ACTIVE)
    await _check_tags(session, values.get("tags", ()))
    return set_fields(Ticket, values)


async def edit_comments(session: AsyncSession, values: Mapping[str, Any]) -> BulkVerb:
    """Set fields of comments."""
    return set_fields(Comment, values)


async def edit_tags(session: AsyncSession, values: Mapping[str, Any]) -> BulkVerb:
    """Set fields of tags."""
    return set_fields(Tag, values)


async def _check_person(
    session: AsyncSession, values: Mapping[str, Any], name: str, may: ColumnElement[bool], sentence: str
) -> None:
    """Refuse somebody who cannot be chosen, or no longer: a form that was sent is some time ago."""
    if (key := values.get(name)) is None:
        return
    if await session.scalar(select(User.id).where(User.id == key, may)) is None:
        raise BadInput(sentence, fields={name: sentence})


async def _check_tags(session: AsyncSession, ids: Collection[int]) -> None:
    if not ids:
        return
    there = await session.scalar(select(func.count()).where(Tag.id.in_(chosen(ids))))
    if there != len(set(ids)):
        raise BadInput(GONE, fields={"tags": GONE})
