from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Select, delete, exists, func, select, union_all, update
from sqlalchemy.orm import aliased, joinedload, selectinload

from backoffice.database import INCLUDE_TRASHED, SessionFactory, transaction
from models import Comment, Ticket
from tests.factories import arranging, make_comment, make_ticket

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
other = aliased(Ticket)
of_tickets = select(Ticket.title).cte("of_tickets")
both = union_all(select(Ticket.title), select(Ticket.title)).subquery()

#: Ways to ask for the titles of tickets, of which one is live and one is in the trash.
WAYS: dict[str, Callable[[], Select[Any]]] = {
    "entities' columns": lambda: select(Ticket.title),
    "an alias": lambda: select(other.title),
    "a CTE": lambda: select(of_tickets.c.title),
    "a union": lambda: select(both.c.title).distinct(),
    "a subquery": lambda: select(select(Ticket.title).subquery().c.title),
    "a join": lambda: select(Ticket.title).join(Ticket.creator),
    "exists": lambda: select(Ticket.title).where(exists().where(other.id == Ticket.id)),
    "a key in a select": lambda: select(Ticket.title).where(Ticket.id.in_(select(other.id))),
}


@pytest.fixture
async def tickets(factory: SessionFactory) -> tuple[Ticket, Ticket]:
    """A live one and one in the trash; each with a live comment and one in the trash."""
    async with transaction(factory, arranging()) as session:
        live = await make_ticket(session, title="live")
        trashed = await make_ticket(session, title="trashed", deleted_at=NOW)
        for ticket in (live, trashed):
            await make_comment(session, ticket=ticket, content="live")
            await make_comment(session, ticket=ticket, content="trashed", deleted_at=NOW)
    return live, trashed


class TestLeavesOut:
    @pytest.mark.parametrize("way", WAYS)
    async def test_rows_in_the_trash(
        self, factory: SessionFactory, tickets: tuple[Ticket, Ticket], way: str
    ) -> None:
        async with factory() as session:
            assert list(await session.scalars(WAYS[way]())) == ["live"]
            seen = await session.scalars(WAYS[way](), execution_options=INCLUDE_TRASHED)
            assert set(seen) == {"live", "trashed"}

    async def test_a_record_by_its_key(self, factory: SessionFactory, tickets: tuple[Ticket, Ticket]) -> None:
        live, trashed = tickets
        async with factory() as session:
            assert await session.get(Ticket, live.id) is not None
            assert await session.get(Ticket, trashed.id) is None

    async def test_counts(self, factory: SessionFactory, tickets: tuple[Ticket, Ticket]) -> None:
        async with factory() as session:
            assert await session.scalar(select(func.count()).select_from(Ticket)) == 1

    async def test_those_in_a_collection(
        self, factory: SessionFactory, tickets: tuple[Ticket, Ticket]
    ) -> None:
        async with factory() as session:
            ticket = await session.scalar(select(Ticket).options(selectinload(Ticket.comments)))
            assert ticket is not None
            assert [comment.content for comment in ticket.comments] == ["live"]

    async def test_what_a_bulk_update_and_delete_would_reach(
        self, factory: SessionFactory, tickets: tuple[Ticket, Ticket]
    ) -> None:
        async with transaction(factory, arranging()) as session:
            await session.execute(update(Ticket).values(title="updated"))
            await session.execute(delete(Comment))
        async with factory() as session:
            titles = await session.scalars(select(Ticket.title), execution_options=INCLUDE_TRASHED)
            assert set(titles) == {"updated", "trashed"}
            left = await session.scalars(select(Comment.content), execution_options=INCLUDE_TRASHED)
            assert list(left) == ["trashed", "trashed"]


class TestShows:
    async def test_the_parent_of_a_live_row_though_it_is_trashed(
        self, factory: SessionFactory, tickets: tuple[Ticket, Ticket]
    ) -> None:
        async with factory() as session:
            comments = await session.scalars(select(Comment).options(joinedload(Comment.ticket)))
            assert {comment.ticket.title for comment in comments} == {"live", "trashed"}
