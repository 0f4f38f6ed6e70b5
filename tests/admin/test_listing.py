import re
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from httpx import Response
from starlette.applications import Starlette

from backoffice.admin.listing import TOO_SLOW
from backoffice.database import SessionFactory, transaction
from backoffice.settings import Settings
from tests.admin.conftest import Browser, OpenBrowser, statements_of
from tests.admin.lists import keys_in, links_in, listed, main_of, make_tickets, step_in
from tests.factories import arranging, make_comment, make_tag, make_ticket, make_user

NEWEST = datetime(2026, 11, 1, tzinfo=UTC)

#: More than are counted.
MANY = (
    "INSERT INTO tickets (title, description, creator_id, created_at)"
    " SELECT 'One of many', 'Alike.', $1, now() - make_interval(secs => n) FROM generate_series(1, 10030) n"
)


@pytest.fixture
async def agent(browser_of: OpenBrowser) -> Browser:
    return await browser_of("Agents")


@pytest.fixture
async def supervisor(browser_of: OpenBrowser) -> Browser:
    return await browser_of("Supervisors")


async def _many(factory: SessionFactory, count: int, **fields: Any) -> list[int]:
    """Tickets that were made a minute after another; the newest first, as the list has them."""
    rows = ({"created_at": NEWEST - timedelta(minutes=number), **fields} for number in range(count))
    return await make_tickets(factory, *rows)


class TestPages:
    async def test_the_newest_first_25_a_page(self, agent: Browser, factory: SessionFactory) -> None:
        keys = await _many(factory, 30)
        response = await listed(agent.client)
        assert keys_in(response) == keys[:25]
        assert "1–25 of 30" in main_of(response)
        assert "/admin/ticket/list?page=2" in links_in(response)
        last = await listed(agent.client, page=2)
        assert keys_in(last) == keys[25:]
        assert "26–30 of 30" in main_of(last)
        assert 'rel="next"' not in last.text

    async def test_every_row_once_where_all_are_alike(self, agent: Browser, factory: SessionFactory) -> None:
        keys = await make_tickets(factory, *[{"created_at": NEWEST}] * 60)
        for sort_by in ("created_at", "status", "updated_at"):
            query = {"sortBy": sort_by, "sort": "desc"}
            pages = [keys_in(await listed(agent.client, page=page, **query)) for page in (1, 2, 3)]
            assert [key for page in pages for key in page] == keys[::-1]

    async def test_page_sizes(self, agent: Browser, factory: SessionFactory) -> None:
        keys = await _many(factory, 60)
        assert keys_in(await listed(agent.client, pageSize=50)) == keys[:50]
        assert keys_in(await listed(agent.client, pageSize=100)) == keys

    async def test_beyond_the_end_is_the_last_page(self, agent: Browser, factory: SessionFactory) -> None:
        await _many(factory, 30)
        response = await listed(agent.client, status="open", page=900)
        assert response.status_code == 303
        assert response.headers["location"] == "/admin/ticket/list?status=open&page=2"

    async def test_beyond_the_end_of_nothing_is_the_first(self, agent: Browser) -> None:
        response = await listed(agent.client, search="nothing", page=2)
        assert response.headers["location"] == "/admin/ticket/list?search=nothing"

    async def test_beyond_the_cap_of_the_count(self, agent: Browser, owner: asyncpg.Connection) -> None:
        await owner.execute(MANY, agent.user.id)
        response = await listed(agent.client, page=2)
        assert "26–50 of 10,000+" in main_of(response)
        assert "/admin/ticket/list?page=last" in links_in(response)
        response = await listed(agent.client, page=402)
        assert len(keys_in(response)) == 5
        assert "10,026–10,030 of 10,030" in main_of(response)
        response = await listed(agent.client, page=403)
        assert response.headers["location"] == "/admin/ticket/list?page=402"

    async def test_from_the_end(self, agent: Browser, owner: asyncpg.Connection) -> None:
        await owner.execute(MANY, agent.user.id)
        last = await listed(agent.client, page="last")
        assert "The last 25 of 10,000+" in main_of(last)
        assert (len(keys_in(last)), step_in(last, "next")) == (25, "")
        before = await agent.client.get(step_in(last, "prev"))
        assert "26–50 from the end of 10,000+" in main_of(before)
        again = await agent.client.get(step_in(before, "next"))
        assert keys_in(again) == keys_in(last)
        assert "The last 25 of 10,000+" in main_of(again)

    async def test_numbers_end_somewhere(self, agent: Browser) -> None:
        assert (await listed(agent.client, page=4000)).status_code == 303
        for query in ({"page": 4001}, {"page": 1001, "pageSize": 100}):
            response = await listed(agent.client, **query)
            assert response.status_code == 400
            assert "Pages have numbers up to" in main_of(response)

    async def test_links_keep_everything_else(self, agent: Browser, factory: SessionFactory) -> None:
        await _many(factory, 60)
        kept = "search=jams&status=open&sortBy=updated_at&sort=asc"
        response = await agent.client.get(f"/admin/ticket/list?{kept}&page=2&priority=")
        links = links_in(response)
        assert f"/admin/ticket/list?{kept}&page=3" in links
        assert f"/admin/ticket/list?{kept}" in links
        assert f"/admin/ticket/list?{kept}&pageSize=50" in links
        assert "/admin/ticket/list?search=jams&status=open&sortBy=status&sort=asc" in links
        assert "/admin/ticket/list?sortBy=updated_at&sort=asc" in links

    async def test_the_filter_form_keeps_the_order(self, agent: Browser) -> None:
        response = await listed(agent.client, sortBy="updated_at", sort="asc", pageSize=50, page=1)
        form = response.text.partition("data-filters")[2].partition("</form>")[0]
        hidden = re.findall(r'<input type="hidden" name="(\w+)" value="(\w+)"', form)
        assert hidden == [("sortBy", "updated_at"), ("sort", "asc"), ("pageSize", "50")]

    async def test_a_row_knows_the_way_back(self, agent: Browser, factory: SessionFactory) -> None:
        (key,) = await make_tickets(factory, {})
        back = "from=%2Fadmin%2Fticket%2Flist%3Fstatus%3Dopen"
        links = links_in(await listed(agent.client, status="open"))
        assert f"/admin/ticket/details/{key}?{back}" in links
        assert f"/admin/ticket/create?{back}" in links
        assert f"/admin/ticket/details/{key}" in links_in(await listed(agent.client))


class TestRights:
    async def test_without_the_grant(self, browser_of: OpenBrowser) -> None:
        nobody = await browser_of(None)
        assert (await listed(nobody.client)).status_code == 403
        agent = await browser_of("Agents")
        assert (await listed(agent.client, "audit-log")).status_code == 403

    async def test_operations_are_ones_own(self, browser_of: OpenBrowser, factory: SessionFactory) -> None:
        agent, supervisor = await browser_of("Agents"), await browser_of("Supervisors")
        for actor in (agent.user, supervisor.user):
            async with transaction(
                factory, arranging(actor_id=actor.id, selection=f"row-of-{actor.id}")
            ) as session:
                await make_user(session)
        response = await listed(agent.client, "operation")
        assert f"row-of-{agent.user.id}" in response.text
        assert f"row-of-{supervisor.user.id}" not in response.text
        assert f"row-of-{agent.user.id}" in (await listed(supervisor.client, "operation")).text

    async def test_buttons_for_what_one_may(self, browser_of: OpenBrowser, factory: SessionFactory) -> None:
        await make_tickets(factory, {}, {"deleted_at": NEWEST})
        expected = {
            "Agents": ({"trash"}, set()),
            "Auditors": (set(), set()),
            "Supervisors": (BULK, {"restore"}),
            "Administrators": (BULK, {"restore", "purge"}),
        }
        for group, (live, trashed) in expected.items():
            browser = await browser_of(group)
            assert _buttons(await listed(browser.client)) == live, group
            assert _buttons(await listed(browser.client, trash="only")) == trashed, group

    async def test_a_button_carries_the_selection(self, supervisor: Browser, factory: SessionFactory) -> None:
        await _many(factory, 30)
        response = await listed(supervisor.client, status="open", search="jams", page=2, sortBy="status")
        assert "/admin/ticket/bulk/assign?status=open&amp;search=jams" in response.text


BULK = {"assign", "set-status", "set-priority", "add-tags", "remove-tags", "edit", "trash"}


def _buttons(response: Response) -> set[str]:
    return set(re.findall(r'formaction="/admin/ticket/bulk/([\w-]+)', response.text))


class TestCost:
    async def _statements(self, app: Starlette, browser: Browser, page: str, /, **query: Any) -> list[str]:
        with statements_of(app) as sent:
            assert (await listed(browser.client, page, **query)).status_code == 200
        return sent

    async def test_as_many_statements_for_any_number_of_rows(
        self, app: Starlette, browser_of: OpenBrowser, factory: SessionFactory
    ) -> None:
        administrator = await browser_of("Administrators")
        async with transaction(factory, arranging()) as session:
            tags = [await make_tag(session), await make_tag(session)]
            for _ in range(110):
                await make_comment(session, ticket=await make_ticket(session, tags=tags))
        # The person (with the transaction's context), the page with its count. (How far the history is
        # sealed, the log asks once in a while.)
        expected = {"ticket": 2, "comment": 2, "user": 2, "tag": 2, "audit-log": 2, "operation": 2}
        assert len(await self._statements(app, administrator, "audit-log")) == 4
        for page, count in expected.items():
            for size in (25, 50, 100):
                sent = await self._statements(app, administrator, page, pageSize=size)
                assert len(sent) == count, "\n".join(sent)

    async def test_what_is_not_shown_is_not_read(
        self, app: Starlette, agent: Browser, factory: SessionFactory
    ) -> None:
        await make_tickets(factory, {"assignee_id": agent.user.id})
        for sent in await self._statements(app, agent, "ticket"):
            assert "tickets.description" not in sent
            assert "tickets.search" not in sent
            assert "password_hash" not in sent

    async def test_the_next_page_is_not_counted_to(
        self, app: Starlette, agent: Browser, factory: SessionFactory
    ) -> None:
        await _many(factory, 60)
        address = step_in(await listed(agent.client), "next")
        with statements_of(app) as sent:
            await agent.client.get(address)
        assert len(sent) == 2
        assert "OFFSET" not in "".join(sent)
        assert "(tickets.created_at, tickets.id) < (" in "".join(sent)

    async def test_a_page_is_found_by_its_keys(
        self, app: Starlette, agent: Browser, factory: SessionFactory
    ) -> None:
        await _many(factory, 60)
        (page,) = [s for s in await self._statements(app, agent, "ticket", page=2) if "OFFSET" in s]
        inner = page.partition("AS \n(SELECT ")[2].partition("FROM")[0]
        assert inner.split() == ["tickets.id", "AS", "id"]

    async def test_entries_of_the_log_are_read_where_they_are_found(
        self, app: Starlette, browser_of: OpenBrowser, factory: SessionFactory
    ) -> None:
        auditor = await browser_of("Auditors")
        await _many(factory, 60)
        with statements_of(app) as sent:
            first = await listed(auditor.client, "audit-log", table_name="tickets")
        second = await auditor.client.get(step_in(first, "next"))
        by_number = await listed(auditor.client, "audit-log", table_name="tickets", page=2)
        last = await listed(auditor.client, "audit-log", table_name="tickets", page=3)
        assert keys_in(second) == keys_in(by_number)
        assert [len(set(keys_in(page))) for page in (first, second, last)] == [25, 25, 10]
        assert ["1–25 of 60" in main_of(first), "26–50 of 60" in main_of(second)] == [True, True]
        assert "51–60 of 60" in main_of(last)
        (walk,) = [one for one in sent if "LIMIT" in one and "FROM audit_logs" in one and "entry" not in one]
        assert walk.count("FROM audit_logs") == 2, "the rows, and how many there are"
        assert "JOIN audit_logs" not in walk


class TestTooSlow:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"statement_timeout_ms": 300})

    async def test_the_list_says_what_to_do(
        self, agent: Browser, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        await make_tickets(factory, {"assignee_id": agent.user.id})
        async with owner.transaction():
            # What the list reads, but not what the search looks up beforehand.
            await owner.execute("LOCK TABLE ticket_tags")
            response = await listed(agent.client, search="jams", assignee=agent.user.id)
        assert response.status_code == 503
        assert TOO_SLOW in main_of(response)
        assert 'value="jams"' in response.text
        assert len(keys_in(await listed(agent.client, search="jams"))) == 1
