"""Sessions: a browser that is signed in, and who that is."""

from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any, Final

from sqlalchemy import ScalarSelect, Select, Text, bindparam, cast, delete, func, insert, select, true
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.accounts.addresses import parse_address
from backoffice.accounts.lists import Lists, read_lists, settings_of_user, views_of_user
from backoffice.accounts.news import News, news_of_user, read_news
from backoffice.accounts.typed import storable
from backoffice.audit.context import ACTOR_ID, actor_set_to, context_columns, context_values, current_change
from backoffice.database.trash import INCLUDE_TRASHED
from models import Group, GroupAccess, Session, Theme, User, user_groups

#: In a grant: any page, or any action.
ANY: Final = "*"

#: Rows that one call of `forget_expired_sessions` deletes.
FORGOTTEN_AT_ONCE: Final = 500

_DETACHED = {"synchronize_session": False}


@dataclass(frozen=True)
class CurrentUser:
    """Who is signed in, with all that their groups grant as (identity of a page, action)."""

    id: int
    full_name: str
    email: str
    time_zone: str
    theme: Theme
    grants: frozenset[tuple[str, str]]
    groups: tuple[str, ...]
    lists: Lists = field(default_factory=Lists)
    news: News = field(default_factory=News)

    def may(self, identity: str, action: str) -> bool:
        """Whether a grant covers `action` on the page `identity`; `*` in a grant covers everything."""
        covering = {(identity, action), (identity, ANY), (ANY, action), (ANY, ANY)}
        return not self.grants.isdisjoint(covering)


async def open_session(
    session: AsyncSession, user_id: int, *, hours: int, address: str | None, user_agent: str | None
) -> str:
    """Sign a browser in for `hours`; returns the secret for its cookie, which is stored nowhere."""
    token = token_urlsafe(32)
    client = parse_address(address)
    values = {
        "token_hash": _digest(token),
        "user_id": user_id,
        "expires_at": func.now() + timedelta(hours=hours),
        "address": None if client is None else str(client),
        "user_agent": None if user_agent is None else storable(user_agent, 300),
    }
    await session.execute(insert(Session).values(values))
    return token


async def find_signed_in(session: AsyncSession, token: str) -> CurrentUser | None:
    """Who holds `token`, in one query; None once it has expired, or they are inactive or no staff.

    It sets the context of the operation under way, too, with them as who acts.
    """
    given = {**context_values(current_change()), "token_hash": _digest(token)}
    row = (await session.execute(_signed_in(), given)).one()
    return None if row.id is None else _current(row)


async def find_person(session: AsyncSession, user_id: int) -> CurrentUser | None:
    """Somebody as though they had signed in now; None once they are inactive or no staff."""
    found = _people().where(User.id == bindparam("user_id"))
    row = (await session.execute(found, {"user_id": user_id})).one_or_none()
    return None if row is None else _current(row)


async def close_session(session: AsyncSession, token: str) -> int | None:
    """Sign a browser out; returns whose it was, None if it wasn't signed in."""
    closed = delete(Session).where(Session.token_hash == _digest(token)).returning(Session.user_id)
    user_id: int | None = await session.scalar(closed, execution_options=_DETACHED)
    return user_id


async def close_sessions(session: AsyncSession, user_id: int, *, except_token: str | None = None) -> None:
    """Sign a person out everywhere, but for the browser that holds `except_token`."""
    theirs = delete(Session).where(Session.user_id == user_id)
    if except_token is not None:
        theirs = theirs.where(Session.token_hash != _digest(except_token))
    await session.execute(theirs, execution_options=_DETACHED)


async def forget_expired_sessions(session: AsyncSession) -> None:
    """Delete sessions that have expired, some at a time; those in use by somebody else are left."""
    expired = (
        select(Session.token_hash)
        .where(Session.expires_at <= func.now())
        .limit(FORGOTTEN_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    await session.execute(delete(Session).where(Session.token_hash.in_(expired)), execution_options=_DETACHED)


def _digest(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _current(row: Any) -> CurrentUser:
    return CurrentUser(
        id=row.id,
        full_name=row.full_name,
        email=row.email,
        time_zone=row.time_zone,
        theme=row.theme,
        grants=frozenset((identity, action) for identity, action in row.grants),
        groups=tuple(row.groups),
        lists=read_lists(row.views, row.settings),
        news=read_news(row.news),
    )


@cache
def _signed_in() -> Select[Any]:
    """One row, whoever holds the token, for it sets the context; without a person if nobody does.

    Made once: it is the first statement of every page, and making it takes longer than running it.
    """
    context = select(*context_columns()).subquery("context")
    person = (
        _people()
        .join(Session, Session.user_id == User.id)
        .where(Session.token_hash == bindparam("token_hash"), Session.expires_at > func.now())
        .subquery("person")
    )
    actor_id = func.coalesce(cast(person.c.id, Text), context.c[ACTOR_ID])
    others = [column for column in context.c if column.key != ACTOR_ID]
    return (
        select(*person.c, actor_set_to(actor_id), *others)
        .select_from(context.outerjoin(person, true()))
        .execution_options(**INCLUDE_TRASHED)
    )


def _people() -> Select[Any]:
    """Staff who may sign in, with all that their groups grant."""
    return (
        select(
            User.id,
            User.full_name,
            User.email,
            User.time_zone,
            User.theme,
            _groups().label("groups"),
            _grants().label("grants"),
            views_of_user().label("views"),
            settings_of_user().label("settings"),
            news_of_user().label("news"),
        )
        .where(User.is_active, User.is_staff)
        .execution_options(**INCLUDE_TRASHED)
    )


def _groups() -> ScalarSelect[list[str]]:
    names = func.jsonb_agg(Group.name.distinct(), type_=JSONB)
    return (
        select(func.coalesce(names, func.jsonb_build_array(), type_=JSONB))
        .join(user_groups, user_groups.c.group_id == Group.id)
        .where(user_groups.c.user_id == User.id)
        .correlate(User)
        .scalar_subquery()
    )


def _grants() -> ScalarSelect[list[list[str]]]:
    pairs = func.jsonb_agg(func.jsonb_build_array(GroupAccess.identity, GroupAccess.action), type_=JSONB)
    return (
        select(func.coalesce(pairs, func.jsonb_build_array(), type_=JSONB))
        .join(user_groups, user_groups.c.group_id == GroupAccess.group_id)
        .where(user_groups.c.user_id == User.id)
        .correlate(User)
        .scalar_subquery()
    )
