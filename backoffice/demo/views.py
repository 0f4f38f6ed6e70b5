"""The saved views of the demo data: those that the supervisors share, and some of one's own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.accounts.lists import Pair
from backoffice.accounts.saved_views import save_view

COLUMNS: Final = (
    "ticket_number",
    "title",
    "status",
    "priority",
    "assignee",
    "tags",
    "created_at",
    "updated_at",
)


@dataclass(frozen=True)
class DemoView:
    """A view of the list of tickets, by whose owner's address."""

    owner: str
    name: str
    query: tuple[Pair, ...]
    is_shared: bool = False


VIEWS: Final = (
    DemoView(
        "supervisor@example.com",
        "My open tickets",
        (("status", "open"), ("status", "in_progress"), ("assignee", "me")),
        is_shared=True,
    ),
    DemoView(
        "supervisor@example.com",
        "Urgent, unassigned",
        (("status", "open"), ("priority", "urgent"), ("assignee", "nobody")),
        is_shared=True,
    ),
    DemoView(
        "supervisor@example.com",
        "Overdue",
        (("is_overdue", "1"), ("sortBy", "created_at"), ("sort", "asc")),
        is_shared=True,
    ),
    DemoView(
        "agent@example.com",
        "I wait for an answer",
        (("status", "waiting_on_customer"), ("assignee", "me")),
    ),
    DemoView("admin@example.com", "Last 7 days", (("created_at", "last-7-days"),)),
)


async def add_views(session: AsyncSession, people: Mapping[str, int]) -> None:
    """Save the views; `people` are the ids of their owners, by address."""
    for view in VIEWS:
        await save_view(
            session,
            people[view.owner],
            "ticket",
            view.name,
            query=view.query,
            columns=COLUMNS,
            is_shared=view.is_shared,
        )
