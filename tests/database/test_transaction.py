import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backoffice.audit.context import Change, act_as, current_change
from backoffice.database import SessionFactory, create_engine, session_factory, transaction
from models import Tag
from tests.databases import Database
from tests.factories import make_staff, make_tag


class OurMistakeError(Exception):
    """Something went wrong half-way."""


def change(**fields: object) -> Change:
    return Change(**{"verb": "test.try", "actor": "system:test", **fields})  # type: ignore[arg-type]


async def operations(owner: asyncpg.Connection) -> list[asyncpg.Record]:
    return list(await owner.fetch("SELECT * FROM operations ORDER BY created_at"))


class TestCommit:
    async def test_writes_the_rows_with_their_operation(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        async with transaction(factory, change(reason="Because.", selection="a tag")) as session:
            # Not flushed: that is the transaction's own business.
            session.add(Tag(name="printing"))
        [operation] = await operations(owner)
        assert (operation["verb"], operation["actor"], operation["reason"], operation["selection"]) == (
            "test.try",
            "system:test",
            "Because.",
            "a tag",
        )
        assert (
            await owner.fetchval("SELECT operation_id FROM audit_logs WHERE table_name = 'tags'")
            == operation["id"]
        )

    async def test_of_nothing_leaves_no_operation(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        async with transaction(factory, change()) as session:
            await session.execute(text("SELECT 1"))
        assert await operations(owner) == []

    async def test_names_who_was_known_only_later(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        async with transaction(factory, change()) as session:
            user = await make_staff(session, full_name="Ana")
            await act_as(session, user.id, user.full_name)
            await make_tag(session)
        [operation] = await operations(owner)
        assert (operation["actor_id"], operation["actor"]) == (user.id, "Ana")
        entry = "SELECT user_id FROM audit_logs WHERE table_name = 'tags'"
        assert await owner.fetchval(entry) == user.id


class TestRollback:
    async def test_takes_everything_back(self, factory: SessionFactory, owner: asyncpg.Connection) -> None:
        with pytest.raises(OurMistakeError):
            await self.fail(factory)
        for rows in ("tags", "audit_logs WHERE operation_id IS NOT NULL", "operations"):
            assert await owner.fetchval(f"SELECT count(*) FROM {rows}") == 0

    async def test_ends_the_operation(self, factory: SessionFactory) -> None:
        with pytest.raises(OurMistakeError):
            await self.fail(factory)
        with pytest.raises(RuntimeError, match="no operation is under way"):
            current_change()

    async def fail(self, factory: SessionFactory) -> None:
        async with transaction(factory, change()) as session:
            await make_tag(session)
            raise OurMistakeError


class TestReadOnly:
    async def test_refuses_any_write(self, factory: SessionFactory, owner: asyncpg.Connection) -> None:
        with pytest.raises(DBAPIError, match="read-only"):
            async with transaction(factory, change(read_only=True)) as session:
                await make_tag(session)
        assert await owner.fetchval("SELECT count(*) FROM tags") == 0


class TestContext:
    async def test_is_not_carried_over_by_a_pooled_connection(self, database: Database) -> None:
        engine = create_engine(database.app_url, pool_size=1)
        factory = session_factory(engine)
        async with transaction(factory, change(actor_id=7, statement_timeout_ms=1234)):
            pass
        async with factory() as session:
            row = (
                await session.execute(
                    text(
                        "SELECT current_setting('backoffice.actor_id', true),"
                        " current_setting('backoffice.operation_id', true),"
                        " current_setting('statement_timeout'), current_setting('transaction_read_only')"
                    )
                )
            ).one()
        await engine.dispose()
        assert (row[0] or "", row[1] or "", row[2], row[3]) == ("", "", "0", "off")

    async def test_bounds_each_statement(self, factory: SessionFactory) -> None:
        with pytest.raises(DBAPIError, match="statement timeout"):
            async with transaction(factory, change(statement_timeout_ms=50)) as session:
                await session.execute(text("SELECT pg_sleep(5)"))

    async def test_of_a_savepoint_is_that_of_the_transaction(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        under_way = change()
        async with transaction(factory, under_way) as session:
            async with session.begin_nested():
                await make_tag(session)
            await make_tag(session)
        ids = await owner.fetch("SELECT DISTINCT operation_id FROM audit_logs WHERE table_name = 'tags'")
        assert [row[0] for row in ids] == [under_way.operation_id]
