"""Plans that serve any values, and statements that are made once: never at the price of other rows."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event
from starlette.applications import Starlette

from backoffice.database import SessionFactory, transaction
from models import TicketPriority, TicketStatus
from tests.admin.conftest import Browser, OpenBrowser
from tests.admin.lists import keys_in, listed, make_tickets, step_in
from tests.factories import arranging, make_staff, make_ticket


@pytest.fixture
async def agent(browser_of: OpenBrowser) -> Browser:
    return await browser_of("Agents")


@contextmanager
def _first_values(app: Starlette) -> Iterator[list[str]]:
    """What is sent along with the first statement of a request, which sets how the others are planned."""
    sent: list[str] = []
    engine = app.state.engine.sync_engine

    @event.listens_for(engine, "before_cursor_execute")
    def note(_connection: object, _cursor: object, _statement: str, values: object, *_: object) -> None:
        sent.append(str(values))

    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def _is_planned_by_value(app: Starlette, client: Browser, address: str) -> bool:
    with _first_values(app) as sent:
        response = await client.client.get(address)
    assert response.status_code == 200
    return "force_custom_plan" in sent[0]


class TestListIsPlannedForAnyValues:
    @pytest.mark.parametrize(
        "query",
        [
            "",
            "page=1",
            "sortBy=status&sort=asc",
            "trash=only&pageSize=50",
            "search=&status=",
            "status=open",
            "assignee=me",
            "status=open&priority=urgent",
        ],
    )
    async def test_where_one_index_leads_through_it(
        self, agent: Browser, app: Starlette, factory: SessionFactory, query: str
    ) -> None:
        await make_tickets(factory, {})
        assert not await _is_planned_by_value(app, agent, f"/admin/ticket/list?{query}")

    @pytest.mark.parametrize(
        "query",
        [
            "search=printer",
            "where=status:is:open",
            "tags=1",
            "status=open,closed",
            "status=open&status=closed",
            "assignee=nobody",
            "created_at=today",
            "created_at_from=2026-01-01",
            "status=open&assignee=1",
            "status=open&sortBy=updated_at",
            "status=open&trash=only",
        ],
    )
    async def test_not_where_the_values_decide(self, agent: Browser, app: Starlette, query: str) -> None:
        assert await _is_planned_by_value(app, agent, f"/admin/ticket/list?{query}")

    async def test_of_a_person_in_the_log(self, app: Starlette, browser_of: OpenBrowser) -> None:
        auditor = await browser_of("Auditors")
        assert not await _is_planned_by_value(app, auditor, "/admin/audit-log/list?user=1")
        assert await _is_planned_by_value(app, auditor, "/admin/audit-log/list?user=1&action=CREATE")


class TestStatementMadeOnce:
    async def test_finds_the_rows_of_now(self, agent: Browser, factory: SessionFactory) -> None:
        first = await make_tickets(factory, {"status": TicketStatus.OPEN})
        assert keys_in(await listed(agent.client, status="open")) == first
        second = await make_tickets(factory, {"status": TicketStatus.OPEN})
        assert keys_in(await listed(agent.client, status="open")) == second + first

    async def test_of_each_value_apart(self, agent: Browser, factory: SessionFactory) -> None:
        [low] = await make_tickets(factory, {"priority": TicketPriority.LOW})
        [high] = await make_tickets(factory, {"priority": TicketPriority.HIGH})
        for _ in range(2):
            assert keys_in(await listed(agent.client, priority="low")) == [low]
            assert keys_in(await listed(agent.client, priority="high")) == [high]
            assert keys_in(await listed(agent.client)) == [high, low]
            assert keys_in(await listed(agent.client, priority="low", trash="only")) == []

    async def test_of_a_parameter_that_is_repeated_shows_what_its_filter_read(
        self, agent: Browser, factory: SessionFactory
    ) -> None:
        async with transaction(factory, arranging()) as session:
            people = [await make_staff(session) for _ in range(2)]
            tickets = [await make_ticket(session, assignee=person) for person in people]
        for first, last in ((0, 1), (1, 0)):
            address = f"/admin/ticket/list?assignee={people[first].id}&assignee={people[last].id}"
            assert keys_in(await agent.client.get(address)) == [tickets[last].id]
        everything = keys_in(await listed(agent.client))
        emptied = await agent.client.get(f"/admin/ticket/list?assignee={people[0].id}&assignee=")
        assert keys_in(emptied) == everything
        low = await make_tickets(factory, {"priority": TicketPriority.LOW})
        assert keys_in(await agent.client.get("/admin/ticket/list?priority=low&priority=")) == low

    async def test_shows_everybody_their_own(self, browser_of: OpenBrowser, factory: SessionFactory) -> None:
        ana, bo = await browser_of("Agents"), await browser_of("Agents")
        async with transaction(factory, arranging()) as session:
            hers = await make_ticket(session, assignee_id=ana.user.id)
            his = await make_ticket(session, assignee_id=bo.user.id)
        for _ in range(2):
            assert keys_in(await listed(ana.client, assignee="me")) == [hers.id]
            assert keys_in(await listed(bo.client, assignee="me")) == [his.id]

    async def test_goes_on_from_any_row(self, agent: Browser, factory: SessionFactory) -> None:
        keys = await make_tickets(factory, *({"status": TicketStatus.OPEN} for _ in range(60)))
        first = await listed(agent.client, status="open")
        second = await agent.client.get(step_in(first, "next"))
        third = await agent.client.get(step_in(second, "next"))
        assert sorted([*keys_in(first), *keys_in(second), *keys_in(third)]) == sorted(keys)
        assert keys_in(await agent.client.get(step_in(third, "prev"))) == keys_in(second)
