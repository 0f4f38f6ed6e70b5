"""Walking a list by its Next and Previous: each row once, whatever comes in between."""

import json
import re
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from httpx import AsyncClient, Response
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from starlette.applications import Starlette

from backoffice.admin.keyset import Cursor
from backoffice.database import SessionFactory, transaction
from models import TicketPriority, TicketStatus
from tests.admin.conftest import Browser, OpenBrowser
from tests.admin.lists import keys_in, listed, main_of, make_tickets, step_in
from tests.factories import arranging, make_attachment, make_comment, make_tag, make_ticket, make_user

NEWEST = datetime(2026, 11, 1, tzinfo=UTC)
ROWS = 60


@pytest.fixture
async def administrator(browser_of: OpenBrowser) -> Browser:
    return await browser_of("Administrators")


@pytest.fixture
async def agent(browser_of: OpenBrowser) -> Browser:
    return await browser_of("Agents")


def rows_in(response: Response, page: str) -> list[str]:
    table = response.text.partition("<tbody>")[2].partition("</tbody>")[0]
    return re.findall(rf'<a href="/admin/{page}/details/([\w-]+)["?]', table)


async def walk(client: AsyncClient, page: str, address: str, rel: str) -> list[list[str]]:
    """The rows of each page from `address` on."""
    pages = []
    while address:
        response = await client.get(address)
        assert response.status_code == 200, response.headers
        pages.append(rows_in(response, page))
        address = step_in(response, rel)
    return pages


async def _fill(factory: SessionFactory) -> None:
    """More than two pages of each list, with the same few values in what they are sorted by."""
    for number in range(ROWS):
        async with transaction(factory, arranging()) as session:
            ticket = await make_ticket(
                session,
                created_at=NEWEST + timedelta(days=number % 4),
                updated_at=NEWEST + timedelta(days=number % 3),
                status=list(TicketStatus)[number % 5],
                priority=list(TicketPriority)[number % 4],
            )
            await make_comment(session, ticket=ticket, created_at=NEWEST)
            await make_attachment(session, ticket=ticket, created_at=NEWEST)
            await make_tag(session, created_at=NEWEST)
            await make_user(session, full_name=f"Alike {number % 3}", created_at=NEWEST)


class TestWalk:
    async def test_each_row_once_in_every_order_of_every_list(
        self, app: Starlette, administrator: Browser, factory: SessionFactory
    ) -> None:
        await _fill(factory)
        client, walked = administrator.client, 0
        for view in app.state.site.declared:
            for name in view.column_sortable_list:
                for direction in ("asc", "desc"):
                    address = f"{view.url('list')}?sortBy={name}&sort={direction}"
                    there = await walk(client, view.identity, address, "next")
                    back = await walk(client, view.identity, f"{address}&page={len(there)}", "prev")
                    keys = [key for page in there for key in page]
                    assert len(keys) == len(set(keys)), address
                    assert back == there[::-1], address
                    walked += len(there) > 2
        assert walked >= 20

    async def test_in_the_trash(self, administrator: Browser, factory: SessionFactory) -> None:
        keys = await make_tickets(factory, *[{"deleted_at": NEWEST}] * ROWS, {})
        pages = await walk(administrator.client, "ticket", "/admin/ticket/list?trash=only", "next")
        assert [int(key) for page in pages for key in page] == keys[-2::-1]

    @pytest.mark.parametrize("direction", ["asc", "desc"])
    async def test_over_rows_without_a_value(
        self,
        app: Starlette,
        agent: Browser,
        factory: SessionFactory,
        direction: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        view = next(view for view in app.state.site.declared if view.identity == "ticket")
        monkeypatch.setattr(view, "column_sortable_list", ["assignee_id"])
        keys = await make_tickets(
            factory, *({"assignee_id": agent.user.id if number < 40 else None} for number in range(80))
        )
        address = f"/admin/ticket/list?sortBy=assignee_id&sort={direction}"
        pages = await walk(agent.client, "ticket", address, "next")
        found = [int(key) for page in pages for key in page]
        assert found == (keys if direction == "asc" else keys[::-1])
        back = await walk(agent.client, "ticket", f"{address}&page=4", "prev")
        assert back == pages[::-1]

    async def test_with_rows_that_come_in_between(self, agent: Browser, factory: SessionFactory) -> None:
        keys = await make_tickets(factory, *[{"created_at": NEWEST}] * ROWS)
        found: list[int] = []
        address = "/admin/ticket/list"
        while address:
            response = await agent.client.get(address)
            found += keys_in(response)
            # Newer ones: they come before the first page.
            await make_tickets(factory, *[{"created_at": NEWEST + timedelta(days=1)}] * 3)
            address = step_in(response, "next")
        assert found == keys[::-1]

    async def test_from_a_row_that_is_gone(self, agent: Browser, factory: SessionFactory, owner: Any) -> None:
        keys = await make_tickets(factory, *[{"created_at": NEWEST}] * ROWS)
        response = await listed(agent.client)
        await owner.execute("UPDATE tickets SET deleted_at = now() WHERE id = $1", keys[-25])
        assert keys_in(await agent.client.get(step_in(response, "next"))) == keys[-26:-51:-1]

    async def test_to_the_beginning_shows_what_is_left(self, agent: Browser, factory: SessionFactory) -> None:
        keys = await make_tickets(factory, *[{"created_at": NEWEST}] * ROWS)
        second = await listed(agent.client, page=2)
        newer = await make_tickets(factory, *[{"created_at": NEWEST + timedelta(days=1)}] * 3)
        before = await agent.client.get(step_in(second, "prev"))
        assert keys_in(before) == keys[: ROWS - 26 : -1]
        # What page it is nobody knows any more.
        assert "–25 of 63" not in main_of(before)
        first = await agent.client.get(step_in(before, "prev"))
        assert keys_in(first) == newer[::-1]
        assert "1–3 of 63" in main_of(first)
        assert step_in(first, "prev") == ""


class TestNowhere:
    async def test_after_the_last_is_the_last_page(self, agent: Browser, factory: SessionFactory) -> None:
        keys = await make_tickets(factory, *[{"created_at": NEWEST}] * 30)
        cursor = Cursor((NEWEST, keys[0]), 30)
        response = await listed(agent.client, status="open", after=str(cursor))
        assert response.status_code == 303
        assert response.headers["location"] == "/admin/ticket/list?status=open&page=last"
        response = await agent.client.get(response.headers["location"])
        assert response.headers["location"] == "/admin/ticket/list?status=open&page=2"

    async def test_before_the_first_is_the_first_page(self, agent: Browser, factory: SessionFactory) -> None:
        keys = await make_tickets(factory, *[{"created_at": NEWEST}] * 30)
        response = await listed(agent.client, before=str(Cursor((NEWEST, keys[-1]), 1)))
        assert response.headers["location"] == "/admin/ticket/list"

    async def test_the_last_page_of_nothing(self, agent: Browser) -> None:
        response = await listed(agent.client, page="last")
        assert response.headers["location"] == "/admin/ticket/list"


class TestCursor:
    async def test_nonsense_is_a_sentence(self, agent: Browser, factory: SessionFactory) -> None:
        await make_tickets(factory, {})
        good = (NEWEST, 7)
        for values in (
            [],
            [NEWEST],
            [NEWEST, 7, 7],
            [None, 7],
            [NEWEST, None],
            [NEWEST, "7"],
            [NEWEST, True],
            [NEWEST, 2**63],
            [NEWEST.replace(tzinfo=None), 7],
            [7, 7],
        ):
            await self._is_refused(agent, f"after={Cursor(tuple(values), 1)}")
        for typed in ("x", "é", "[]", "W10", "bnVsbA", "W" * 3_000, "W" * 5_000, str(Cursor(good, 10**16))):
            await self._is_refused(agent, f"before={typed}")
        await self._is_refused(agent, f"after={Cursor(good)}&sortBy=status")
        await self._is_refused(agent, f"after={Cursor(good)}&before={Cursor(good)}")
        await self._is_refused(agent, f"after={Cursor(good)}&page=2")

    async def test_nested_without_end(self, agent: Browser) -> None:
        await self._is_refused(agent, f"after={urlsafe_b64encode(b'[' * 2_900).decode()}")

    async def test_a_text_that_no_column_holds(self, agent: Browser) -> None:
        for text in ("\ud800", "\0", 7, None):
            response = await listed(agent.client, "user", sortBy="email", after=packed([1, text, 7]))
            assert response.status_code == 400, text
        response = await listed(agent.client, "user", sortBy="email", after=packed([1, "a", 7]))
        assert response.status_code == 200

    async def _is_refused(self, agent: Browser, query: str) -> None:
        response = await agent.client.get(f"/admin/ticket/list?{query}")
        assert response.status_code == 400, query
        assert "place" in main_of(response)
        assert keys_in(response) == []

    PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes().map(str)
    PLAIN |= st.sampled_from(["open", "high", "2026-11-01T00:00:00+00:00", "0001-01-01T00:00:00+00:00", 7])

    @given(
        values=st.lists(PLAIN, max_size=4),
        sort_by=st.sampled_from(["", "status", "updated_at"]),
        side=st.sampled_from(["after", "before"]),
    )
    @examples(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    async def test_none_is_our_fault(
        self, agent: Browser, values: list[Any], sort_by: str, side: str
    ) -> None:
        query = {side: packed([1, *values]), "sortBy": sort_by}
        response = await agent.client.get("/admin/ticket/list", params=query)
        assert response.status_code in {200, 303, 400}, response.text

    async def test_is_in_the_way_back_from_a_row(self, agent: Browser, factory: SessionFactory) -> None:
        await make_tickets(factory, *[{"created_at": NEWEST}] * 30)
        address = step_in(await listed(agent.client, status="open"), "next")
        page = await agent.client.get(address)
        details = next(url for url in re.findall(r'href="([^"]+)"', page.text) if "/ticket/details/" in url)
        assert parse_qs(urlsplit(unescape(details)).query)["from"] == [address]
        record = await agent.client.get(unescape(details))
        assert f'href="{address.replace("&", "&amp;")}"' in record.text

    async def test_is_left_by_another_search_or_order(self, agent: Browser, factory: SessionFactory) -> None:
        await make_tickets(factory, *[{"created_at": NEWEST}] * 30)
        page = await agent.client.get(step_in(await listed(agent.client, status="open"), "next"))
        links = [unescape(url) for url in re.findall(r'href="([^"]+)"', page.text)]
        others = [url for url in links if url.startswith("/admin/ticket/list") and "before=" not in url]
        assert len(others) > 8
        assert not [url for url in others if "after=" in url]
        assert "after" not in page.text.partition("data-filters")[2].partition("</form>")[0]


def packed(plain: list[Any]) -> str:
    """A cursor of anything."""
    return urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")
