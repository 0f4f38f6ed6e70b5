"""Who set a field last."""

from collections.abc import Sequence

import asyncpg
import pytest
from sqlalchemy import event

from backoffice.audit import blame as searching
from backoffice.audit.blame import Blame, blame, blame_in
from backoffice.audit.browse import history_of
from backoffice.database import SessionFactory, transaction
from backoffice.desk import add_tags, assign, delete_forever, move_to_trash, remove_tags, set_status
from models import Ticket, TicketStatus, User
from tests.factories import arranging, make_tag
from tests.performing import acting, perform, sql


async def blamed(factory: SessionFactory, ticket: Ticket) -> dict[str, Blame]:
    """As the database finds it, and as the whole history says."""
    async with transaction(factory, acting()) as session:
        found = await blame(session, "tickets", ticket.id)
        assert blame_in(await history_of(session, "tickets", ticket.id), "tickets") == found
    return found


class TestBlame:
    async def test_is_of_the_newest_change_of_each_field(
        self, factory: SessionFactory, ticket: Ticket, sue: User
    ) -> None:
        _, change = await perform(factory, assign(sue), [ticket.id], acting(sue, verb="ticket.assign"))
        await perform(factory, set_status(TicketStatus.CLOSED), [ticket.id])
        found = await blamed(factory, ticket)
        assignee = found["assignee_id"]
        assert (assignee.who, assignee.user_id, assignee.what) == (
            "Sue Supervisor",
            sue.id,
            "Assigned tickets",
        )
        assert assignee.operation_id == change.operation_id
        assert found["status"].who == "system:test"
        assert found["status"].when > assignee.when

    async def test_of_what_never_changed_is_the_creators(
        self, factory: SessionFactory, ticket: Ticket, sue: User
    ) -> None:
        await perform(factory, assign(sue), [ticket.id], acting(sue))
        found = await blamed(factory, ticket)
        assert (found["title"].who, found["title"].verb) == ("system:test", "test.arrange")
        assert found["deleted_at"] == found["title"]
        assert "updated_at" not in found

    async def test_of_links_is_of_the_last_that_came_or_went(
        self, factory: SessionFactory, ticket: Ticket, sue: User
    ) -> None:
        async with transaction(factory, arranging()) as session:
            tag = await make_tag(session)
        assert "ticket_tags" not in await blamed(factory, ticket)
        await perform(factory, add_tags([tag]), [ticket.id], acting(sue))
        assert (await blamed(factory, ticket))["ticket_tags"].who == "Sue Supervisor"
        await perform(factory, remove_tags([tag]), [ticket.id])
        assert (await blamed(factory, ticket))["ticket_tags"].who == "system:test"

    async def test_names_people_as_then_and_as_now(
        self, factory: SessionFactory, ticket: Ticket, sue: User
    ) -> None:
        await perform(factory, assign(sue), [ticket.id], acting(sue))
        await sql(factory, "UPDATE users SET full_name = 'Sue Married' WHERE full_name = 'Sue Supervisor'")
        assignee = (await blamed(factory, ticket))["assignee_id"]
        assert (assignee.who, assignee.who_now) == ("Sue Supervisor", "Sue Married")

    async def test_outside_of_any_operation_is_the_database_users(
        self, factory: SessionFactory, ticket: Ticket, owner: asyncpg.Connection
    ) -> None:
        await owner.execute("UPDATE tickets SET title = 'By hand'")
        title = (await blamed(factory, ticket))["title"]
        assert (title.who, title.what) == ("backoffice_owner", "")

    async def test_is_of_changes_alone(
        self, factory: SessionFactory, ticket: Ticket, owner: asyncpg.Connection
    ) -> None:
        before = await blamed(factory, ticket)
        await owner.execute(
            "INSERT INTO audit_logs (table_name, record_id, action, changes, database_user)"
            """ VALUES ('tickets', $1, 'VIEW', '{"title": {"new": "x"}}', 'reader')""",
            ticket.id,
        )
        assert await blamed(factory, ticket) == before

    async def test_of_links_older_than_anything_else(
        self, factory: SessionFactory, ticket: Ticket, owner: asyncpg.Connection
    ) -> None:
        await owner.execute(
            "INSERT INTO audit_logs (table_name, record_id, action, changes, database_user, created_at)"
            """ SELECT 'ticket_tags', $1, 'CREATE', '{"tag_id": {"new": 7}}', 'reader',"""
            " min(created_at) - interval '1 microsecond' FROM audit_logs WHERE table_name = 'tickets'",
            ticket.id,
        )
        found = await blamed(factory, ticket)
        assert (found["ticket_tags"].who, found["title"].who) == ("reader", "system:test")

    async def test_outlives_the_record(self, factory: SessionFactory, ticket: Ticket, sue: User) -> None:
        await perform(factory, move_to_trash(), [ticket.id])
        await perform(factory, delete_forever(), [ticket.id], acting(sue))
        assert (await blamed(factory, ticket))["title"].who == "Sue Supervisor"

    async def test_of_what_has_no_history_is_nothing(self, factory: SessionFactory, ticket: Ticket) -> None:
        async with transaction(factory, acting()) as session:
            assert await blame(session, "tickets", ticket.id + 1) == {}
            assert await blame(session, "forgotten", 1) == {}

    async def test_of_a_longer_history_than_is_searched_says_how_long_ago(
        self, factory: SessionFactory, ticket: Ticket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for status in (TicketStatus.RESOLVED, TicketStatus.OPEN, TicketStatus.CLOSED):
            await perform(factory, set_status(status), [ticket.id])
        monkeypatch.setattr(searching, "SEARCHED", 2)
        async with transaction(factory, acting()) as session:
            found = await blame(session, "tickets", ticket.id)
            assert blame_in(await history_of(session, "tickets", ticket.id, limit=2), "tickets") == found
        assert found["status"].who == "system:test"
        assert found["title"].who is None
        assert found["title"].when < found["status"].when

    async def test_takes_one_query(self, factory: SessionFactory, ticket: Ticket) -> None:
        statements: list[Sequence[object]] = []
        async with transaction(factory, acting()) as session:
            await session.connection()
            event.listen(session.get_bind(), "before_cursor_execute", lambda *call: statements.append(call))
            await blame(session, "tickets", ticket.id)
            assert len(statements) == 1
