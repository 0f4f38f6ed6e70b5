"""The functions for scripts, which name tickets by their ids."""

from datetime import UTC, datetime

import asyncpg
import pytest

from backoffice.database import SessionFactory, transaction
from backoffice.desk import (
    bulk_assign_tickets,
    bulk_create_tickets,
    bulk_update_ticket_status,
    restore_ticket,
    soft_delete_ticket,
)
from backoffice.errors import BadInput, NotFound
from backoffice.operations import Counts
from models import AuditAction, TicketStatus, User
from tests.factories import arranging, make_comment, make_staff, make_ticket, make_user
from tests.performing import acting, written_by


@pytest.fixture
async def customer(factory: SessionFactory) -> User:
    async with transaction(factory, arranging()) as session:
        return await make_user(session)


class TestBulkCreateTickets:
    async def test_creates_them_in_their_order_with_history(
        self, factory: SessionFactory, owner: asyncpg.Connection, customer: User
    ) -> None:
        change = acting()
        rows = [{"title": f"No. {n}", "description": "…", "creator_id": customer.id} for n in range(3)]
        async with transaction(factory, change) as session:
            made = await bulk_create_tickets(session, rows)
        assert [ticket.title for ticket in made] == ["No. 0", "No. 1", "No. 2"]
        assert len({ticket.ticket_number for ticket in made}) == 3
        entries = await written_by(owner, change)
        assert {entry.action for entry in entries} == {AuditAction.CREATE}
        assert sorted(entry.record_id for entry in entries) == sorted(ticket.id for ticket in made)

    async def test_takes_over_what_comes_from_elsewhere(
        self, factory: SessionFactory, customer: User
    ) -> None:
        before = {"status": TicketStatus.CLOSED, "created_at": datetime(2020, 1, 1, tzinfo=UTC)}
        row = {
            "title": "Old",
            "description": "…",
            "creator_id": customer.id,
            "ticket_number": "Z-9",
            **before,
        }
        async with transaction(factory, acting()) as session:
            (made,) = await bulk_create_tickets(session, [row])
        assert (made.ticket_number, made.created_at) == ("Z-9", before["created_at"])
        assert made.resolved_at is not None

    @pytest.mark.parametrize(
        ("wrong", "sentence"),
        [
            ({"title": " "}, "Ticket 2 has an empty title"),
            ({"id": 5}, "cannot have: id"),
            ({"creator_id": 10**15}, "no people with the ids 1000000000000000"),
            ({"assignee_id": 10**15}, "no people with the ids"),
        ],
    )
    async def test_says_what_is_wrong_and_creates_none(
        self,
        factory: SessionFactory,
        owner: asyncpg.Connection,
        customer: User,
        wrong: dict[str, object],
        sentence: str,
    ) -> None:
        row = {"title": "Right", "description": "…", "creator_id": customer.id}
        async with transaction(factory, acting()) as session:
            with pytest.raises(BadInput, match=sentence):
                await bulk_create_tickets(session, [row, {**row, **wrong}])
        assert await owner.fetchval("SELECT count(*) FROM tickets") == 0

    async def test_says_what_is_missing(self, factory: SessionFactory) -> None:
        async with transaction(factory, acting()) as session:
            with pytest.raises(BadInput, match="Ticket 1 lacks creator_id, description"):
                await bulk_create_tickets(session, [{"title": "Only"}])


class TestBulkUpdateTicketStatus:
    async def test_counts_what_it_did(self, factory: SessionFactory) -> None:
        async with transaction(factory, acting()) as session:
            ids = [(await make_ticket(session)).id, (await make_ticket(session)).id]
            counts = await bulk_update_ticket_status(session, ids, TicketStatus.RESOLVED)
            assert counts == Counts(2)
            assert await bulk_update_ticket_status(session, ids, TicketStatus.RESOLVED) == Counts(0, 2)


class TestBulkAssignTickets:
    async def test_gives_them_to_staff_or_nobody(self, factory: SessionFactory) -> None:
        async with transaction(factory, acting()) as session:
            ids, staff = [(await make_ticket(session)).id], await make_staff(session)
            assert await bulk_assign_tickets(session, ids, staff.id) == Counts(1)
            assert await bulk_assign_tickets(session, ids, None) == Counts(1)

    async def test_refuses_customers_and_strangers(self, factory: SessionFactory, customer: User) -> None:
        async with transaction(factory, acting()) as session:
            with pytest.raises(BadInput):
                await bulk_assign_tickets(session, [1], customer.id)
            with pytest.raises(NotFound):
                await bulk_assign_tickets(session, [1], 10**15)


class TestSoftDeleteAndRestoreTicket:
    async def test_there_and_back_with_its_comments(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        async with transaction(factory, arranging()) as session:
            ticket = await make_ticket(session)
            await make_comment(session, ticket=ticket)
        for verb, trashed in ((soft_delete_ticket, 1), (restore_ticket, 0)):
            async with transaction(factory, acting()) as session:
                assert await verb(session, ticket.id) is True
                assert await verb(session, ticket.id) is False
            for table in ("tickets", "comments"):
                assert await owner.fetchval(f"SELECT count(deleted_at) FROM {table}") == trashed

    async def test_a_ticket_that_is_not_there_is_false(self, factory: SessionFactory) -> None:
        async with transaction(factory, acting()) as session:
            assert await soft_delete_ticket(session, 10**15) is False
            assert await restore_ticket(session, 10**15) is False
