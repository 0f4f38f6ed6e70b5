"""The application as it is run: in a process of its own, on a database of its own with a modest desk."""

import asyncio
import base64
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
from httpx import AsyncClient, HTTPError
from sqlalchemy import select

from backoffice.accounts.passwords import hash_password
from backoffice.database import SessionFactory, create_engine, session_factory, transaction
from backoffice.seed import seed_tickets
from models import Base, Group, User, user_groups
from tests.databases import Database
from tests.factories import arranging, make_staff

Row = TypeVar("Row", bound=Base)

ROOT = Path(__file__).parents[2]
PASSWORD = "violet harbour 42"
GROUPS = {
    "agent": "Agents",
    "supervisor": "Supervisors",
    "auditor": "Auditors",
    "administrator": "Administrators",
}
TICKETS = 120
LARGEST_UPLOAD = 300_000
SLOWEST_START = 60.0


@dataclass(frozen=True)
class Served:
    """Where the application answers, and its tables, for what a test arranges and checks."""

    url: str
    factory: SessionFactory
    owner: asyncpg.Connection

    async def make_member(self, role: str, **fields: Any) -> User:
        """Another member of staff, in the group of `role`, whose password is PASSWORD."""
        values = {"password_hash": await hash_password(PASSWORD), **fields}
        async with transaction(self.factory, arranging()) as session:
            user = await make_staff(session, **values)
            group_id = await session.scalar(select(Group.id).where(Group.name == GROUPS[role]))
            await session.execute(user_groups.insert().values(user_id=user.id, group_id=group_id))
        return user

    async def add(self, make: Callable[..., Awaitable[Row]], **fields: Any) -> Row:
        """A row that `make`, one of the factories, adds for a test of its own."""
        async with transaction(self.factory, arranging()) as session:
            return await make(session, **fields)

    async def value(self, query: str, *arguments: Any) -> Any:
        return await self.owner.fetchval(query, *arguments)


@asynccontextmanager
async def serve(database: Database, folder: Path) -> AsyncIterator[Served]:
    """Fill the database, start the application on it, and stop it again."""
    await seed_tickets(database.owner_url, TICKETS, progress=lambda done, total: None)
    engine = create_engine(database.app_url)
    owner = await asyncpg.connect(database.owner_url)
    try:
        async with _running(database, folder) as url:
            yield Served(url, session_factory(engine), owner)
    finally:
        await owner.close()
        await engine.dispose()


@asynccontextmanager
async def _running(database: Database, folder: Path) -> AsyncIterator[str]:
    """The address at which it answers; whatever it had to complain about fails the run in the end."""
    port = _free_port()
    with (folder / "server.log").open("w+") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(ROOT / "main.py"), "serve", "--port", str(port)),
            env={**os.environ, **_environment(database, folder)},
            stdout=log,
            stderr=log,
        )
        try:
            await _wait_for(f"http://127.0.0.1:{port}/readyz", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
            log.seek(0)
            said = log.read()
            assert "Traceback" not in said, said


def _environment(database: Database, folder: Path) -> dict[str, str]:
    return {
        "BACKOFFICE_DATABASE_URL": database.app_url,
        "BACKOFFICE_SECRET_KEY": "a secret that only the tests know",
        "BACKOFFICE_AUDIT_KEY": base64.b64encode(bytes(32)).decode(),
        "BACKOFFICE_VAR_DIR": str(folder / "var"),
        "BACKOFFICE_MAX_UPLOAD_BYTES": str(LARGEST_UPLOAD),
        "BACKOFFICE_LOG_LEVEL": "warning",
    }


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


async def _wait_for(url: str, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(SLOWEST_START), AsyncClient() as client:
        while not await _answers(client, url):
            assert process.returncode is None, "the application did not start"
            await asyncio.sleep(0.1)


async def _answers(client: AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == 200
    except HTTPError:
        return False
