"""The months of the history: made ahead, by many at once, and entries that lie in none of them."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import anyio
import asyncpg
import pytest
from sqlalchemy import text

from backoffice.audit.context import Change
from backoffice.audit.exclusive import exclusively
from backoffice.audit.leaf import CANONICAL_TEXT
from backoffice.audit.months import MONTHS_AHEAD
from backoffice.audit.partitions import months_of, move_strays, prepare_months, stray_entries
from backoffice.audit.triggers import drift
from backoffice.checks import run_checks
from backoffice.database import SessionFactory, create_engine, migrate, session_factory
from backoffice.settings import Settings
from tests.databases import ALL_MONTHS, Database

THIS_MONTH = f"audit_logs_{datetime.now(UTC):%Y_%m}"
ENTRIES = f"SELECT {CANONICAL_TEXT} AS canonical, salt, entry.changes FROM audit_logs AS entry ORDER BY id"


@pytest.fixture
def database(database: Database) -> Database:
    """With all the months that `migrate` makes."""
    database.execute(ALL_MONTHS)
    return database


@pytest.fixture
async def owner_factory(database: Database) -> AsyncIterator[SessionFactory]:
    """Sessions as the role that owns the tables."""
    engine = create_engine(database.owner_url)
    yield session_factory(engine)
    await engine.dispose()


@pytest.fixture
async def _without_this_month(owner: asyncpg.Connection) -> None:
    """As though nobody had made this month's partition in time."""
    await owner.execute(f"DROP TABLE {THIS_MONTH}")


async def write(owner: asyncpg.Connection, names: str) -> None:
    await owner.executemany("INSERT INTO tags (name) VALUES ($1)", [(name,) for name in names.split()])


async def prepare(factory: SessionFactory, months: int = MONTHS_AHEAD) -> int:
    async with factory.begin() as session:
        return await prepare_months(session, months)


async def mend(owner_factory: SessionFactory) -> int:
    return await exclusively(owner_factory, Change(verb="audit.partitions", actor="test"), move_strays)


class TestPrepareMonths:
    async def test_a_migrated_database_has_this_month_and_the_next_ones(
        self, empty_database: Database
    ) -> None:
        await anyio.to_thread.run_sync(migrate.upgrade, empty_database.owner_url)
        engine = create_engine(empty_database.app_url)
        async with session_factory(engine)() as session:
            months = await months_of(session)
        await engine.dispose()
        assert len(months) == 1 + MONTHS_AHEAD
        assert months[0].name == THIS_MONTH
        assert all(month.since.astimezone(UTC).day == 1 for month in months)
        assert [month.until for month in months[:-1]] == [month.since for month in months[1:]]

    async def test_makes_what_is_missing_once(self, factory: SessionFactory) -> None:
        assert await prepare(factory, 15) == 3
        assert await prepare(factory, 15) == 0

    async def test_makes_each_with_a_guard(self, factory: SessionFactory, owner: asyncpg.Connection) -> None:
        await prepare(factory, 15)
        async with factory() as session:
            assert await drift(await session.connection()) == []
            newest = (await months_of(session))[-1].name
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="take history away"):
            await owner.execute(f"TRUNCATE {newest}")

    async def test_many_at_once_take_turns(self, factory: SessionFactory) -> None:
        assert sorted(await asyncio.gather(*(prepare(factory, 20) for _ in range(8)))) == [*[0] * 7, 8]

    async def test_cuts_months_in_utc_wherever_the_session_is(self, factory: SessionFactory) -> None:
        async with factory.begin() as session:
            await session.execute(text("SET LOCAL timezone = 'Pacific/Kiritimati'"))
            await prepare_months(session, 40)
        async with factory() as session:
            months = await months_of(session)
        assert {(month.since.astimezone(UTC).day, month.since.astimezone(UTC).hour) for month in months} == {
            (1, 0)
        }

    async def test_waits_for_no_reader_longer_than_a_few_seconds(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        async with owner.transaction():
            await owner.fetch("SELECT count(*) FROM audit_logs")
            started = asyncio.get_running_loop().time()
            with pytest.raises(Exception, match="lock timeout"):
                await prepare(factory, 13)
            assert asyncio.get_running_loop().time() - started < 6
        assert await prepare(factory, 13) == 1

    async def test_writers_go_on_meanwhile(self, factory: SessionFactory, owner: asyncpg.Connection) -> None:
        async with factory.begin() as session:
            await prepare_months(session, 14)
            await asyncio.wait_for(write(owner, "meanwhile"), 5)

    @pytest.mark.usefixtures("_without_this_month")
    async def test_a_month_with_strays_keeps_no_other_from_coming(
        self, factory: SessionFactory, owner: asyncpg.Connection, caplog: pytest.LogCaptureFixture
    ) -> None:
        await write(owner, "vip")
        with caplog.at_level(logging.WARNING):
            assert await prepare(factory, 14) == 2
        assert "1 entry lies in the history's DEFAULT partition" in caplog.text


@pytest.mark.usefixtures("_without_this_month")
class TestMoveStrays:
    async def test_moves_each_entry_and_changes_none(
        self, factory: SessionFactory, owner_factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        await write(owner, "vip late loud")
        before = await owner.fetch(ENTRIES)
        assert await mend(owner_factory) == 3
        assert await owner.fetch(ENTRIES) == before
        assert await owner.fetchval(f"SELECT count(*) FROM {THIS_MONTH}") == 3
        async with factory() as session:
            assert await stray_entries(session) == 0
            assert await drift(await session.connection()) == []

    async def test_what_comes_after_follows_on(
        self, owner_factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        await write(owner, "vip late")
        await mend(owner_factory)
        await write(owner, "loud")
        ids = [row["id"] for row in await owner.fetch("SELECT id FROM audit_logs ORDER BY id")]
        assert ids == [ids[0], ids[0] + 1, ids[0] + 2]
        assert await owner.fetchval(f"SELECT count(*) FROM {THIS_MONTH}") == 3

    async def test_entries_from_several_months_get_one_each(
        self, owner_factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        for moment in ("1999-12-31T23:59:59Z", "2000-01-01T00:00:00Z", "2000-01-31T23:59:59Z"):
            await owner.execute(
                "INSERT INTO audit_logs (created_at, table_name, action, changes, database_user)"
                " VALUES ($1, 'tags', 'CREATE', '{}', 'somebody')",
                datetime.fromisoformat(moment),
            )
        assert await mend(owner_factory) == 3
        assert await owner.fetchval("SELECT count(*) FROM audit_logs_1999_12") == 1
        assert await owner.fetchval("SELECT count(*) FROM audit_logs_2000_01") == 2

    async def test_can_be_needed_again(
        self, owner_factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        await write(owner, "vip")
        assert await mend(owner_factory) == 1
        await owner.execute(f"ALTER TABLE audit_logs DETACH PARTITION {THIS_MONTH}")
        await owner.execute(f"ALTER TABLE {THIS_MONTH} RENAME TO kept")
        await write(owner, "late")
        assert await mend(owner_factory) == 1

    async def test_without_strays_nothing_is_touched(
        self, owner_factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        default = "SELECT 'audit_logs_default'::regclass::oid"
        before = await owner.fetchval(default)
        assert await mend(owner_factory) == 0
        assert await owner.fetchval(default) == before

    async def test_loses_nothing_while_many_write(
        self, factory: SessionFactory, owner_factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        async def writer(number: int) -> None:
            for step in range(40):
                async with factory.begin() as session:
                    await session.execute(
                        text("INSERT INTO tags (name) VALUES (:name)"), {"name": f"tag-{number}-{step}"}
                    )

        await write(owner, "vip")
        moved, *_ = await asyncio.gather(mend(owner_factory), *(writer(number) for number in range(6)))
        assert moved >= 1
        assert await owner.fetchval("SELECT count(*) FROM audit_logs") == 1 + 6 * 40
        assert await owner.fetchval("SELECT audit_strays()") == 0


class TestChecks:
    async def test_all_is_well_without_strays(self, settings: Settings) -> None:
        assert not [finding for finding in await run_checks(settings) if "DEFAULT" in finding.sentence]

    @pytest.mark.usefixtures("_without_this_month")
    async def test_finds_strays_and_names_the_mend(
        self, settings: Settings, owner: asyncpg.Connection
    ) -> None:
        await write(owner, "vip late")
        (finding,) = [found for found in await run_checks(settings) if "DEFAULT" in found.sentence]
        assert str(finding) == (
            "2 entries lie in the history's DEFAULT partition."
            " Run `backoffice audit partitions`, which moves them into months of their own."
        )
