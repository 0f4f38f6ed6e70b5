"""Figures about tickets."""

from datetime import UTC, datetime, timedelta

import pytest

from backoffice.database import SessionFactory, transaction
from backoffice.desk import AssigneeStatistics, get_ticket_statistics, move_to_trash
from backoffice.errors import BadInput
from models import TicketPriority, TicketStatus
from tests.factories import arranging, make_staff, make_ticket
from tests.performing import acting, perform

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)


def resolved_after(hours: float, *, created: datetime = MONDAY) -> dict[str, object]:
    return {
        "status": TicketStatus.RESOLVED,
        "created_at": created,
        "resolved_at": created + timedelta(hours=hours),
    }


class TestGetTicketStatistics:
    async def test_counts_and_averages(self, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            ann, bob = await make_staff(session, full_name="Ann"), await make_staff(session, full_name="Bob")
            await make_ticket(session, assignee=ann, priority=TicketPriority.HIGH, **resolved_after(2))
            await make_ticket(session, assignee=ann, **resolved_after(4))
            await make_ticket(session, assignee=bob)
            await make_ticket(session, **resolved_after(6))
            figures = await get_ticket_statistics(session)
        assert figures.status_counts == {
            "open": 1,
            "in_progress": 0,
            "waiting_on_customer": 0,
            "resolved": 3,
            "closed": 0,
        }
        assert figures.priority_counts == {"low": 0, "medium": 3, "high": 1, "urgent": 0}
        assert figures.avg_resolution_hours == pytest.approx(4)
        assert figures.assignee_stats == [
            AssigneeStatistics(ann.id, "Ann", 2, pytest.approx(3)),
            AssigneeStatistics(bob.id, "Bob", 1, None),
        ]

    async def test_nothing_is_all_zeros(self, factory: SessionFactory) -> None:
        async with transaction(factory, acting()) as session:
            figures = await get_ticket_statistics(session)
        assert set(figures.status_counts.values()) == {0}
        assert figures.avg_resolution_hours is None
        assert figures.assignee_stats == []

    async def test_a_period_has_its_start_and_not_its_end(self, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            for day in range(3):
                await make_ticket(session, created_at=MONDAY + timedelta(days=day))
            figures = await get_ticket_statistics(session, MONDAY, MONDAY + timedelta(days=2))
        assert figures.status_counts["open"] == 2

    async def test_leaves_the_trash_out(self, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            ticket = await make_ticket(session)
        await perform(factory, move_to_trash(), [ticket.id])
        async with transaction(factory, acting()) as session:
            assert (await get_ticket_statistics(session)).status_counts["open"] == 0

    async def test_refuses_moments_without_a_time_zone(self, factory: SessionFactory) -> None:
        async with transaction(factory, acting()) as session:
            with pytest.raises(BadInput, match="time zone"):
                await get_ticket_statistics(session, MONDAY.replace(tzinfo=None))
