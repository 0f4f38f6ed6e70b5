"""The palette: what is found by a few letters, by whom, and as what."""

from typing import Any

import asyncpg
import pytest
from starlette.applications import Starlette

from backoffice.database import SessionFactory, transaction
from tests.admin.conftest import Browser, OpenBrowser, statements_of
from tests.admin.lists import links_in, main_of, make_tickets
from tests.factories import arranging, make_group, make_staff, make_tag, make_user

URL = "/admin/palette"


@pytest.fixture
async def agent(browser_of: OpenBrowser) -> Browser:
    return await browser_of("Agents", full_name="Ada Agent")


async def found(browser: Browser, term: str) -> dict[str, list[dict[str, Any]]]:
    """The items by their group."""
    answer = await browser.client.get(URL, params={"q": term}, headers={"Accept": "application/json"})
    assert answer.status_code == 200
    return {group["label"]: group["items"] for group in answer.json()["groups"]}


class TestRecords:
    async def test_tickets_by_number_and_words(self, agent: Browser, factory: SessionFactory) -> None:
        keys = await make_tickets(
            factory, *({"title": "The heron", "ticket_number": f"T-00000{n}"} for n in range(1, 9))
        )
        tickets = (await found(agent, "hero"))["Tickets"]
        assert [ticket["label"] for ticket in tickets] == [f"T-00000{n} The heron" for n in range(8, 2, -1)]
        for term in ("T-000002", "2"):
            first = (await found(agent, term))["Tickets"][0]
            assert first["url"] == f"/admin/ticket/details/{keys[1]}"
            assert (first["detail"], first["icon"]) == ("Open", "ti ti-ticket")

    async def test_people_and_tags(self, agent: Browser, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            await make_staff(session, full_name="Anna Heron")
            heron = await make_user(session, full_name="Zoe", email="heron@example.com")
            tag = await make_tag(session, name="Heronry", description="Birds")
        people = (await found(agent, "heron@example.com"))["Users"]
        assert [(one["label"], one["detail"]) for one in people] == [("Zoe", "heron@example.com")]
        groups = await found(agent, "heron")
        assert [one["url"] for one in groups["Users"]][1] == f"/admin/user/details/{heron.id}"
        assert [(one["url"], one["detail"]) for one in groups["Tags"]] == [
            (f"/admin/tag/details/{tag.id}", "Birds")
        ]

    async def test_nothing_of_the_trash(
        self, agent: Browser, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        await make_tickets(factory, {"title": "heron"})
        await owner.execute("UPDATE tickets SET deleted_at = now()")
        assert "Tickets" not in await found(agent, "heron")

    async def test_what_one_may_see_alone(self, browser_of: OpenBrowser, factory: SessionFactory) -> None:
        grants = [("ticket", "list"), ("user", "list"), ("user", "details")]
        async with transaction(factory, arranging()) as session:
            await make_group(session, name="Counters", grants=grants)
            await make_tag(session, name="heron")
        await make_tickets(factory, {"title": "heron"})
        counter = await browser_of("Counters", full_name="Heron Counter")
        assert list(await found(counter, "heron")) == ["Users"]
        assert await found(await browser_of(None), "heron") == {}


class TestPages:
    async def test_are_those_of_the_sidebar_and_what_can_be_made(
        self, agent: Browser, browser_of: OpenBrowser
    ) -> None:
        labels = [page["label"] for page in (await found(agent, ""))["Pages"]]
        assert labels[:3] == ["Home", "Tickets", "Comments"]
        assert {"New ticket", "Account and appearance"} <= set(labels)
        assert {"Groups", "Audit log", "New group"}.isdisjoint(labels)
        (page,) = (await found(await browser_of("Auditors"), "LOG au"))["Pages"]
        assert (page["url"], page["detail"]) == ("/admin/audit-log/list", "History")


class TestAnswer:
    async def test_a_page_without_scripts(self, agent: Browser, factory: SessionFactory) -> None:
        (key,) = await make_tickets(factory, {"title": "<b>heron</b>"})
        response = await agent.client.get(URL, params={"q": "heron"})
        assert f"/admin/ticket/details/{key}" in links_in(response)
        assert 'value="heron"' in response.text
        assert "<b>" not in response.text
        assert "Nothing matches" in main_of(await agent.client.get(URL, params={"q": "zzzz"}))

    async def test_a_sentence_for_too_much(self, agent: Browser) -> None:
        for headers in ({}, {"Accept": "application/json"}):
            response = await agent.client.get(URL, params={"q": "x" * 201}, headers=headers)
            assert response.status_code == 400
            assert "Type at most 200 characters." in response.text

    async def test_strangers_sign_in_first(self, app: Starlette, agent: Browser) -> None:
        agent.client.cookies.clear()
        response = await agent.client.get(URL, params={"q": "a"}, headers={"Accept": "application/json"})
        assert response.status_code == 401

    async def test_takes_a_statement_a_kind_of_record(self, app: Starlette, agent: Browser) -> None:
        with statements_of(app) as nothing:
            await found(agent, "")
        with statements_of(app) as sent:
            await found(agent, "heron")
        assert len(sent) == len(nothing) + 3
        assert not any("tickets.description" in statement.partition("FROM")[0] for statement in sent)
