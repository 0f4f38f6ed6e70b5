"""Lists of a search: the best first, every row once, and what was looked for marked where it is."""

import asyncpg
import pytest
from starlette.applications import Starlette

from backoffice.database import SessionFactory, transaction
from tests.admin.conftest import Browser, OpenBrowser, statements_of
from tests.admin.lists import keys_in, links_in, listed, main_of, make_tickets, step_in
from tests.factories import arranging, make_comment, make_group, make_ticket, make_user

#: More than are ranked, each with the number 7; the first of all has it in its number alone, and the best
#: match comes right after the last that is ranked.
MANY = (
    "INSERT INTO tickets (title, description, creator_id, ticket_number, created_at)"
    " SELECT CASE WHEN n = 61 THEN '7 of many' ELSE 'One of many' END,"
    " CASE WHEN n = 0 THEN '' ELSE 'Box 7' END, $1,"
    " CASE WHEN n = 0 THEN 'T-000007' ELSE 'N-' || n END, now() - make_interval(days => 9, secs => -n)"
    " FROM generate_series(0, 1060) n"
)


@pytest.fixture
async def agent(browser_of: OpenBrowser) -> Browser:
    return await browser_of("Agents")


class TestOrder:
    async def test_by_title_before_text_before_age(self, agent: Browser, factory: SessionFactory) -> None:
        in_title, in_text, newest_in_text = await make_tickets(
            factory,
            {"title": "The heron is loud", "description": "It is."},
            {"title": "Loud", "description": "It is a heron."},
            {"title": "Quiet", "description": "It is a heron."},
        )
        response = await listed(agent.client, search="heron")
        assert keys_in(response) == [in_title, newest_in_text, in_text]
        assert "Best matches first." in main_of(response)
        assert 'aria-sort="' not in response.text

    async def test_any_other_that_is_asked_for(self, agent: Browser, factory: SessionFactory) -> None:
        keys = await make_tickets(factory, {"title": "heron"}, {"description": "heron"})
        for query in ({"sortBy": "created_at", "sort": "desc"}, {"sort": "desc"}, {"page": "last"}):
            response = await listed(agent.client, search="heron", **query)
            assert "Best matches first" not in main_of(response)
            assert query == {"page": "last"} or keys_in(response) == keys[::-1]

    async def test_what_is_named_comes_first(self, agent: Browser, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            heron = await make_user(session, email="heron@example.com")
            theirs = await make_ticket(session, creator=heron, title="Help")
            spoken_of = await make_ticket(session, title="heron@example.com and heron@example.com")
            number = theirs.ticket_number
            quoting = await make_ticket(session, title=f"{number}, {number}, {number}")
        assert keys_in(await listed(agent.client, search="Heron@example.com")) == [theirs.id, spoken_of.id]
        assert keys_in(await listed(agent.client, search=number)) == [theirs.id, quoting.id]

    @pytest.mark.parametrize("size", [25, 100])
    async def test_every_row_once(self, agent: Browser, owner: asyncpg.Connection, size: int) -> None:
        await owner.execute(MANY, agent.user.id)
        address, keys = f"/admin/ticket/list?search=7&pageSize={size}", []
        while address:
            response = await agent.client.get(address)
            keys += keys_in(response)
            address = step_in(response, "next")
        named = await owner.fetchval("SELECT id FROM tickets WHERE ticket_number = 'T-000007'")
        newest = await owner.fetch("SELECT id FROM tickets WHERE id <> $1 ORDER BY created_at DESC", named)
        assert keys == [named, *(row["id"] for row in newest)]
        assert (
            step_in(response, "prev")
            == f"/admin/ticket/list?search=7&pageSize={size}&page={-(-1061 // size) - 1}"
        )

    async def test_in_the_trash_too(
        self, agent: Browser, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        keys = await make_tickets(factory, {"description": "heron"}, {"title": "heron"}, {"title": "heron"})
        await owner.execute("UPDATE tickets SET deleted_at = now() WHERE id = ANY($1)", keys[:2])
        assert keys_in(await listed(agent.client, search="heron", trash="only")) == keys[1::-1]
        assert keys_in(await listed(agent.client, search="heron")) == keys[2:]


class TestMatches:
    async def test_are_marked_and_nothing_else_is_markup(
        self, agent: Browser, factory: SessionFactory
    ) -> None:
        await make_tickets(factory, {"title": "<b>heron</b> \x03", "description": "A & <i>heron</i> \x02!"})
        page = (await listed(agent.client, search="heron")).text
        assert "&lt;b&gt;<mark>heron</mark>&lt;/b&gt;" in page
        assert '<span class="passage" dir="auto">' in page
        assert "<i>" not in page
        assert page.count("<mark>") == page.count("</mark>") == 2

    async def test_say_where_they_are(self, agent: Browser, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            ticket = await make_ticket(session)
            await make_comment(session, ticket=ticket, content="Nothing but a heron.", is_internal=True)
        assert "Comment Nothing but a heron" in main_of(await listed(agent.client, search="heron"))

    async def test_are_for_whoever_may_see_the_record(
        self, browser_of: OpenBrowser, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        async with transaction(factory, arranging()) as session:
            await make_group(session, name="Counters", grants=[("ticket", "list")])
        counter = await browser_of("Counters")
        await make_tickets(factory, {"description": "A secret heron"})
        response = await listed(counter.client, search="heron")
        assert "Best matches first" in main_of(response)
        assert "secret" not in response.text

    async def test_cost_two_statements(self, app: Starlette, agent: Browser, factory: SessionFactory) -> None:
        await make_tickets(factory, *[{"title": f"heron {number}"} for number in range(30)])
        counts = {}
        for query in ({}, {"search": "heron"}):
            with statements_of(app) as sent:
                response = await listed(agent.client, **query)
            counts[bool(query)] = len(sent)
        assert len(keys_in(response)) == 25
        assert counts[True] == counts[False] + 2


async def test_a_note_says_what_was_left_out(agent: Browser, owner: asyncpg.Connection) -> None:
    await owner.execute(MANY, agent.user.id)
    await owner.execute(
        "INSERT INTO comments (content, ticket_id, author_id) SELECT 'Box', id, $1 FROM tickets", 1
    )
    response = await listed(agent.client, search="box")
    assert "More than 1,000 comments match, and were left out" in main_of(response)
    assert "/admin/ticket/list?search=box&page=2" in links_in(response)
