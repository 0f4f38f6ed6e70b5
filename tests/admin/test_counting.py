"""How many rows a list says that it has, where it does not count them all."""

import asyncpg
import pytest

from backoffice.admin.counting import FREQUENT_CAP, LOOKED_THROUGH, Count
from backoffice.database import SessionFactory, transaction
from tests.admin.conftest import Browser, OpenBrowser
from tests.admin.lists import keys_in, links_in, listed, main_of, step_in
from tests.factories import arranging, make_tag

MORE = LOOKED_THROUGH + 500
MANY = """
INSERT INTO tickets (title, description, creator_id, assignee_id, created_at)
SELECT 'One of many', 'Alike.', $1, $1, now() - make_interval(secs => n) FROM generate_series(1, $2::int) n
"""
TAGGED = """
INSERT INTO ticket_tags (ticket_id, tag_id)
SELECT id, $1 FROM tickets ORDER BY created_at DESC OFFSET $2 LIMIT $3
"""


@pytest.fixture
async def agent(browser_of: OpenBrowser) -> Browser:
    return await browser_of("Agents")


@pytest.fixture
async def common(agent: Browser, factory: SessionFactory, owner: asyncpg.Connection) -> int:
    """A tag that many tickets have, all of one person."""
    async with transaction(factory, arranging()) as session:
        tag = (await make_tag(session, name="common")).id
    await owner.execute(MANY, agent.user.id, MORE)
    await owner.execute(TAGGED, tag, 0, MORE)
    return tag


@pytest.fixture
async def rare(common: int, factory: SessionFactory, owner: asyncpg.Connection) -> int:
    """A tag that the oldest 40 of these have as well."""
    async with transaction(factory, arranging()) as session:
        tag = (await make_tag(session, name="rare")).id
    await owner.execute(TAGGED, tag, MORE - 40, 40)
    return tag


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0"), (999, "999"), (1_000, "1,000"), (1_001, "1,000+"), (-1, "0+"), (-8, "7+"), (-413, "400+")],
)
def test_in_words(number: int, words: str) -> None:
    assert str(Count.read(number, 1_000)) == words


def test_not_less_than_what_is_shown() -> None:
    assert str(Count.read(-1, 1_000).reaching(25)) == "25+"
    assert str(Count.read(-413, 1_000).reaching(25)) == "400+"


class TestOfTwoConditions:
    async def test_many_of_both_are_not_all_looked_through(self, agent: Browser, common: int) -> None:
        query = {"assignee": agent.user.id, "tags": common}
        assert "1–25 of 2,000+" in main_of(await listed(agent.client, **query))
        assert f"1–25 of {MORE:,}" in main_of(await listed(agent.client, tags=common))
        assert f"1–25 of {MORE:,}" in main_of(await listed(agent.client, assignee=agent.user.id))

    async def test_few_of_either_are_counted(self, agent: Browser, common: int, rare: int) -> None:
        mine = await listed(agent.client, assignee=agent.user.id, tags=rare)
        assert "1–25 of 40" in main_of(mine)
        assert "1–25 of 40" in main_of(await listed(agent.client, tags=f"{common},{rare}"))
        nobodys = await listed(agent.client, assignee="nobody", tags=common)
        assert keys_in(nobodys) == []

    async def test_what_was_shown_is_known(self, agent: Browser, common: int) -> None:
        query = {"assignee": agent.user.id, "tags": common}
        assert "2,026–2,050 of 2,050+" in main_of(await listed(agent.client, page=82, **query))
        page = await listed(agent.client, page=100, **query)
        assert "2,476–2,500 of 2,500" in main_of(page)
        assert step_in(page, "next") == ""

    async def test_from_the_end(self, agent: Browser, common: int) -> None:
        query = {"assignee": agent.user.id, "tags": common}
        first = await listed(agent.client, **query)
        assert f"/admin/ticket/list?assignee={agent.user.id}&tags={common}&page=last" in links_in(first)
        last = await listed(agent.client, page="last", **query)
        assert "The last 25 of 2,000+" in main_of(last)
        assert keys_in(last) == keys_in(await listed(agent.client, page=100, **query))


class TestOfFrequentWords:
    async def test_they_are_counted_less_far(self, agent: Browser, owner: asyncpg.Connection) -> None:
        await owner.execute(MANY, agent.user.id, FREQUENT_CAP + 1)
        assert "1–25 of 1,000+" in main_of(await listed(agent.client, search="many"))
        assert "1–25 of 1,001" in main_of(await listed(agent.client, assignee=agent.user.id))
        await owner.execute("DELETE FROM tickets WHERE id = (SELECT min(id) FROM tickets)")
        assert "1–25 of 1,000 " in main_of(await listed(agent.client, search="many"))
