import csv
import io
import re
from typing import Any
from urllib.parse import urlencode

import asyncpg
import pytest
from httpx import Response
from starlette.applications import Starlette

from admin_views import VIEWS
from backoffice.admin.view import View
from backoffice.database import SessionFactory
from backoffice.errors import ConfigurationError
from models import User
from tests.admin.conftest import Browser, OpenBrowser, csrf_token_in, statements_of
from tests.admin.desk import Desk
from tests.admin.lists import links_in, listed, main_of, make_tickets
from tests.admin.records import make_records

LIST = "/admin/ticket/list"
USUAL = ["Number", "Subject", "Status", "Priority", "Assignee", "Tags", "Created", "Updated"]


@pytest.fixture
async def agent(browser_of: OpenBrowser, factory: SessionFactory) -> Browser:
    await make_tickets(factory, *[{}] * 60)
    return await browser_of("Agents")


async def prefer(browser: Browser, *columns: str, **form: Any) -> Response:
    """Send the form with these columns ticked, from left to right."""
    token = csrf_token_in((await browser.client.get("/admin/account")).text)
    places = {f"place-{name}": number for number, name in enumerate(columns, 1)}
    values = {"size": "25", "density": "comfortable", "columns": columns, **places, **form}
    body = urlencode({"csrf_token": token, **values}, doseq=True)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return await browser.client.post("/admin/ticket/preferences", content=body, headers=headers)


def heads_in(response: Response) -> list[str]:
    heads = re.findall(r'<th scope="col" class="kind-.*?</th>', response.text, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]*>", " ", head).split()) for head in heads]


class TestColumns:
    async def test_as_chosen_in_their_order(self, agent: Browser, browser_of: OpenBrowser) -> None:
        answer = await prefer(agent, "title", "creator", "status", back="status=open&page=2")
        assert answer.headers["location"] == f"{LIST}?status=open"
        assert heads_in(await listed(agent.client)) == ["Subject", "Requester", "Status"]
        # They are this person's, on this page.
        assert heads_in(await listed((await browser_of("Agents")).client)) == USUAL
        assert "Colour" not in heads_in(await listed(agent.client, "comment"))

    async def test_numbers_say_the_order(self, agent: Browser) -> None:
        await prefer(agent, "title", "status", "priority", **{"place-priority": 2, "place-status": 3})
        assert heads_in(await listed(agent.client)) == ["Subject", "Priority", "Status"]

    async def test_each_row_keeps_its_link(self, agent: Browser) -> None:
        await prefer(agent, "assignee", "status", "priority")
        page = await listed(agent.client)
        assert heads_in(page) == ["Subject", "Assignee", "Status", "Priority"]
        assert len(re.findall(r'is-main"><a href="/admin/ticket/details/', page.text)) == 25

    async def test_reset(self, agent: Browser) -> None:
        await prefer(agent, "title", size="50", density="compact")
        assert "is-compact" in (await listed(agent.client)).text
        await prefer(agent, "title", do="reset")
        page = await listed(agent.client)
        assert heads_in(page) == USUAL
        assert "1–25 of 60" in main_of(page)
        assert "is-compact" not in page.text

    async def test_what_there_no_longer_is_is_left_out(
        self, agent: Browser, owner: asyncpg.Connection
    ) -> None:
        settings = '{"columns": ["gone", "title", 7], "size": 33, "density": "tight", "view": "x"}'
        insert = "INSERT INTO list_preferences VALUES ($1, 'ticket', $2)"
        await owner.execute(insert, agent.user.id, settings)
        page = await listed(agent.client)
        assert heads_in(page) == ["Subject"]
        assert "1–25 of 60" in main_of(page)
        await owner.execute("""UPDATE list_preferences SET settings = '{"columns": "title", "size": []}'""")
        assert heads_in(await listed(agent.client)) == USUAL

    async def test_in_the_address(self, agent: Browser) -> None:
        assert heads_in(await listed(agent.client, columns="status,title")) == ["Status", "Subject"]
        page = await listed(agent.client, columns="status,assignee")
        assert heads_in(page) == ["Subject", "Status", "Assignee"]
        page = await listed(agent.client, columns="password_hash,title,search,status,title")
        assert heads_in(page) == ["Subject", "Status"]
        assert f"{LIST}?columns=password_hash,title,search,status,title&page=2" in links_in(page)

    async def test_the_trash_tells_when(
        self, agent: Browser, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        await owner.execute("UPDATE tickets SET deleted_at = now()")
        await prefer(agent, "title")
        assert heads_in(await listed(agent.client, trash="only")) == ["Subject", "Moved to trash"]


class TestSizeAndDensity:
    async def test_are_remembered(self, agent: Browser) -> None:
        await prefer(agent, "title", size="50", density="compact")
        page = await listed(agent.client)
        assert "1–50 of 60" in main_of(page)
        assert "rows is-compact" in page.text
        # The address has the last word.
        assert "1–25 of 60" in main_of(await listed(agent.client, pageSize=25))

    @pytest.mark.parametrize("wrong", [{"size": "33"}, {"density": "tight"}, {"size": ""}])
    async def test_of_another_kind_are_refused(self, agent: Browser, wrong: dict[str, str]) -> None:
        assert (await prefer(agent, "title", **wrong)).status_code == 400
        assert heads_in(await listed(agent.client)) == USUAL


class TestOfAView:
    async def test_columns_are_the_views(self, agent: Browser, owner: asyncpg.Connection) -> None:
        key = await owner.fetchval(
            "INSERT INTO saved_views (page, owner_id, name, query, columns) VALUES ('ticket', $1, 'Mine',"
            """ '[["status", "open"]]', '["title", "status"]') RETURNING id""",
            agent.user.id,
        )
        address = f"status=open&view={key}"
        assert heads_in(await agent.client.get(f"{LIST}?{address}")) == ["Subject", "Status"]
        answer = await prefer(agent, "title", "priority", size="50", back=address)
        assert answer.headers["location"] == f"{LIST}?{address}&columns=title,priority"
        page = await agent.client.get(answer.headers["location"])
        assert heads_in(page) == ["Subject", "Priority"]
        assert "Changed" in main_of(page)
        # One's own columns elsewhere stay; how many rows is the reader's.
        everywhere = await listed(agent.client)
        assert heads_in(everywhere) == USUAL
        assert "1–50 of 60" in main_of(everywhere)


class TestExport:
    async def test_has_the_columns_that_are_shown(
        self, browser_of: OpenBrowser, factory: SessionFactory
    ) -> None:
        await make_tickets(factory, {"title": "Printer"})
        supervisor = await browser_of("Supervisors")
        await prefer(supervisor, "title", "is_overdue")
        page = await listed(supervisor.client)
        (address,) = [url for url in links_in(page) if "/export/csv" in url]
        text = (await supervisor.client.get(address)).text.lstrip("\ufeff")
        assert next(csv.reader(io.StringIO(text))) == ["Subject", "Overdue"]


class TestCost:
    async def test_what_is_not_shown_is_not_read(self, app: Starlette, agent: Browser) -> None:
        await prefer(agent, "title", "status")
        with statements_of(app) as sent:
            await listed(agent.client)
        # The person (with the transaction's context), the page; no tags, nobody else.
        assert len(sent) == 2, "\n".join(sent)
        for unread in ("tags", "tickets.priority", "tickets.description", "assignee"):
            assert not [statement for statement in sent[1:] if unread in statement], unread


class TestEveryColumn:
    async def test_can_be_shown_of_every_page(self, desk: Desk) -> None:
        await make_records(desk)
        administrator = await desk.visitor("administrator")
        for view in desk.app.state.site.declared:
            names = [*view.get_list_columns(), *view.more_columns]
            page = await administrator.get(f"/admin/{view.identity}/list?columns={','.join(names)}")
            assert page.status_code == 200, view.identity
            assert sorted(heads_in(page)) == sorted(map(view.label, names)), view.identity

    @pytest.mark.parametrize("name", ["nothing", "password_hash"])
    def test_is_one_that_there_is_and_no_secret(self, name: str) -> None:
        class Wrong(View, model=User):
            can_create = can_edit = False
            more_columns = [name]

        with pytest.raises(ConfigurationError, match=f"more_columns may hold .* not “{name}”"):
            Wrong()

    def test_is_offered_once(self) -> None:
        for view in VIEWS:
            assert not set(view.more_columns) & set(view.column_list)
