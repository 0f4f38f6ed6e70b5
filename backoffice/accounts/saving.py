"""The rules of the form in which people are made and changed."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.accounts.grants import grants_beyond, grants_of_groups, grants_of_user
from backoffice.accounts.people import (
    change_password,
    guard_administrators_remain,
    guard_own_account,
    may_manage,
    normalise_email,
)
from backoffice.accounts.sessions import CurrentUser, close_sessions
from backoffice.errors import BadInput, NotAllowed
from models import Group, User

#: What opens an account to whoever can change it.
_KEYS_TO_AN_ACCOUNT = {"password", "email", "groups", "is_active", "is_staff"}
_STANDING = {"groups", "is_active", "is_staff"}


async def check_person(
    session: AsyncSession, current: CurrentUser, user: User, changes: dict[str, Any], *, is_new: bool
) -> None:
    """Refuse `changes` (by field) that `current` must not make; put the e-mail address into its normal form.

    Raises BadInput at the field, NotAllowed, or Conflict where nobody would be left to administer.
    """
    if changes.get("email"):
        changes["email"] = normalise_email(changes["email"])
    if not may_manage(current, is_staff=bool(user.is_staff or changes.get("is_staff"))):
        raise NotAllowed("Only those who manage staff may change staff accounts.")
    await _check_groups(session, current, changes.get("groups"))
    if not is_new and _KEYS_TO_AN_ACCOUNT & changes.keys():
        await _check_strength(session, current, user)
    if changes.get("is_active") is False and not is_new:
        guard_own_account(user.id)


async def apply_credentials(
    session: AsyncSession, user: User, changes: Mapping[str, Any], *, is_new: bool
) -> None:
    """After `changes` are applied: set a new password, and sign out whoever lost the right to be signed in.

    Raises Conflict if nobody would be left who may administer.
    """
    await session.flush()
    if changes.get("password"):
        await change_password(session, user, changes["password"])
    if changes.get("is_active") is False or changes.get("is_staff") is False:
        await close_sessions(session, user.id)
    if not is_new and _STANDING & changes.keys():
        await guard_administrators_remain(session)


async def _check_groups(
    session: AsyncSession, current: CurrentUser, groups: Collection[Group] | None
) -> None:
    if groups and grants_beyond(current, await grants_of_groups(session, [group.id for group in groups])):
        sentence = "You cannot put anybody into a group that may do more than you."
        raise BadInput(sentence, fields={"groups": sentence})


async def _check_strength(session: AsyncSession, current: CurrentUser, user: User) -> None:
    if user.id != current.id and grants_beyond(current, await grants_of_user(session, user.id)):
        raise NotAllowed("This account may do more than you: somebody with its rights must change it.")
