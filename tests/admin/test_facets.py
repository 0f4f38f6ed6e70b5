"""Counts beside filters: of the rows that match everything else, capped, and never in the way."""

from typing import Any
from urllib.parse import urlencode

import asyncpg
import pytest
from sqlalchemy import func, update
from starlette.applications import Starlette

from backoffice.admin import facets
from backoffice.admin.facets import FACET_CAP, MOST_COUNTED_AT_ONCE
from backoffice.database import SessionFactory, transaction
from models import Ticket, TicketPriority, TicketStatus
from tests.admin.conftest import Browser, OpenBrowser, statements_of
from tests.admin.lists import make_tickets
from tests.factories import arranging, make_staff, make_tag, make_ticket


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, nothing is left out but for what a test makes wait."""
    monkeypatch.setattr(facets, "ONE_MS", 10_000)
    monkeypatch.setattr(facets, "ALL_SECONDS", 60)


@pytest.fixture
async def agent(browser_of: OpenBrowser) -> Browser:
    return await browser_of("Agents", full_name="Ana Agent")


async def facets_of(browser: Browser, page: str = "ticket", /, **query: Any) -> dict[str, Any]:
    response = await browser.client.get(f"/admin/{page}/facets?{urlencode(query, doseq=True)}")
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()["facets"]
    return answer


class TestCounts:
    async def test_of_rows_that_match_everything_else(self, agent: Browser, factory: SessionFactory) -> None:
        urgent, closed = {"priority": TicketPriority.URGENT}, {"status": TicketStatus.CLOSED}
        await make_tickets(factory, urgent, urgent, {**urgent, **closed}, closed, {})
        answer = await facets_of(agent, priority="urgent", status="open", search="jams")
        assert answer["status"]["counts"] == {
            "open": "2",
            "in_progress": "0",
            "waiting_on_customer": "0",
            "resolved": "0",
            "closed": "1",
        }
        assert answer["priority"]["counts"] == {"low": "0", "medium": "1", "high": "0", "urgent": "2"}
        assert answer["is_overdue"]["counts"] == {"1": "0", "0": "2"}
        advanced = await facets_of(agent, where="status:closed")
        assert advanced["priority"]["counts"]["urgent"] == "1"
        assert advanced["status"]["counts"]["open"] == "0"

    async def test_live_rows_or_those_in_the_trash(self, agent: Browser, factory: SessionFactory) -> None:
        gone, live = await make_tickets(factory, {}, {})
        async with transaction(factory, arranging()) as session:
            await session.execute(update(Ticket).where(Ticket.id == gone).values(deleted_at=func.now()))
        assert live
        for query in ({}, {"trash": "only"}):
            assert (await facets_of(agent, **query))["status"]["counts"]["open"] == "1"

    async def test_of_people_and_tags_that_most_rows_have(
        self, agent: Browser, factory: SessionFactory
    ) -> None:
        async with transaction(factory, arranging()) as session:
            staff = [await make_staff(session, full_name=f"Staff {number}") for number in range(7)]
            red, blue = await make_tag(session, name="red"), await make_tag(session, name="blue")
            for number, person in enumerate(staff):
                for _ in range(number + 1):
                    await make_ticket(session, assignee_id=person.id, tags=[red, blue][: number % 3])
            await make_ticket(session, assignee_id=agent.user.id)
            await make_ticket(session)
        answer = await facets_of(agent)
        assignee = answer["assignee"]
        assert [(one["text"], one["count"]) for one in assignee["popular"]] == [
            (f"Staff {number}", str(number + 1)) for number in (6, 5, 4, 3, 2)
        ]
        assert (assignee["counts"]["me"], assignee["counts"]["nobody"]) == ("1", "1")
        assert {one["text"]: one["count"] for one in answer["tags"]["popular"]} == {"red": "16", "blue": "9"}

    async def test_they_stop_at_a_cap(
        self, agent: Browser, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        (key,) = await make_tickets(factory, {})
        await owner.execute("ALTER TABLE tickets DISABLE TRIGGER USER")
        await owner.execute(
            "INSERT INTO tickets (title, description, creator_id)"
            " SELECT 'Many', '', creator_id FROM tickets, generate_series(1, $2::int) WHERE id = $1",
            key,
            FACET_CAP,
        )
        await owner.execute("ALTER TABLE tickets ENABLE TRIGGER USER")
        assert (await facets_of(agent))["status"]["counts"]["open"] == "1,000+"
        assert (await facets_of(agent, search="many"))["status"]["counts"]["open"] == "1,000"


class TestRights:
    async def test_who_may_not_list_is_told_nothing(self, browser_of: OpenBrowser) -> None:
        nobody = await browser_of(None)
        response = await nobody.client.get("/admin/ticket/facets")
        assert response.status_code == 403
        assert "facets" not in response.json()

    async def test_rows_out_of_scope_are_not_counted(
        self, agent: Browser, browser_of: OpenBrowser, factory: SessionFactory
    ) -> None:
        other = await browser_of("Supervisors")
        for browser, times in ((agent, 1), (other, 2)):
            for _ in range(times):
                async with transaction(factory, arranging(actor_id=browser.user.id)) as session:
                    await make_ticket(session)
        mine = (await facets_of(agent, "operation"))["actor_user"]["popular"]
        assert [(one["id"], one["count"]) for one in mine] == [(str(agent.user.id), "1")]
        assert len((await facets_of(other, "operation"))["actor_user"]["popular"]) >= 2

    async def test_whose_names_one_may_not_know_are_left_out(
        self, browser_of: OpenBrowser, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        agent = await browser_of("Agents")
        async with transaction(factory, arranging()) as session:
            gone = await make_staff(session, is_active=False)
            await make_ticket(session, assignee_id=gone.id)
        assert (await facets_of(agent))["assignee"]["popular"][0]["id"] == str(gone.id)
        await owner.execute("DELETE FROM group_accesses WHERE identity = 'user' AND action = 'list'")
        await owner.execute("DELETE FROM group_accesses WHERE identity = '*' OR action = '*'")
        assert (await facets_of(agent))["assignee"]["popular"] == []

    async def test_nonsense_is_told(self, agent: Browser) -> None:
        response = await agent.client.get("/admin/ticket/facets?status=lost")
        assert response.status_code == 400
        assert "there is no “lost”" in response.json()["error"]


class TestCost:
    async def test_what_takes_too_long_is_left_out(
        self,
        agent: Browser,
        factory: SessionFactory,
        owner: asyncpg.Connection,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(facets, "ONE_MS", 500)
        await make_tickets(factory, {})
        async with owner.transaction():
            await owner.execute("LOCK TABLE ticket_tags")
            answer = await facets_of(agent)
        assert answer["status"]["counts"]["open"] == "1"
        assert "tags" not in answer

    async def test_in_the_end_time_is_up(
        self, agent: Browser, factory: SessionFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await make_tickets(factory, {})
        monkeypatch.setattr(facets, "ALL_SECONDS", -1)
        assert await facets_of(agent) == {}

    async def test_few_are_counted_at_once(self, agent: Browser, app: Starlette) -> None:
        limiter = app.state.site.facets
        holders = [object() for _ in range(MOST_COUNTED_AT_ONCE)]
        for holder in holders:
            limiter.acquire_on_behalf_of_nowait(holder)
        assert await facets_of(agent) == {}
        for holder in holders:
            limiter.release_on_behalf_of(holder)
        assert "status" in await facets_of(agent)

    async def test_as_many_statements_for_any_number_of_rows(
        self, agent: Browser, app: Starlette, factory: SessionFactory
    ) -> None:
        async with transaction(factory, arranging()) as session:
            tag = await make_tag(session)
            staff = [await make_staff(session) for _ in range(4)]
            for number in range(40):
                await make_ticket(session, assignee_id=staff[number % 4].id, tags=[tag])
        with statements_of(app) as sent:
            await facets_of(agent)
        asked = [one for one in sent if "FROM tickets" in one or "FROM users" in one or "FROM tags" in one]
        # The popular assignees and tags; the names of all; a statement for each of five filters.
        assert len([one for one in asked if "user_sessions" not in one and "token_hash" not in one]) == 8
        assert any("statement_timeout" in one for one in sent)


async def test_the_page_asks_for_its_own(agent: Browser) -> None:
    page = await agent.client.get("/admin/ticket/list?status=open&where=priority:low&page=1")
    assert 'data-facets-url="/admin/ticket/facets?status=open&amp;where=priority:low"' in page.text
