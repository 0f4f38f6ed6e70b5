"""What the tests of accounts do again and again, each step in a transaction of its own."""

import asyncio
import json
from typing import Any

import asyncpg

from backoffice.accounts import people
from backoffice.accounts.people import SignedIn
from backoffice.accounts.sessions import CurrentUser, find_signed_in
from backoffice.audit.context import Change
from backoffice.database import SessionFactory, transaction
from models import User

PASSWORD = "violet harbour 42"
WRONG = "not the password"


def change(verb: str = "test.act", **fields: Any) -> Change:
    return Change(**{"verb": verb, "actor": "system:test", **fields})


async def create(factory: SessionFactory, **fields: str) -> User:
    values = {"email": "Root@Example.com", "full_name": " Ruth Root ", "password": PASSWORD, **fields}
    async with transaction(factory, change("user.create-superuser")) as session:
        return await people.create_superuser(session, **values)


async def sign_in(factory: SessionFactory, email: str, password: str, **fields: Any) -> SignedIn | None:
    values = {"address": "192.0.2.7", "user_agent": "Firefox", "hours": 12, **fields}
    async with transaction(factory, change("user.sign-in")) as session:
        return await people.sign_in(session, email=email, password=password, **values)


async def token_of(factory: SessionFactory, user: User) -> str:
    """The secret of a new session of `user`."""
    signed_in = await sign_in(factory, user.email, PASSWORD)
    assert signed_in is not None
    return signed_in.token


async def who_holds(factory: SessionFactory, token: str) -> CurrentUser | None:
    async with transaction(factory, change(read_only=True)) as session:
        return await find_signed_in(session, token)


async def entries(
    owner: asyncpg.Connection, action: str, record_id: int | None = None
) -> list[dict[str, Any]]:
    """The history's entries of `action` on people (on this one), oldest first."""
    rows = await owner.fetch(
        "SELECT record_id, user_id, operation_id, changes FROM audit_logs WHERE table_name = 'users'"
        " AND action::text = $1 AND ($2::bigint IS NULL OR record_id = $2) ORDER BY id",
        action,
        record_id,
    )
    return [{**row, "changes": json.loads(row["changes"])} for row in rows]


async def is_anywhere_in_history(owner: asyncpg.Connection, secret: str) -> bool:
    found = await owner.fetchval(
        "SELECT EXISTS (SELECT FROM audit_logs l WHERE position($1 in l::text) > 0)"
        " OR EXISTS (SELECT FROM operations o WHERE position($1 in o::text) > 0)",
        secret,
    )
    return bool(found)


async def until_somebody_waits(owner: asyncpg.Connection) -> None:
    """Return once a transaction waits for another one's lock."""
    async with asyncio.timeout(10):
        while not await owner.fetchval(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted), pg_sleep(0.01)"
        ):
            pass
