from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backoffice.database import create_engine
from backoffice.database import engine as engines
from tests.databases import Database


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(database.app_url)
    yield engine
    await engine.dispose()


async def served_by(engine: AsyncEngine) -> int:
    """The number of the server's process behind the connection that is used next."""
    async with engine.connect() as connection:
        return int((await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one())


async def ended(database: Database, process: int) -> None:
    superuser = await asyncpg.connect(database.superuser_url)
    await superuser.execute("SELECT pg_terminate_backend($1, 5000)", process)
    await superuser.close()


class TestConnections:
    async def test_start_no_workers(self, engine: AsyncEngine) -> None:
        async with engine.connect() as connection:
            workers = await connection.scalar(text("SHOW max_parallel_workers_per_gather"))
        assert workers == "0"

    async def test_one_that_died_while_it_rested_is_replaced(
        self, engine: AsyncEngine, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(engines, "TRUSTED_FOR", 0.0)
        process = await served_by(engine)
        await ended(database, process)
        assert await served_by(engine) != process

    @pytest.mark.parametrize(("trusted_for", "asked"), [(60.0, 0), (0.0, 2)])
    async def test_only_one_that_rested_is_asked_whether_it_lives(
        self, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, trusted_for: float, asked: int
    ) -> None:
        monkeypatch.setattr(engines, "TRUSTED_FOR", trusted_for)
        pings: list[object] = []
        ping = engine.dialect.do_ping

        def count(connection: object) -> bool:
            pings.append(connection)
            return ping(connection)  # type: ignore[arg-type]

        monkeypatch.setattr(engine.dialect, "do_ping", count)
        assert len({await served_by(engine) for _ in range(3)}) == 1
        assert len(pings) == asked
