"""Changing groups: what they grant, and deleting those that nobody is in."""

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import Row, delete, exists, false, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.accounts.grants import Grants, grants_beyond
from backoffice.accounts.people import guard_administrators_remain
from backoffice.accounts.sessions import CurrentUser
from backoffice.errors import BadInput
from backoffice.operations import BulkVerb, Selection
from models import Group, GroupAccess, User, user_groups

#: Of a group's members, so many are read.
MOST_MEMBERS: Final = 50


def delete_groups() -> BulkVerb:
    """Delete groups with their grants; one that has members is refused."""
    return BulkVerb(
        model=Group,
        refusals={"not empty": exists().where(user_groups.c.group_id == Group.id)},
        already=false(),
        apply=_delete,
    )


async def members_of(session: AsyncSession, group_id: int) -> Sequence[Row[*tuple[Any, ...]]]:
    """The first of a group's members by name: `id`, `full_name`, `is_active`; and how many are `in_all`."""
    is_member = user_groups.c.group_id == group_id
    in_all = select(func.count()).select_from(user_groups).where(is_member).scalar_subquery().label("in_all")
    statement = (
        select(User.id, User.full_name, User.is_active, in_all)
        .join(user_groups, user_groups.c.user_id == User.id)
        .where(is_member)
        .order_by(User.full_name, User.id)
        .limit(MOST_MEMBERS)
    )
    return (await session.execute(statement)).all()


def set_grants(
    current: CurrentUser, group: Group, wanted: Grants, *, offered: Collection[tuple[str, str]]
) -> None:
    """Make `group`, whose `accesses` are loaded, grant what is `wanted` of what was `offered`.

    Grants that were not offered stay. BadInput (field `permissions`) for one that `current` lacks.
    """
    present = {(access.identity, access.action): access for access in group.accesses}
    added = wanted.intersection(offered) - present.keys()
    if beyond := grants_beyond(current, added):
        names = ", ".join(sorted(f"{identity}: {action}" for identity, action in beyond))
        sentence = f"You cannot give what you do not have yourself: {names}."
        raise BadInput(sentence, fields={"permissions": sentence})
    for grant, access in present.items():
        if grant in offered and grant not in wanted:
            group.accesses.remove(access)
    group.accesses += [GroupAccess(identity=identity, action=action) for identity, action in sorted(added)]


async def flush_and_keep_an_administrator(session: AsyncSession) -> None:
    """Write a change of groups down; Conflict if it leaves nobody who may manage staff and groups."""
    await session.flush()
    await guard_administrators_remain(session)


async def _delete(session: AsyncSession, selection: Selection) -> None:
    without_copy = {"synchronize_session": False}
    grants = delete(GroupAccess).where(GroupAccess.group_id.in_(selection))
    await session.execute(grants, execution_options=without_copy)
    await session.execute(delete(Group).where(Group.id.in_(selection)), execution_options=without_copy)
