"""A desk with one person of each role at its door, and what can be seen of it from behind."""

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from html import unescape
from typing import Any, Final

import asyncpg
from httpx import ASGITransport, AsyncClient, Response
from sqlalchemy import event, select
from starlette.applications import Starlette

from backoffice.accounts.passwords import hash_password
from backoffice.database import SessionFactory, transaction
from backoffice.settings import Settings
from models import Group, User, user_groups
from tests.applications import new_app
from tests.databases import Database
from tests.factories import arranging, make_staff

PASSWORD: Final = "violet harbour 42"

#: Roles that can sign in, by the group that they are in.
GROUPS: Final[Mapping[str, str | None]] = {
    "no group": None,
    "agent": "Agents",
    "supervisor": "Supervisors",
    "auditor": "Auditors",
    "administrator": "Administrators",
}
#: Roles that are signed in nowhere; the customer still has the session of the staff that they were.
STRANGERS: Final = ("nobody", "customer")
ROLES: Final = (*STRANGERS, *GROUPS)

Form = Mapping[str, Any]


@dataclass
class Visitor:
    """One person's browser."""

    client: AsyncClient
    user: User | None = None
    _token: str = ""

    @property
    def id(self) -> int:
        assert self.user is not None
        return self.user.id

    async def token(self) -> str:
        """The CSRF token of this browser, which stays the same from sign-in to sign-out."""
        if not self._token:
            page = await self.client.get("/admin/", follow_redirects=True)
            self._token = csrf_token_in(page.text)
        return self._token

    async def get(self, url: str, **options: Any) -> Response:
        return await self.client.get(url, **options)

    async def post(self, url: str, form: Form | None = None, **options: Any) -> Response:
        """Send a form as a page of the site would, with this browser's token."""
        return await self.client.post(url, data={"csrf_token": await self.token(), **(form or {})}, **options)

    async def sign_in(self, email: str, password: str = PASSWORD, **form: str) -> Response:
        token = csrf_token_in((await self.client.get("/admin/login")).text)
        values = {"username": email, "password": password, "csrf_token": token, **form}
        self._token = ""
        return await self.client.post("/admin/login", data=values)


@dataclass
class Desk:
    """The application on a database of its own; `owner` looks at the tables past it."""

    app: Starlette = field(repr=False)
    settings: Settings = field(repr=False)
    factory: SessionFactory = field(repr=False)
    owner: asyncpg.Connection = field(repr=False)
    _stack: AsyncExitStack = field(repr=False)
    _visitors: dict[str, Visitor] = field(default_factory=dict, repr=False)

    async def visitor(self, role: str) -> Visitor:
        """The one person of that role, who came in when first asked for."""
        if role not in self._visitors:
            self._visitors[role] = await self.newcomer(role)
        return self._visitors[role]

    async def newcomer(self, role: str, **fields: Any) -> Visitor:
        """Another person of that role, in a browser of their own."""
        if role == "nobody":
            return await self.browser()
        user = await self.make_member(GROUPS.get(role), **fields)
        visitor = await self.browser(user)
        assert (await visitor.sign_in(user.email)).status_code == 303
        if role == "customer":
            await self.owner.execute("UPDATE users SET is_staff = false WHERE id = $1", user.id)
        return visitor

    async def browser(self, user: User | None = None, scheme: str = "http", **options: Any) -> Visitor:
        """A browser that is signed in nowhere and follows no redirect by itself."""
        transport = ASGITransport(app=self.app, raise_app_exceptions=False, **options)
        client = AsyncClient(transport=transport, base_url=f"{scheme}://testserver")
        return Visitor(await self._stack.enter_async_context(client), user)

    async def make_member(self, group: str | None, **fields: Any) -> User:
        """A member of staff whose password is PASSWORD, in that group alone."""
        values = {"password_hash": await hash_password(PASSWORD), **fields}
        async with transaction(self.factory, arranging()) as session:
            user = await make_staff(session, **values)
            if group is not None:
                group_id = await session.scalar(select(Group.id).where(Group.name == group))
                await session.execute(user_groups.insert().values(user_id=user.id, group_id=group_id))
        return user

    async def group_id(self, name: str) -> int:
        return int(await self.owner.fetchval("SELECT id FROM groups WHERE name = $1", name))

    async def watermark(self) -> dict[str, tuple[int, int]]:
        """How many rows each table has, and by which transaction the newest was written; and the files."""
        # A question that was asked is no change, nor is what a queue does for itself.
        tables = await self.owner.fetch(
            "SELECT relname FROM pg_stat_user_tables WHERE relname <> 'frozen_selections' ORDER BY 1"
        )
        marks = " UNION ALL ".join(
            f"SELECT '{row[0]}', count(*), coalesce(max(xmin::text::bigint), 0) FROM {row[0]}"
            for row in tables
        )
        state = {name: (count, newest) for name, count, newest in await self.owner.fetch(marks)}
        return {**state, "files": (len(self.files()), 0)}

    def files(self) -> list[str]:
        """What lies in the store of attachments, half-written files included."""
        folder = self.settings.attachments_dir
        return sorted(path.name for path in folder.rglob("*") if path.is_file() and path.name != "lock")

    async def work_off(self) -> None:
        """Do all jobs that were asked for."""
        await self.app.state.worker().drain()

    async def newest_export(self) -> tuple[int, str, dict[str, Any]]:
        """Who took which file last: their id, the table, and what the history says of the file."""
        row = await self.owner.fetchrow(
            "SELECT user_id, table_name, changes FROM audit_logs WHERE action = 'EXPORT' ORDER BY id DESC"
        )
        assert row is not None
        facts = {name: change["new"] for name, change in json.loads(row["changes"]).items()}
        return row["user_id"], row["table_name"], facts

    async def newest_operation(self) -> asyncpg.Record:
        row = await self.owner.fetchrow("SELECT * FROM operations ORDER BY created_at DESC LIMIT 1")
        assert row is not None
        return row


@asynccontextmanager
async def open_desk(database: Database, settings: Settings) -> AsyncIterator[Desk]:
    """Start the application up, and close everything that was opened at its door."""
    app = new_app(settings)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(app.router.lifespan_context(app))
        owner = await asyncpg.connect(database.owner_url)
        stack.push_async_callback(owner.close)
        yield Desk(app, settings, app.state.site.factory, owner, stack)


def csrf_token_in(html: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', html)
    assert found is not None
    return found[1]


def hidden_in(html: str) -> dict[str, list[str]]:
    """The hidden fields of the record form (or confirmation) of a page."""
    form = re.search(r'<form class="record-form".*?</form>', html, re.DOTALL)
    assert form is not None
    fields: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form[0]):
        fields.setdefault(name, []).append(unescape(value))
    return fields


@contextmanager
def statements_of(app: Starlette) -> Iterator[list[str]]:
    """Every statement that the application sends meanwhile."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    engine = app.state.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)
