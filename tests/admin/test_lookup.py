from typing import Any

import pytest
from starlette.applications import Starlette

from backoffice.database import SessionFactory, transaction
from tests.admin.conftest import Browser, OpenBrowser, statements_of
from tests.factories import arranging, make_staff, make_tag, make_ticket, make_user


@pytest.fixture
async def agent(browser_of: OpenBrowser) -> Browser:
    return await browser_of("Agents", full_name="Ana Agent")


async def found(browser: Browser, page: str = "ticket", **query: Any) -> list[str]:
    response = await browser.client.get(f"/admin/{page}/ajax/lookup", params=query)
    assert response.status_code == 200
    return [result["text"] for result in response.json()["results"]]


class TestFinding:
    async def test_by_a_term(self, agent: Browser, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            otto = await make_staff(session, full_name="Otto Other")
        response = await agent.client.get(
            "/admin/ticket/ajax/lookup", params={"name": "assignee", "term": "otto"}
        )
        assert response.json() == {"results": [{"id": str(otto.id), "text": "Otto Other"}]}

    async def test_only_what_may_be_picked(self, agent: Browser, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            await make_user(session, full_name="Otto Customer")
            await make_staff(session, full_name="Otto Left", is_active=False)
        assert await found(agent, name="assignee", term="Otto") == []
        assert len(await found(agent, name="creator", term="Otto")) == 1

    async def test_no_term_finds_the_first_twenty(self, agent: Browser, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            for number in range(30):
                await make_tag(session, name=f"t{number:02}")
        assert await found(agent, name="tags") == [f"t{number:02}" for number in range(20)]
        assert await found(agent, name="tags", term="  ") == await found(agent, name="tags")

    async def test_wildcards_are_letters(self, agent: Browser, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            await make_tag(session, name="plain")
            await make_tag(session, name="100%")
        assert await found(agent, name="tags", term="%") == ["100%"]
        assert await found(agent, name="tags", term="_") == []

    async def test_nothing_in_the_trash(self, agent: Browser, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            live = await make_ticket(session)
            gone = await make_ticket(session)
            gone.deleted_at = gone.created_at
        assert await found(agent, "comment", name="ticket", term="jams") == [str(live)]

    async def test_what_only_a_filter_offers(self, browser_of: OpenBrowser) -> None:
        auditor = await browser_of("Auditors", full_name="Audra")
        assert any("Audra" in text for text in await found(auditor, "audit-log", name="user", term="audra"))

    async def test_in_one_statement(self, app: Starlette, agent: Browser, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            for _ in range(20):
                await make_ticket(session)
        with statements_of(app) as sent:
            assert len(await found(agent, "comment", name="ticket")) == 20
        # The person (with the transaction's context), the answer.
        assert len(sent) == 2
        assert "tickets.description" not in sent[-1]


class TestRefusals:
    async def refused(self, browser: Browser, page: str = "ticket", **query: Any) -> tuple[int, str]:
        response = await browser.client.get(f"/admin/{page}/ajax/lookup", params=query)
        return response.status_code, response.json()["error"]

    async def test_without_any_grant(self, browser_of: OpenBrowser) -> None:
        nobody = await browser_of(None)
        assert (await self.refused(nobody, name="assignee"))[0] == 403

    async def test_a_name_that_offers_nothing(self, agent: Browser) -> None:
        for name in ("", "password_hash", "comments", "x" * 5000):
            assert (await self.refused(agent, name=name))[0] == 404

    async def test_a_term_that_nobody_types(self, agent: Browser) -> None:
        status, sentence = await self.refused(agent, name="assignee", term="a" * 201)
        assert (status, sentence) == (400, "Type at most 200 characters.")

    async def test_a_nul(self, agent: Browser) -> None:
        response = await agent.client.get(
            "/admin/ticket/ajax/lookup?name=tags&term=%00", headers={"accept": "application/json"}
        )
        assert response.status_code == 400
        assert response.json()["error"]

    async def test_somebody_who_is_not_signed_in(self, agent: Browser) -> None:
        agent.client.cookies.clear()
        response = await agent.client.get(
            "/admin/ticket/ajax/lookup?name=tags", headers={"accept": "application/json"}
        )
        assert response.status_code == 401
