from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from backoffice.database import SessionFactory, transaction
from models import Ticket, TicketPriority, TicketStatus
from tests.factories import arranging, make_comment, make_ticket

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
AGES = [HOUR, 23 * HOUR, 25 * HOUR, 6 * DAY, 7 * DAY - HOUR, 7 * DAY + HOUR, 8 * DAY, 90 * DAY]


@pytest.fixture
async def tickets(factory: SessionFactory) -> list[Ticket]:
    """One of every status and age."""
    now = datetime.now(UTC)
    async with transaction(factory, arranging()) as session:
        return [
            await make_ticket(session, status=status, created_at=now - age)
            for status in TicketStatus
            for age in AGES
        ]


class TestIsOverdue:
    async def test_is_the_same_in_python_and_in_sql(
        self, factory: SessionFactory, tickets: list[Ticket]
    ) -> None:
        async with transaction(factory, arranging()) as session:
            in_sql = set(await session.scalars(select(Ticket.id).where(Ticket.is_overdue)))
        assert in_sql == {ticket.id for ticket in tickets if ticket.is_overdue}
        unsettled = len(TicketStatus) - 2
        assert len(in_sql) == unsettled * sum(age > 7 * DAY for age in AGES)


class TestIsPriorityEscalationNeeded:
    @pytest.mark.parametrize("hours", [1, 24, 200])
    async def test_is_the_same_in_python_and_in_sql(
        self, factory: SessionFactory, tickets: list[Ticket], hours: int
    ) -> None:
        async with transaction(factory, arranging()) as session:
            needed = Ticket.is_priority_escalation_needed(hours)
            in_sql = set(await session.scalars(select(Ticket.id).where(needed)))
        assert in_sql == {ticket.id for ticket in tickets if ticket.is_priority_escalation_needed(hours)}
        assert 0 < len(in_sql) < len(tickets)

    async def test_is_for_open_tickets_alone(self, tickets: list[Ticket]) -> None:
        needed = {ticket.status for ticket in tickets if ticket.is_priority_escalation_needed()}
        assert needed == {TicketStatus.OPEN}


class TestResponseTimeHours:
    async def test_counts_to_the_first_comment_in_python_and_in_sql(self, factory: SessionFactory) -> None:
        then = datetime(2026, 3, 1, 12, tzinfo=UTC)
        async with transaction(factory, arranging()) as session:
            answered = await make_ticket(session, created_at=then)
            for hours in (30, 6):
                await make_comment(session, ticket=answered, created_at=then + timedelta(hours=hours))
            silent = await make_ticket(session, created_at=then)
        async with transaction(factory, arranging()) as session:
            rows = await session.execute(
                select(Ticket, Ticket.response_time_hours).options(selectinload(Ticket.comments))
            )
            found = {ticket.id: (ticket.response_time_hours, in_sql) for ticket, in_sql in rows}
        assert found == {answered.id: (6.0, 6), silent.id: (None, None)}


class TestResolvedAt:
    """It follows the status by the trigger `tickets_settle`, whoever writes."""

    @pytest.mark.parametrize("status", ["resolved", "closed"])
    async def test_is_stamped_and_cleared_by_the_status(
        self, factory: SessionFactory, owner: asyncpg.Connection, status: str
    ) -> None:
        async with transaction(factory, arranging()) as session:
            ticket = await make_ticket(session)
        await owner.execute(f"UPDATE tickets SET status = '{status}'")
        stamped = await owner.fetchval("SELECT resolved_at FROM tickets")
        assert datetime.now(UTC) - stamped < timedelta(minutes=1)
        await owner.execute("UPDATE tickets SET title = 'Another'")
        assert await owner.fetchval("SELECT resolved_at FROM tickets") == stamped
        await owner.execute("UPDATE tickets SET status = 'open'")
        assert await owner.fetchval("SELECT resolved_at FROM tickets") is None
        assert ticket.resolved_at is None

    async def test_is_known_to_the_object_that_changed(self, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            ticket = await make_ticket(session)
            ticket.status = TicketStatus.RESOLVED
            await session.flush()
            assert ticket.resolved_at is not None

    async def test_of_an_import_is_kept(self, factory: SessionFactory) -> None:
        then = datetime(2026, 3, 1, 12, tzinfo=UTC)
        async with transaction(factory, arranging()) as session:
            ticket = await make_ticket(session, status=TicketStatus.CLOSED, resolved_at=then)
        assert ticket.resolved_at == then


class TestTicketNumber:
    async def test_is_drawn_from_a_sequence_and_grows_past_six_digits(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        async with transaction(factory, arranging()) as session:
            assert (await make_ticket(session)).ticket_number == "T-000001"
        await owner.execute("SELECT setval('ticket_number_seq', 1234566)")
        async with transaction(factory, arranging()) as session:
            assert (await make_ticket(session)).ticket_number == "T-1234567"


class TestPriority:
    async def test_sorts_by_urgency(self, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            for priority in reversed(TicketPriority):
                await make_ticket(session, priority=priority)
            found = list(await session.scalars(select(Ticket.priority).order_by(Ticket.priority)))
        assert found == list(TicketPriority)
