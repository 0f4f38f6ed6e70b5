"""Browsers of people who are signed in, by the group that they are in; and a desk that a module shares."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from httpx import ASGITransport, AsyncClient
from sqlalchemy import select
from starlette.applications import Starlette

from backoffice.accounts import passwords
from backoffice.accounts.passwords import hash_password
from backoffice.database import SessionFactory, transaction
from backoffice.settings import Settings
from models import Group, User, user_groups
from tests.admin.desk import PASSWORD, Desk, csrf_token_in, open_desk, statements_of
from tests.databases import Database, Server
from tests.factories import arranging, make_staff

__all__ = ["PASSWORD", "Browser", "OpenBrowser", "csrf_token_in", "statements_of"]


@dataclass
class Browser:
    """What one person has open."""

    client: AsyncClient
    user: User


OpenBrowser = Callable[..., Awaitable[Browser]]


@pytest.fixture(scope="module", autouse=True)
def cheap_hashes() -> Iterator[None]:
    cheap = PasswordHasher(CHEAPEST.time_cost, CHEAPEST.memory_cost, CHEAPEST.parallelism)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "HASHER", cheap)
        yield


@pytest.fixture(scope="module")
def desk_database(server: Server, template: str) -> Iterator[Database]:
    name = f"backoffice_test_{uuid4().hex[:12]}"
    server.copy(template, name)
    yield server.database(name)
    server.drop(name)


@pytest.fixture(scope="module")
async def desk(desk_database: Database, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """The application on a database of this module's own: each test adds what it looks at."""
    settings = Settings(
        database_url=desk_database.app_url,
        secret_key="a secret that only the tests know",
        var_dir=tmp_path_factory.mktemp("desk"),
        max_upload_bytes=300_000,
        max_import_bytes=3_000_000,
        job_workers=0,
        # They are written beside, whenever: tests that compare what is in the tables would see them or not.
        record_reads="none",
    )
    async with open_desk(desk_database, settings) as desk:
        yield desk


@pytest.fixture
async def browser_of(app: Starlette, factory: SessionFactory) -> AsyncIterator[OpenBrowser]:
    """Make a member of staff in a group such as `Agents` (or in none), and sign them in."""
    async with AsyncExitStack() as stack:

        async def open_browser(group: str | None, **fields: Any) -> Browser:
            user = await _make_member(factory, group, fields)
            transport = ASGITransport(app=app, raise_app_exceptions=False)
            client = AsyncClient(transport=transport, base_url="http://testserver")
            await stack.enter_async_context(client)
            await _sign_in(client, user.email)
            return Browser(client, user)

        yield open_browser


async def _make_member(factory: SessionFactory, group: str | None, fields: dict[str, Any]) -> User:
    values = {"password_hash": await hash_password(PASSWORD), **fields}
    async with transaction(factory, arranging()) as session:
        user = await make_staff(session, **values)
        if group is not None:
            group_id = await session.scalar(select(Group.id).where(Group.name == group))
            await session.execute(user_groups.insert().values(user_id=user.id, group_id=group_id))
        return user


async def _sign_in(client: AsyncClient, email: str) -> None:
    token = csrf_token_in((await client.get("/admin/login")).text)
    form = {"username": email, "password": PASSWORD, "csrf_token": token}
    assert (await client.post("/admin/login", data=form)).status_code == 303
