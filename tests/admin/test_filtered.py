import re
from datetime import UTC, datetime

import pytest
from httpx import Response

from backoffice.database import SessionFactory, transaction
from models import TicketStatus
from tests.admin.conftest import Browser, OpenBrowser, csrf_token_in
from tests.admin.lists import keys_in, links_in, listed, main_of, make_tickets
from tests.factories import arranging, make_comment, make_ticket

NEWEST = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
async def agent(browser_of: OpenBrowser) -> Browser:
    return await browser_of("Agents")


@pytest.fixture
async def supervisor(browser_of: OpenBrowser) -> Browser:
    return await browser_of("Supervisors")


class TestSearch:
    async def test_words_and_numbers(self, agent: Browser, factory: SessionFactory) -> None:
        broken, _ = await make_tickets(
            factory, {"title": "The scanner is broken"}, {"title": "Lost password"}
        )
        response = await listed(agent.client, search="broken scan")
        assert keys_in(response) == [broken]
        assert 'value="broken scan"' in response.text
        assert "“broken scan”" in main_of(response)

    async def test_nothing_found(self, agent: Browser, factory: SessionFactory) -> None:
        await make_tickets(factory, {})
        response = await listed(agent.client, search="zebra", status="open")
        assert response.status_code == 200
        assert "Nothing matches" in main_of(response)
        assert "/admin/ticket/list" in links_in(response)

    async def test_nothing_there_at_all(self, agent: Browser) -> None:
        assert "No tickets" in main_of(await listed(agent.client))

    async def test_markup_is_text(self, agent: Browser, factory: SessionFactory) -> None:
        await make_tickets(factory, {"title": "<b>bold</b>"})
        response = await listed(agent.client, search="<b>bold</b>")
        assert "<b>bold</b>" not in response.text
        assert "&lt;b&gt;bold&lt;/b&gt;" in response.text


class TestTrash:
    async def test_a_list_shows_one_or_the_other(self, supervisor: Browser, factory: SessionFactory) -> None:
        live, first, last = await make_tickets(
            factory, {}, {"deleted_at": NEWEST}, {"deleted_at": datetime.now(UTC)}
        )
        assert keys_in(await listed(supervisor.client)) == [live]
        response = await listed(supervisor.client, trash="only")
        assert keys_in(response) == [last, first]
        assert "Moved to trash" in main_of(response)

    async def test_filters_and_search_hold_in_the_trash(
        self, agent: Browser, factory: SessionFactory
    ) -> None:
        gone = {"deleted_at": NEWEST}
        closed, _ = await make_tickets(factory, {**gone, "status": TicketStatus.CLOSED}, gone)
        assert keys_in(await listed(agent.client, trash="only", status="closed", search="jams")) == [closed]

    async def test_a_tab_keeps_the_filters(self, agent: Browser) -> None:
        links = links_in(await listed(agent.client, status="open", sortBy="status", page=1))
        assert "/admin/ticket/list?status=open&trash=only" in links
        assert "/admin/ticket/list?status=open" in links_in(
            await listed(agent.client, status="open", trash="only")
        )

    async def test_an_empty_trash(self, agent: Browser) -> None:
        response = await listed(agent.client, trash="only")
        assert "The trash is empty" in main_of(response)
        assert "/admin/ticket/create" not in links_in(response)

    async def test_a_trashed_parent_still_shows(self, agent: Browser, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            ticket = await make_ticket(session, title="A trashed one", deleted_at=NEWEST)
            await make_comment(session, ticket=ticket)
        assert "A trashed one" in main_of(await listed(agent.client, "comment"))


class TestSelection:
    """What bulk actions take over from the list."""

    async def test_it_is_put_in_words(self, supervisor: Browser, factory: SessionFactory) -> None:
        await make_tickets(factory, {})
        page = await self._confirmation(supervisor, "search=jams&status=open&assignee=nobody&page=3")
        assert "all tickets that match “jams” (Status: Open, Assignee: Nobody)" in main_of(page)

    async def test_it_leaves_out_the_trash(self, supervisor: Browser, factory: SessionFactory) -> None:
        await make_tickets(factory, {}, {}, {"deleted_at": NEWEST})
        page = await self._confirmation(supervisor, "")
        assert re.search(r"\b2 tickets?\b|\b2\b", main_of(page))
        assert not re.search(r"\b3\b", main_of(page))

    async def test_nonsense_selects_nothing(self, supervisor: Browser) -> None:
        page = await self._confirmation(supervisor, "status=lost")
        assert page.status_code == 400
        assert "there is no “lost”" in main_of(page)

    async def _confirmation(self, browser: Browser, query: str) -> Response:
        token = csrf_token_in((await browser.client.get("/admin/ticket/list")).text)
        form = {"csrf_token": token, "scope": "all", "priority": "urgent"}
        return await browser.client.post(f"/admin/ticket/bulk/set-priority?{query}", data=form)
