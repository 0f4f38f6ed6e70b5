"""What is not there, what nobody knows, transactions that were under way, and the cost of looking back."""

from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.past import (
    Presence,
    Unknown,
    as_of,
    cutoff_at,
    family_of,
    past_of,
    steps_around,
)
from backoffice.database import SessionFactory, transaction
from backoffice.desk import delete_forever, move_to_trash
from models import Base, Ticket, User
from tests.audit.past.conftest import LookBack
from tests.factories import arranging, make_attachment, make_comment, make_staff, make_tag, make_user
from tests.performing import acting, perform, sql

TABLES = Base.metadata.tables


async def now(owner: asyncpg.Connection) -> datetime:
    moment = await owner.fetchval("SELECT clock_timestamp()")
    assert isinstance(moment, datetime)
    return moment


async def retitle(factory: SessionFactory, ticket: Ticket, title: str) -> None:
    await sql(factory, f"UPDATE tickets SET title = '{title}' WHERE id = {ticket.id}")


class TestPresence:
    async def test_nobody_ever_heard_of_it(self, owner: asyncpg.Connection, look_back: LookBack) -> None:
        assert await look_back(999_999, await now(owner)) is None

    async def test_not_yet(self, look_back: LookBack, ticket: Ticket) -> None:
        past = await look_back(ticket.id, ticket.created_at - timedelta(seconds=1))
        assert past is not None
        assert past.image.presence is Presence.NOT_YET
        assert not past.image.values

    async def test_gone(
        self, factory: SessionFactory, owner: asyncpg.Connection, look_back: LookBack, ticket: Ticket
    ) -> None:
        there = await now(owner)
        await perform(factory, move_to_trash(), [ticket.id])
        await perform(factory, delete_forever(), [ticket.id])
        past, before = await look_back(ticket.id, await now(owner)), await look_back(ticket.id, there)
        assert past is not None
        assert past.image.presence is Presence.GONE
        assert before is not None
        assert before.image.values["title"] == "one"
        assert before.image.now is None

    async def test_before_the_history_that_is_left(
        self, factory: SessionFactory, owner: asyncpg.Connection, look_back: LookBack, ticket: Ticket
    ) -> None:
        # As a retention leaves it: neither the month of its creation nor any before.
        await owner.execute("ALTER TABLE audit_logs DISABLE TRIGGER ALL")
        month = await owner.fetchval("SELECT 'audit_logs_' || to_char(now(), 'YYYY_MM')")
        await owner.execute(f"ALTER TABLE audit_logs DETACH PARTITION {month}")
        past = await look_back(ticket.id, await now(owner))
        assert past is not None
        assert past.image.presence is Presence.UNKNOWN
        assert past.known_since is not None


class TestUnknown:
    async def test_a_secret_is_never_told(self, factory: SessionFactory, owner: asyncpg.Connection) -> None:
        async with transaction(factory, arranging()) as session:
            person = await make_staff(session, password_hash="hash one")
        moment = await now(owner)
        await sql(factory, f"UPDATE users SET password_hash = 'hash two' WHERE id = {person.id}")
        async with transaction(factory, acting(read_only=True)) as session:
            image = await as_of(session, TABLES["users"], person.id, moment)
        assert image is not None
        assert image.unknown == {"password_hash": Unknown.SECRET}
        assert "hash" not in str({**image.values, **(image.now or {})})

    async def test_what_was_erased(
        self, factory: SessionFactory, owner: asyncpg.Connection, look_back: LookBack, ticket: Ticket
    ) -> None:
        moment = await now(owner)
        await retitle(factory, ticket, "two")
        entries = "SELECT audit_redact(array_agg(id)) FROM audit_logs WHERE table_name = 'tickets'"
        await sql(factory, entries)
        past = await look_back(ticket.id, moment)
        assert past is not None
        assert past.image.unknown == {"title": Unknown.ERASED}
        assert "title" not in past.image.values
        assert past.image.values["description"] == ticket.description


class TestTransactions:
    async def test_are_on_one_side_as_a_whole(
        self, factory: SessionFactory, owner: asyncpg.Connection, look_back: LookBack, ticket: Ticket
    ) -> None:
        async with transaction(factory, acting()) as session:
            await session.execute(text(f"UPDATE tickets SET title = 'two' WHERE id = {ticket.id}"))
            within = await now(owner)
            await make_comment(session, ticket=ticket)
        past = await look_back(ticket.id, within)
        assert past is not None
        assert past.image.values["title"] == "one"
        assert not past.children["comments"]

    async def test_what_another_did_meanwhile_counts(
        self, factory: SessionFactory, owner: asyncpg.Connection, look_back: LookBack, ticket: Ticket
    ) -> None:
        async with transaction(factory, acting()) as session:
            await session.execute(text(f"UPDATE tickets SET title = 'two' WHERE id = {ticket.id}"))
            async with transaction(factory, acting()) as other:
                comment = await make_comment(other, ticket=ticket)
            within = await now(owner)
            await session.execute(text(f"UPDATE tickets SET priority = 'low' WHERE id = {ticket.id}"))
        past = await look_back(ticket.id, within)
        assert past is not None
        assert past.image.values["title"] == "one"
        assert [image.record_id for image in past.children["comments"]] == [comment.id]

    async def test_the_moment_of_an_entry_is_the_end_of_its_transaction(
        self, factory: SessionFactory, owner: asyncpg.Connection, look_back: LookBack, ticket: Ticket
    ) -> None:
        async with transaction(factory, acting()) as session:
            await session.execute(text(f"UPDATE tickets SET title = 'two' WHERE id = {ticket.id}"))
            await make_comment(session, ticket=ticket)
        first = "SELECT created_at FROM audit_logs WHERE table_name = 'tickets' ORDER BY id DESC LIMIT 1"
        past = await look_back(ticket.id, await owner.fetchval(first))
        assert past is not None
        assert past.image.values["title"] == "two"
        assert len(past.children["comments"]) == 1


class TestSteps:
    async def test_lead_through_all_changes_and_back(
        self, factory: SessionFactory, owner: asyncpg.Connection, ticket: Ticket, sue: User
    ) -> None:
        tables = [TABLES["comments"]]
        await sql(factory, f"UPDATE tickets SET title = 'two' WHERE id = {ticket.id}", change=acting(sue))
        async with transaction(factory, acting()) as session:
            await make_comment(session, ticket=ticket)
            tag = await make_tag(session)
            link = text(f"INSERT INTO ticket_tags (ticket_id, tag_id) VALUES ({ticket.id}, {tag.id})")
            await session.execute(link)
        async with transaction(factory, acting(read_only=True)) as session:
            family = await family_of(session, TABLES["tickets"], ticket.id, tables)
            at, seen = await now(owner), []
            while True:
                around = await steps_around(session, family, await cutoff_at(session, family, at))
                past = await past_of(session, TABLES["tickets"], ticket.id, at, tables)
                assert past is not None
                seen.append((past.image.values["title"], len(past.children["comments"])))
                if around.previous is None:
                    break
                following = around.current
                at = around.previous.at
            assert around.next is not None
            assert following is not None
            assert around.next.who == following.who == sue.full_name
        assert seen == [("two", 1), ("two", 0), ("one", 0)]


class TestCost:
    async def test_is_the_same_for_a_long_history_and_many_rows(
        self, factory: SessionFactory, owner: asyncpg.Connection, ticket: Ticket
    ) -> None:
        async with transaction(factory, acting()) as session:
            await make_comment(session, ticket=ticket)
            await make_attachment(session, ticket=ticket)
        few = await count_of_statements(factory, ticket, await now(owner))
        async with transaction(factory, acting()) as session:
            person = await make_user(session)
            await session.execute(
                text(
                    "INSERT INTO comments (content, ticket_id, author_id)"
                    " SELECT 'Text', :ticket, :author FROM generate_series(1, 50)"
                ),
                {"ticket": ticket.id, "author": person.id},
            )
            for number in range(100):
                await session.execute(text(f"UPDATE tickets SET title = '{number}' WHERE id = {ticket.id}"))
        assert await count_of_statements(factory, ticket, await now(owner)) == few
        assert await count_of_statements(factory, ticket, ticket.created_at) == few

    async def test_rows_that_left_are_found_by_an_index(
        self, factory: SessionFactory, owner: asyncpg.Connection, ticket: Ticket
    ) -> None:
        # Enough of them that the planner has something to choose between.
        await owner.execute(
            "INSERT INTO comments (content, ticket_id, author_id)"
            " SELECT 'Text', id, creator_id FROM tickets, generate_series(1, 3000);"
            "ANALYZE audit_logs"
        )
        async with transaction(factory, acting(read_only=True)) as session:
            await session.execute(text("SET LOCAL enable_seqscan = off"))
            plans = [*await plans_of(session, ticket)]
        assert any("Index Cond: ((((changes #>> '{ticket_id,old}'" in plan for plan in plans)


async def count_of_statements(factory: SessionFactory, ticket: Ticket, at: datetime) -> int:
    async with transaction(factory, acting(read_only=True)) as session:
        sent = await statements_of(session, lambda: past_of(session, *past_of_ticket(ticket, at)))
    return len(sent)


def past_of_ticket(ticket: Ticket, at: datetime) -> tuple[Any, ...]:
    return TABLES["tickets"], ticket.id, at, [TABLES["comments"], TABLES["attachments"]]


async def statements_of(session: AsyncSession, look: Any) -> list[tuple[str, Any]]:
    sent: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        sent.append((statement, parameters))

    engine = (await session.connection()).engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        await look()
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return sent


async def plans_of(session: AsyncSession, ticket: Ticket) -> list[str]:
    connection = await session.connection()
    tables = TABLES["tickets"], ticket.id, [TABLES["comments"]]
    sent = await statements_of(session, lambda: family_of(session, *tables))
    plans = []
    for statement, parameters in sent:
        rows = await connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
        plans.append("\n".join(rows.scalars()))
    return plans


@pytest.fixture
async def sue(factory: SessionFactory) -> User:
    async with transaction(factory, arranging()) as session:
        return await make_staff(session, full_name="Sue Supervisor")
