"""What groups grant, and the rule that nobody hands out more than they hold."""

from collections.abc import Collection
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.accounts.sessions import CurrentUser
from models import GroupAccess, user_groups

Grants = set[tuple[str, str]]


class GroupName(StrEnum):
    """The groups that a new installation has. Administrators may rename them and add their own."""

    AGENTS = "Agents"
    SUPERVISORS = "Supervisors"
    AUDITORS = "Auditors"
    ADMINISTRATORS = "Administrators"


def grants_beyond(current: CurrentUser, wanted: Collection[tuple[str, str]]) -> Grants:
    """Those of the (identity, action) `wanted` that `current` does not hold, and so must not hand out.

    To hand out `*` takes `*`: holding every action of today is not holding those of tomorrow.
    """
    return {(identity, action) for identity, action in wanted if not current.may(identity, action)}


async def grants_of_groups(session: AsyncSession, group_ids: Collection[int]) -> Grants:
    """All that these groups grant together: ask `grants_beyond` before putting a person into them."""
    grants = select(GroupAccess.identity, GroupAccess.action).where(GroupAccess.group_id.in_(group_ids))
    return {(identity, action) for identity, action in await session.execute(grants)}


async def grants_of_user(session: AsyncSession, user_id: int) -> Grants:
    """All that a person holds: ask `grants_beyond` before giving them a new password or address.

    Whoever may do that to a stronger account could sign in as it.
    """
    groups = select(user_groups.c.group_id).where(user_groups.c.user_id == user_id)
    return await grants_of_groups(session, list(await session.scalars(groups)))
