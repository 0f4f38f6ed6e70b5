"""The verb that edits fields of many people at once, by the rules of their form (`saving`)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, delete, exists, not_, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from backoffice.accounts.people import MANAGE_STAFF, guard_administrators_remain
from backoffice.accounts.sessions import ANY
from backoffice.audit.context import current_change
from backoffice.operations import BulkVerb, Selection
from backoffice.operations.fields import set_fields
from models import GroupAccess, Session, User, user_groups

YOURSELF: Final = "your own account"
STAFF: Final = "staff, whom you may not change"
STRONGER: Final = "able to do more than you"

#: What signs a person out.
_OUT: Final = ("is_active", "is_staff")


def edit_people(values: Mapping[str, Any]) -> BulkVerb:
    """Set fields of people; `values` as `set_fields` takes them.

    What `check_person` refuses of one, this refuses of many, each by its reason: staff, unless whoever acts
    manages staff; accounts that may do more than they; and to shut oneself out. Their rights count as they
    are when it runs; the system itself has all. Conflict where nobody would be left who may administer.
    """
    verb = set_fields(User, values)
    shuts_out = any(values.get(name) is False for name in _OUT)

    async def apply(session: AsyncSession, selection: Selection) -> None:
        await verb.apply(session, selection)
        if shuts_out:
            theirs = delete(Session).where(Session.user_id.in_(selection))
            await session.execute(theirs, execution_options={"synchronize_session": False})
            await guard_administrators_remain(session)

    return replace(verb, refusals=_refusals(values, shuts_out=shuts_out), apply=apply)


def _refusals(values: Mapping[str, Any], *, shuts_out: bool) -> dict[str, ColumnElement[bool]]:
    actor_id = current_change().actor_id
    if actor_id is None:
        return {}
    # To make somebody staff takes as much as to change somebody who is.
    becomes_or_is_staff = true() if values.get("is_staff") is True else User.is_staff
    return {
        **({YOURSELF: User.id == actor_id} if shuts_out else {}),
        STAFF: and_(becomes_or_is_staff, not_(_is_granted(actor_id, *MANAGE_STAFF))),
        STRONGER: and_(User.id != actor_id, _has_more_than(actor_id)),
    }


def _has_more_than(actor_id: int) -> ColumnElement[bool]:
    """Whether a person holds a grant that the actor does not: `grants_beyond`, in SQL."""
    membership, held = user_groups.alias(), aliased(GroupAccess)
    return exists().where(
        membership.c.user_id == User.id,
        membership.c.group_id == held.group_id,
        not_(_is_granted(actor_id, held.identity, held.action)),
    )


def _is_granted(actor_id: int, identity: Any, action: Any) -> ColumnElement[bool]:
    """Whether the actor's groups grant `action` on the page `identity`: `CurrentUser.may`, in SQL."""
    membership, held = user_groups.alias(), aliased(GroupAccess)
    return exists().where(
        membership.c.user_id == actor_id,
        membership.c.group_id == held.group_id,
        held.identity.in_([identity, ANY]),
        held.action.in_([action, ANY]),
    )
