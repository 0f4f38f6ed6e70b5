"""Undo while others work on the same rows, and undo of very many."""

import asyncio
import time

import asyncpg

from backoffice.database import SessionFactory, transaction
from backoffice.desk import assign, move_to_trash, restore
from models import Ticket, User
from tests.factories import arranging, make_comment, make_ticket
from tests.performing import perform, sql, take_back


class TestAtOnce:
    async def test_a_change_under_way_is_waited_for_and_kept(
        self, factory: SessionFactory, owner: asyncpg.Connection, ticket: Ticket, sue: User
    ) -> None:
        _, change = await perform(factory, assign(sue), [ticket.id])
        async with owner.transaction():
            await owner.execute("UPDATE tickets SET status = 'closed'")
            undoing = asyncio.create_task(take_back(factory, change))
            await asyncio.sleep(0.2)
        result, _ = await undoing
        assert [conflict.field for conflict in result.conflicts] == ["status"]
        assert await owner.fetchval("SELECT status FROM tickets") == "closed"

    async def test_undo_and_bulk_verbs_on_the_same_rows_wait_in_turn(
        self, factory: SessionFactory, sue: User
    ) -> None:
        async with transaction(factory, arranging()) as session:
            ids = []
            for _ in range(30):
                ticket = await make_ticket(session)
                await make_comment(session, ticket=ticket)
                ids.append(ticket.id)
        _, change = await perform(factory, move_to_trash(), ids)
        verbs = [(move_to_trash(), ids[::-1]), (restore(), ids), (assign(sue), ids), (restore(), ids[10:])]
        await asyncio.gather(
            take_back(factory, change), *(perform(factory, verb, some) for verb, some in verbs)
        )


class TestTenThousandRows:
    async def test_are_put_back_in_seconds(self, factory: SessionFactory, owner: asyncpg.Connection) -> None:
        await owner.execute(
            "INSERT INTO users (email, full_name) VALUES ('c@example.com', 'C');"
            "INSERT INTO tickets (title, description, creator_id)"
            " SELECT 'Ticket ' || n, 'text', u.id FROM generate_series(1, 10000) n, users u"
        )
        change = await sql(factory, "UPDATE tickets SET status = 'resolved', priority = 'high'")
        started = time.monotonic()
        result, _ = await take_back(factory, change)
        assert time.monotonic() - started < 20
        assert result.changed == {"tickets": 10_000}
        assert (
            await owner.fetchval("SELECT count(*) FROM tickets WHERE status = 'open' AND resolved_at IS NULL")
            == 10_000
        )
