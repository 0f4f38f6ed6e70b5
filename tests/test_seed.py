import asyncpg
import pytest

from backoffice import seed
from backoffice.database import SessionFactory
from backoffice.desk import search_tickets
from backoffice.errors import BadInput
from backoffice.seed import seed_tickets
from tests.databases import Database

WITHOUT_CREATE_ENTRY = """
SELECT count(*) FROM {table} AS t WHERE NOT EXISTS (
  SELECT FROM audit_logs AS a WHERE a.table_name = '{table}' AND a.record_id = t.id AND a.action = 'CREATE'
    AND a.operation_id = (SELECT id FROM operations) AND a.user_id IS NULL)
"""


def no_progress(done: int, total: int) -> None:
    """Nobody watches."""


async def count(owner: asyncpg.Connection, table: str) -> int:
    number = await owner.fetchval(f"SELECT count(*) FROM {table}")
    assert isinstance(number, int)
    return number


class TestSeedTickets:
    async def test_adds_tickets_with_people_comments_and_tags(
        self, database: Database, owner: asyncpg.Connection
    ) -> None:
        seen: list[tuple[int, int]] = []

        await seed_tickets(database.owner_url, 2_000, progress=lambda done, total: seen.append((done, total)))

        assert seen == [(2_000, 2_000)]
        assert await count(owner, "tickets") == 2_000
        assert await count(owner, "comments") == 6_000
        assert await count(owner, "users") == 40
        assert await count(owner, "ticket_tags") > 2_000
        statuses = await owner.fetch("SELECT status, count(*) FROM tickets GROUP BY status")
        assert len(statuses) == 5
        late = (
            "SELECT count(*) FROM tickets WHERE created_at NOT BETWEEN now() - interval '2 years' AND now()"
        )
        assert await owner.fetchval(late) == 0
        assert await owner.fetchval("SELECT count(*) FROM comments WHERE created_at > now()") == 0

    async def test_writes_many_titles_and_descriptions(
        self, database: Database, owner: asyncpg.Connection
    ) -> None:
        await seed_tickets(database.owner_url, 2_000, progress=no_progress)

        assert await owner.fetchval("SELECT count(DISTINCT title) FROM tickets") > 600
        assert await owner.fetchval("SELECT count(DISTINCT description) FROM tickets") == 2_000

    async def test_can_be_searched_by_common_and_by_rare_words(
        self, database: Database, owner: asyncpg.Connection, factory: SessionFactory
    ) -> None:
        await seed_tickets(database.owner_url, 2_000, progress=no_progress)
        description = await owner.fetchval("SELECT description FROM tickets ORDER BY id LIMIT 1")
        serial = description.partition("serial number is ")[2].partition(".")[0]

        async with factory() as session:
            _, common = await search_tickets(session, "printer")
            _, rare = await search_tickets(session, serial)

        assert common > 200
        assert rare == 1

    async def test_leaves_no_row_without_its_history(
        self, database: Database, owner: asyncpg.Connection
    ) -> None:
        await seed_tickets(database.owner_url, 2_000, progress=no_progress)

        for table in ("users", "tickets", "comments", "tags"):
            assert await owner.fetchval(WITHOUT_CREATE_ENTRY.format(table=table)) == 0
        linked = "SELECT count(*) FROM audit_logs WHERE table_name = 'ticket_tags' AND action = 'CREATE'"
        assert await owner.fetchval(linked) == await count(owner, "ticket_tags")

    async def test_is_one_operation_of_many_chunks(
        self, database: Database, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[int] = []
        monkeypatch.setattr(seed, "CHUNK", 1_000)

        await seed_tickets(database.owner_url, 2_001, progress=lambda done, _: seen.append(done))

        assert seen == [1_000, 2_000, 2_001]
        operation = await owner.fetchrow("SELECT actor, verb, outcome->>'changed' AS changed FROM operations")
        assert operation is not None
        assert tuple(operation) == ("system:seed", "system.seed", "2001")
        assert await count(owner, "operations") == 1

    async def test_adds_more_the_second_time(self, database: Database, owner: asyncpg.Connection) -> None:
        await seed_tickets(database.owner_url, 100, progress=no_progress)
        await seed_tickets(database.owner_url, 1, progress=no_progress)

        assert await count(owner, "tickets") == 101
        assert await count(owner, "operations") == 2

    async def test_refuses_to_add_nothing(self, database: Database) -> None:
        with pytest.raises(BadInput, match="at least 1"):
            await seed_tickets(database.owner_url, 0, progress=no_progress)
