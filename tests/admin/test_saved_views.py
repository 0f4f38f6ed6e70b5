import asyncio
import re
from html import unescape
from urllib.parse import parse_qsl, urlsplit

import asyncpg
import pytest
from httpx import Response
from starlette.applications import Starlette

from backoffice.database import SessionFactory, transaction
from backoffice.settings import Settings
from tests.admin.conftest import Browser, OpenBrowser, csrf_token_in, statements_of
from tests.admin.lists import keys_in, links_in, listed, main_of, make_tickets
from tests.factories import arranging, make_tag

VIEWS = "/admin/ticket/views"
LIST = "/admin/ticket/list"


@pytest.fixture
async def agent(browser_of: OpenBrowser) -> Browser:
    return await browser_of("Agents")


@pytest.fixture
async def supervisor(browser_of: OpenBrowser) -> Browser:
    return await browser_of("Supervisors")


async def post(browser: Browser, url: str, **form: str) -> Response:
    token = csrf_token_in((await browser.client.get("/admin/account")).text)
    return await browser.client.post(url, data={"csrf_token": token, **form})


async def save(browser: Browser, name: str, query: str = "status=open", **form: str) -> str:
    """Save a view as the list's own form would; where the list is with it."""
    page = (await browser.client.get(f"{LIST}?{query}")).text
    answer = await post(browser, VIEWS, name=name, state=state_in(page), **form)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


async def change(browser: Browser, address: str, what: str, **form: str) -> Response:
    return await post(browser, f"{VIEWS}/{what}", view=key_in(address), **form)


def state_in(page: str) -> str:
    found = re.search(r'name="state" value="([^"]*)"', page)
    return unescape(found.group(1)) if found else ""


def key_in(address: str) -> str:
    return dict(parse_qsl(urlsplit(address).query))["view"]


def names_in(response: Response) -> list[str]:
    """The views above a list."""
    nav = response.text.partition('aria-label="Views"')[2].partition("</nav>")[0]
    return re.findall(r'class="view-name" dir="auto">([^<]*)', nav)


def current_in(response: Response) -> str:
    nav = response.text.partition('aria-label="Views"')[2].partition("</nav>")[0]
    found = re.search(r'aria-current="\w+">\s*(.*?)</a>', nav, re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", found.group(1)).split()) if found else ""


async def eventually(browser: Browser, text: str) -> Response:
    """The list, once it says something that is counted beside."""
    for _ in range(100):
        response = await listed(browser.client)
        if text in response.text:
            return response
        await asyncio.sleep(0.05)
    pytest.fail(f"the page never said {text}")


class TestSaving:
    async def test_keeps_search_filters_order_and_columns(
        self, agent: Browser, factory: SessionFactory
    ) -> None:
        (wanted, _) = await make_tickets(
            factory, {"title": "Printer on fire"}, {"title": "Printer", "status": "closed"}
        )
        query = "search=printer&status=open&sortBy=updated_at&sort=asc"
        address = await save(
            agent, "  Burning   printers ", f"{query}&columns=title,creator&page=1&pageSize=50"
        )
        assert address == f"{LIST}?{query}&view={key_in(address)}"
        page = await agent.client.get(address)
        assert keys_in(page)[0] == wanted
        assert (names_in(page), current_in(page)) == (["Burning printers"], "Burning printers")
        assert re.findall(r'<th scope="col" class="kind-\w+"', page.text) == [
            '<th scope="col" class="kind-text"',
            '<th scope="col" class="kind-record"',
        ]
        assert "The view “Burning printers” is saved." in main_of(page)

    async def test_is_offered_where_there_is_something_to_save(self, agent: Browser) -> None:
        assert "Save this view…" not in (await listed(agent.client)).text
        assert "Save this view…" not in (await listed(agent.client, status="nonsense")).text
        assert "Save this view…" in (await listed(agent.client, status="open")).text
        address = await save(agent, "Open")
        assert (
            "Save"
            not in main_of(await agent.client.get(address)).partition("1 of")[0].partition("is saved.")[2]
        )

    @pytest.mark.parametrize(
        ("name", "sentence"),
        [
            ("  ", "Give the view a name."),
            ("x" * 61, "A view’s name has at most 60 characters.".replace("’", "'")),
            ("OPEN", "There is a view “OPEN” already"),
        ],
    )
    async def test_a_name_that_is_none_comes_back(self, agent: Browser, name: str, sentence: str) -> None:
        await save(agent, "Open")
        answer = await post(agent, VIEWS, name=name, state="status=closed", first="1")
        assert answer.status_code == 400
        assert sentence in unescape(answer.text)
        assert f'value="{name}"' in answer.text
        assert 'value="status=closed"' in answer.text
        assert re.search(r'name="first" value="1" checked', answer.text)

    async def test_what_makes_no_sense_is_refused(self, agent: Browser) -> None:
        answer = await post(agent, VIEWS, name="Odd", state="status=nonsense")
        assert answer.status_code == 400
        assert "there is no “nonsense”" in answer.text
        answer = await post(agent, VIEWS, name="Long", state="search=" + "x" * 5000)
        assert answer.status_code == 400

    async def test_ends_at_fifty(self, agent: Browser, owner: asyncpg.Connection) -> None:
        await owner.execute(
            "INSERT INTO saved_views (page, owner_id, name, query, columns)"
            " SELECT 'tag', $1, n::text, '[]', '[]' FROM generate_series(1, 50) n",
            agent.user.id,
        )
        answer = await post(agent, VIEWS, name="One more", state="status=open")
        assert answer.status_code == 409
        assert "You have 50 views already" in answer.text
        assert 'value="One more"' in answer.text


class TestChanging:
    async def test_a_changed_list_says_so_and_updates(self, agent: Browser) -> None:
        address = await save(agent, "Mine")
        key = key_in(address)
        changed = await listed(agent.client, status="closed", view=key)
        assert "Changed" in main_of(changed)
        assert address in links_in(changed)
        assert "Changed" not in main_of(await agent.client.get(address)).partition("is saved.")[2]
        answer = await change(agent, address, "update", state=state_in(changed.text))
        assert answer.headers["location"] == f"{LIST}?status=closed&view={key}"

    async def test_other_columns_are_a_change(self, agent: Browser, factory: SessionFactory) -> None:
        await make_tickets(factory, {})
        address = await save(agent, "Mine")
        changed = await agent.client.get(f"{address}&columns=title,priority")
        assert "Changed" in main_of(changed)
        await change(agent, address, "update", state=state_in(changed.text))
        page = await agent.client.get(address)
        assert re.findall(r'<th scope="col" class="kind-(\w+)"', page.text) == ["text", "choice"]

    async def test_renaming(self, agent: Browser) -> None:
        address = await save(agent, "Mine")
        await save(agent, "Yours", "status=closed")
        answer = await change(agent, address, "rename", name="Ours")
        assert answer.headers["location"] == address
        assert names_in(await agent.client.get(address)) == ["Ours", "Yours"]
        refused = await change(agent, address, "rename", name="yours")
        assert refused.status_code == 400
        assert "There is a view “yours” already" in refused.text
        assert 'value="yours"' in refused.text

    async def test_deleting(self, agent: Browser, owner: asyncpg.Connection) -> None:
        address = await save(agent, "Mine", first="1")
        assert (await change(agent, address, "delete")).headers["location"] == LIST
        assert await owner.fetchval("SELECT count(*) FROM saved_views") == 0
        page = await agent.client.get(address)
        assert page.status_code == 200
        assert "This view was deleted, or is not shared with you" in main_of(page)
        # Nor does the page open with it any more.
        assert (await listed(agent.client)).status_code == 200
        assert (await change(agent, address, "rename", name="x")).status_code == 404

    async def test_on_its_own_page_alone(self, agent: Browser) -> None:
        key = key_in(await save(agent, "Mine"))
        assert (await post(agent, "/admin/tag/views/delete", view=key)).status_code == 404
        assert (await post(agent, f"{VIEWS}/explode", view=key)).status_code == 404

    async def test_opening_the_page_with_one(self, agent: Browser) -> None:
        address = await save(agent, "Mine", first="1")
        opening = await agent.client.get(LIST)
        assert (opening.status_code, opening.headers["location"]) == (303, address)
        page = await agent.client.get(address)
        assert f"{LIST}?view=all" in links_in(page)
        everything = await agent.client.get(f"{LIST}?view=all")
        assert current_in(everything) == "All"
        # Without a filter it is still all, and not the view.
        filtered = await listed(agent.client, status="closed")
        assert '<input type="hidden" name="view" value="all">' in filtered.text
        # It stays when something else is preferred.
        for preferred in ({"size": "50", "density": "compact"}, {"do": "reset"}):
            assert (await post(agent, "/admin/ticket/preferences", **preferred)).status_code == 303
            assert (await agent.client.get(LIST)).headers["location"] == address
        await change(agent, address, "open-all")
        assert (await agent.client.get(LIST)).status_code == 200

    async def test_the_page_of_all_says_what_each_asks_for(self, agent: Browser) -> None:
        filters = "search=printer&status=open,closed&assignee=me&created_at=last-7-days"
        address = await save(agent, "Mine", f"{filters}&sortBy=updated_at&sort=desc")
        said = (
            "Mine Yours alone Search: printer Status: Open or Closed Assignee: Me Created: last 7 days"
            " By Updated, descending"
        )
        assert said in main_of(await agent.client.get(VIEWS))
        answer = await change(agent, address, "open-first", back="views")
        assert answer.headers["location"] == VIEWS


class TestSharing:
    async def test_takes_a_grant(self, agent: Browser, supervisor: Browser) -> None:
        assert "Share it" not in (await listed(agent.client, status="open")).text
        answer = await post(agent, VIEWS, name="Ours", state="status=open", share="1")
        assert answer.status_code == 403
        address = await save(agent, "Mine")
        assert (await change(agent, address, "share")).status_code == 403
        await save(supervisor, "Team", share="1")
        assert names_in(await listed(agent.client)) == ["Mine", "Team"]
        assert names_in(await listed(supervisor.client)) == ["Team"]

    async def test_others_use_it_and_leave_it_as_it_is(
        self, agent: Browser, supervisor: Browser, browser_of: OpenBrowser
    ) -> None:
        address = await save(supervisor, "Team", share="1")
        page = await agent.client.get(address)
        assert current_in(page).startswith("Team")
        for what in ("rename", "update", "unshare", "delete", "share"):
            answer = await change(agent, address, what, name="Mine", state="status=closed")
            assert answer.status_code == 403, what
            assert f"{VIEWS}/{what}" not in page.text
        assert (await change(agent, address, "open-first")).status_code == 303
        other = await browser_of("Supervisors")
        assert (await change(other, address, "rename", name="The team's")).status_code == 303
        assert (await change(supervisor, address, "unshare")).status_code == 303
        # It was theirs to open with; now it is not there for them.
        assert (await agent.client.get(LIST)).status_code == 200
        assert names_in(await listed(other.client)) == []
        assert (await change(other, address, "delete")).status_code == 404

    async def test_ends_at_fifty_on_a_page(self, supervisor: Browser, owner: asyncpg.Connection) -> None:
        address = await save(supervisor, "Mine")
        await owner.execute(
            "WITH another AS (INSERT INTO users (email, full_name) VALUES ('a@b.example', 'A') RETURNING id)"
            " INSERT INTO saved_views (page, owner_id, name, query, columns, is_shared)"
            " SELECT 'ticket', id, n::text, '[]', '[]', true FROM another, generate_series(1, 50) n"
        )
        answer = await change(supervisor, address, "share")
        assert answer.status_code == 409
        assert "This page has 50 shared views already" in answer.text

    async def test_not_beyond_the_page(self, supervisor: Browser, browser_of: OpenBrowser) -> None:
        await save(supervisor, "Team", share="1")
        auditor, outsider = await browser_of("Auditors"), await browser_of(None)
        assert "Team" in (await auditor.client.get("/admin/")).text
        assert "Team" not in (await outsider.client.get("/admin/")).text
        assert (await outsider.client.get(VIEWS)).status_code == 403


class TestSidebar:
    async def test_has_seven_and_counts_the_others(self, agent: Browser) -> None:
        for number in range(9):
            last = await save(agent, f"View {number}")
        home = (await agent.client.get("/admin/")).text
        sidebar = home.partition('id="page-sidebar"')[2].partition("</nav>")[0]
        assert re.findall(r'view-name" dir="auto">([^<]*)', sidebar) == [f"View {n}" for n in range(7)]
        assert "2 more" in sidebar
        page = await agent.client.get(last)
        assert names_in(page) == [*(f"View {n}" for n in range(6)), "View 8"]


class TestCounting:
    async def test_beside_the_page_for_each_person(
        self, agent: Browser, supervisor: Browser, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        await make_tickets(factory, *[{"assignee_id": agent.user.id}] * 3, {})
        await save(supervisor, "Mine", "assignee=me", share="1")
        await eventually(agent, '<span class="count">3<span class="visually-hidden"> rows')
        await eventually(supervisor, '<span class="count">0<span class="visually-hidden"> rows')
        # It is good for a minute.
        moments = await owner.fetch("SELECT counted_at FROM saved_view_counts ORDER BY user_id")
        await listed(agent.client)
        await asyncio.sleep(0.1)
        assert await owner.fetch("SELECT counted_at FROM saved_view_counts ORDER BY user_id") == moments

    async def test_once_for_two_pages_at_once(
        self, app: Starlette, agent: Browser, owner: asyncpg.Connection
    ) -> None:
        await save(agent, "Mine")
        await eventually(agent, '<span class="count">0<')
        await asyncio.sleep(0.3)
        await owner.execute("UPDATE saved_view_counts SET counted_at = now() - interval '2 minutes'")
        with statements_of(app) as sent:
            async with owner.transaction():
                # Both pages find it old, and neither can take it yet.
                await owner.execute("SELECT FROM saved_view_counts FOR UPDATE")
                await listed(agent.client)
                await listed(agent.client)
            await asyncio.sleep(0.5)
        assert len([statement for statement in sent if "UPDATE saved_view_counts" in statement]) == 1

    async def test_up_to_a_cap(self, agent: Browser, owner: asyncpg.Connection) -> None:
        await owner.execute(
            "INSERT INTO tickets (title, description, creator_id)"
            " SELECT 'One of many', 'Alike.', $1 FROM generate_series(1, 1001)",
            agent.user.id,
        )
        await save(agent, "Many")
        await eventually(agent, '<span class="count">1,000+')

    async def test_anew_when_the_view_is_changed(self, agent: Browser, factory: SessionFactory) -> None:
        await make_tickets(factory, {}, {}, {"status": "closed"})
        address = await save(agent, "Mine")
        await eventually(agent, '<span class="count">2<')
        await change(agent, address, "update", state="status=closed")
        await eventually(agent, '<span class="count">1<')

    async def test_what_makes_no_sense_any_more_says_so(
        self, agent: Browser, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        address = await save(agent, "Mine")
        await owner.execute(
            """UPDATE saved_views SET query = '[["status", "reopened"]]', columns = '["gone"]'"""
        )
        page = await eventually(agent, "makes no sense any more")
        (address,) = [url for url in links_in(page) if "reopened" in url and "/list" in url][:1]
        page = await agent.client.get(address)
        assert page.status_code == 400
        assert "This view asks for what there no longer is" in main_of(page)
        assert "Status: there is no “reopened”." in main_of(page)
        assert (await agent.client.get(VIEWS)).status_code == 200
        fixed = await listed(agent.client, status="open", view=key_in(address))
        assert (await change(agent, address, "update", state=state_in(fixed.text))).status_code == 303


class TestTooSlow:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"statement_timeout_ms": 300})

    async def test_has_no_count_and_no_page_waits(
        self, agent: Browser, owner: asyncpg.Connection, factory: SessionFactory
    ) -> None:
        await make_tickets(factory, {})
        await save(agent, "Mine")
        await eventually(agent, '<span class="count">1<')
        await owner.execute("UPDATE saved_view_counts SET counted_at = now() - interval '2 minutes'")
        async with owner.transaction():
            await owner.execute("LOCK TABLE tickets")
            assert (await agent.client.get("/admin/tag/list")).status_code == 200
            await asyncio.sleep(0.6)
        assert await owner.fetchval("SELECT count FROM saved_view_counts") is None


class TestCost:
    async def test_no_statement_more_for_any_number_of_views(
        self, app: Starlette, agent: Browser, factory: SessionFactory
    ) -> None:
        async with transaction(factory, arranging()) as session:
            tags = [await make_tag(session)]
        await make_tickets(factory, *[{"tags": tags}] * 3)
        without = await self._statements(app, agent)
        for number in range(10):
            await save(agent, f"View {number}")
        await eventually(agent, '<span class="count">3<')
        await eventually(agent, "3 more")
        await asyncio.sleep(0.3)
        assert await self._statements(app, agent) == without

    async def _statements(self, app: Starlette, browser: Browser) -> int:
        with statements_of(app) as sent:
            assert (await listed(browser.client)).status_code == 200
        return len(sent)
