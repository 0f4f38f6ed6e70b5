"""People: signing in and out, accounts, and who may not lock whom out."""

import re
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, exists, func, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.accounts import throttle
from backoffice.accounts.grants import GroupName
from backoffice.accounts.passwords import check_password, hash_password, needs_rehash, verify_password
from backoffice.accounts.sessions import (
    ANY,
    CurrentUser,
    close_session,
    close_sessions,
    forget_expired_sessions,
    open_session,
)
from backoffice.accounts.typed import LONGEST_EMAIL, sought_email, storable
from backoffice.audit.context import act_as, current_change
from backoffice.audit.record import of_operation, record_event
from backoffice.errors import BadInput, Conflict, NotFound
from models import AuditAction, AuditLog, Group, GroupAccess, User

MANAGE_STAFF: Final = ("user", "action:manage-staff")
EDIT_GROUPS: Final = ("group", "edit")

LONGEST_NAME: Final = 255

_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_ADMINISTRATORS_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('backoffice.administrators'))")

_Account = Row[int, str, str, bool]


@dataclass(frozen=True)
class SignedIn:
    """Somebody who has just signed in, and the secret for their cookie."""

    user_id: int
    full_name: str
    token: str


async def sign_in(
    session: AsyncSession,
    *,
    email: str,
    password: str,
    address: str | None,
    user_agent: str | None,
    hours: int,
) -> SignedIn | None:
    """Sign in for `hours`; None, after the same work, whatever was wrong.

    Commit either way: a failure is counted and recorded too. Raises TooManyAttempts.
    """
    await throttle.begin_attempt(session, email=email, address=address)
    account = await _account_to_sign_in(session, email)
    password_hash = account.password_hash if account is not None and account.may_sign_in else ""
    is_right = await verify_password(password_hash, password)
    if account is None or not is_right or not await _welcome(session, account, password):
        await _record_failure(session, account, email, address)
        return None
    await throttle.forget_failures(session, email)
    await forget_expired_sessions(session)
    await _record_sign_in(session, account, user_agent)
    token = await open_session(session, account.id, hours=hours, address=address, user_agent=user_agent)
    return SignedIn(account.id, account.full_name, token)


async def sign_out(session: AsyncSession, token: str) -> None:
    """Close the session of `token`, and record that its owner signed out; nothing if there is none."""
    user_id = await close_session(session, token)
    if user_id is None:
        return
    full_name = await session.scalar(select(User.full_name).where(User.id == user_id))
    await act_as(session, user_id, full_name or "")
    await record_event(session, AuditAction.LOGOUT, table_name="users", record_id=user_id, facts={})


async def find_account(session: AsyncSession, email: str) -> User | None:
    """The person with this email address, however it is capitalised."""
    try:
        normal = normalise_email(email)
    except BadInput:
        return None
    account: User | None = await session.scalar(select(User).where(User.email == normal))
    return account


async def create_superuser(session: AsyncSession, *, email: str, full_name: str, password: str) -> User:
    """Make an active member of staff in the group Administrators; Conflict if the email is taken."""
    user = User(email=normalise_email(email), full_name=_checked_name(full_name), is_staff=True)
    check_password(password, email=user.email, full_name=user.full_name)
    user.password_hash = await hash_password(password)
    user.groups = [await _administrators_group(session)]
    session.add(user)
    try:
        await session.flush()
    except IntegrityError as error:
        raise Conflict(f"There is already an account with the email address {user.email}.") from error
    return user


async def change_password(session: AsyncSession, user: User, password: str) -> None:
    """Give `user` a new password and sign them out everywhere; BadInput if it is not good enough."""
    await _set_password(session, user, password)
    await throttle.forget_failures(session, user.email)
    await close_sessions(session, user.id)


async def change_own_password(
    session: AsyncSession, user_id: int, *, current: str, new: str, keep_token: str
) -> bool:
    """Change one's password and sign out all browsers but this; False if `current` is wrong.

    Commit either way: a wrong one is counted as if at a sign-in. Raises BadInput on a poor new
    password, and TooManyAttempts.
    """
    user = await session.get_one(User, user_id)
    check_password(new, email=user.email, full_name=user.full_name)
    await throttle.begin_attempt(session, email=user.email, address=None)
    password_hash = await session.scalar(select(User.password_hash).where(User.id == user_id))
    if not await verify_password(password_hash or "", current):
        return False
    await _set_password(session, user, new)
    await throttle.forget_failures(session, user.email)
    await close_sessions(session, user_id, except_token=keep_token)
    return True


def guard_own_account(user_id: int) -> None:
    """Raise Conflict when the account about to be deactivated is the actor's own."""
    if current_change().actor_id == user_id:
        raise Conflict("You can't deactivate your own account: ask another administrator.")


async def guard_administrators_remain(session: AsyncSession) -> None:
    """Raise Conflict when no administrator is left. Ask after flushing a change of a group."""
    await session.execute(_ADMINISTRATORS_LOCK)
    if await session.scalar(_administrators().limit(1)) is None:
        raise Conflict("Nobody would be left who may manage staff and edit groups.")


def may_manage(current: CurrentUser, *, is_staff: bool) -> bool:
    """Whether `current`, granted to edit people, may do so with an account of this kind."""
    return not is_staff or current.may(*MANAGE_STAFF)


async def touches_staff(session: AsyncSession, operation_id: UUID) -> bool:
    """Whether an operation changed the record of anybody who is staff."""
    touched = select(AuditLog.record_id).where(
        of_operation(operation_id), AuditLog.table_name == User.__tablename__
    )
    return bool(await session.scalar(select(exists().where(User.is_staff, User.id.in_(touched)))))


def normalise_email(email: str) -> str:
    """The address in lower case, without spaces around it; BadInput unless it looks like `a@b.c`."""
    normal = email.strip().lower()
    if not normal.isprintable() or not _EMAIL.fullmatch(normal):
        sentence = "Enter an email address, such as ana@example.com."
    elif len(normal) > LONGEST_EMAIL:
        sentence = f"Use an email address of at most {LONGEST_EMAIL} characters."
    else:
        return normal
    raise BadInput(sentence, fields={"email": sentence})


async def _account_to_sign_in(session: AsyncSession, email: str) -> _Account | None:
    may_sign_in = and_(User.is_active, User.is_staff).label("may_sign_in")
    accounts = select(User.id, User.full_name, User.password_hash, may_sign_in).where(
        User.email == sought_email(email)
    )
    return (await session.execute(accounts)).one_or_none()


async def _welcome(session: AsyncSession, account: _Account, password: str) -> bool:
    """Note the sign-in on the account; False if it was deactivated, or its password changed, meanwhile.

    The row stays locked until the commit: whoever changes the password next also closes this session.
    """
    await act_as(session, account.id, account.full_name)
    new_hash = account.password_hash
    if needs_rehash(account.password_hash):
        new_hash = await hash_password(password)
    noted = (
        update(User)
        .where(User.id == account.id, User.password_hash == account.password_hash)
        .where(User.is_active, User.is_staff)
        # A sign-in is no edit of the record: `updated_at` stays.
        .values(last_login=func.now(), password_hash=new_hash, updated_at=User.updated_at)
        .returning(User.id)
    )
    found = await session.scalar(noted, execution_options={"synchronize_session": False})
    return found is not None


async def _record_sign_in(session: AsyncSession, account: _Account, user_agent: str | None) -> None:
    await record_event(
        session,
        AuditAction.LOGIN,
        table_name="users",
        record_id=account.id,
        facts={"user_agent": storable(user_agent or "", 300)},
        personal=["user_agent"],
    )


async def _record_failure(
    session: AsyncSession, account: _Account | None, email: str, address: str | None
) -> None:
    await throttle.count_failure(session, address=address)
    await record_event(
        session,
        AuditAction.LOGIN_FAILED,
        table_name="users",
        record_id=None if account is None else account.id,
        facts={"email": storable(email, LONGEST_EMAIL)},
        personal=["email"],
    )


def _checked_name(full_name: str) -> str:
    name = full_name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        sentence = f"Enter a name of at most {LONGEST_NAME} characters, on one line."
        raise BadInput(sentence, fields={"full_name": sentence})
    return name


async def _administrators_group(session: AsyncSession) -> Group:
    group = await session.scalar(select(Group).where(Group.name == GroupName.ADMINISTRATORS))
    if group is None:
        raise NotFound(f"There is no group {GroupName.ADMINISTRATORS}: give the right one that name.")
    return group


async def _set_password(session: AsyncSession, user: User, password: str) -> None:
    check_password(password, email=user.email, full_name=user.full_name)
    new_hash = await hash_password(password)
    await _lock(session, user)
    user.password_hash = new_hash
    # Before any session is closed: from here on nobody opens one with the old password.
    await session.flush()


async def _lock(session: AsyncSession, user: User) -> None:
    """Hold the row until the commit. What somebody else changed on it since it was read is no obstacle.

    A sign-in is such a change. Other edits of `user` go first, so that they meet their own conflicts.
    """
    await session.flush()
    await session.refresh(user, ["version"], with_for_update=True)


def _administrators() -> Select[int]:
    return (
        select(User.id)
        .where(User.is_active, User.is_staff, User.password_hash != "")
        .where(_is_granted(*MANAGE_STAFF), _is_granted(*EDIT_GROUPS))
    )


def _is_granted(identity: str, action: str) -> ColumnElement[bool]:
    covers = and_(GroupAccess.identity.in_([identity, ANY]), GroupAccess.action.in_([action, ANY]))
    return User.groups.any(Group.accesses.any(covers))
