"""Kinds of filters beyond those that a list of tickets shows: periods, amounts, presence, one choice."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from backoffice.admin.filters.dates import Preset
from backoffice.admin.formats import zone
from backoffice.database import SessionFactory, transaction
from tests.admin.conftest import Browser, OpenBrowser, statements_of
from tests.admin.lists import keys_in, links_in, listed, main_of, make_tickets
from tests.factories import arranging, make_attachment, make_tag, make_ticket, make_user

AUCKLAND = "Pacific/Auckland"


@pytest.fixture
async def agent(browser_of: OpenBrowser) -> Browser:
    return await browser_of("Agents", time_zone=AUCKLAND)


class TestPresets:
    @pytest.mark.parametrize(
        ("preset", "first", "last"),
        [
            ("today", "2028-02-29", "2028-02-29"),
            ("yesterday", "2028-02-28", "2028-02-28"),
            ("this-week", "2028-02-28", "2028-03-05"),
            ("last-7-days", "2028-02-23", "2028-02-29"),
            ("last-30-days", "2028-01-31", "2028-02-29"),
            ("this-month", "2028-02-01", "2028-02-29"),
        ],
    )
    def test_their_days(self, preset: str, first: str, last: str) -> None:
        leap_day = date(2028, 2, 29)
        assert Preset(preset).days(leap_day) == (date.fromisoformat(first), date.fromisoformat(last))

    async def test_today_is_the_viewers(self, agent: Browser, factory: SessionFactory) -> None:
        midnight = datetime.now(zone(AUCKLAND)).replace(hour=0, minute=0, second=0, microsecond=0)
        before = midnight - timedelta(seconds=1)
        today, yesterday = await make_tickets(factory, {"created_at": midnight}, {"created_at": before})
        response = await listed(agent.client, created_at="today")
        assert keys_in(response) == [today]
        assert "Created: today" in main_of(response)
        assert keys_in(await listed(agent.client, created_at="yesterday")) == [yesterday]
        assert keys_in(await listed(agent.client, created_at="last-7-days")) == [today, yesterday]

    async def test_nonsense(self, agent: Browser, factory: SessionFactory) -> None:
        await make_tickets(factory, {})
        queries: list[dict[str, Any]] = [
            {"created_at": "tomorrow"},
            {"created_at": "empty"},
            {"created_at": "today", "created_at_from": "2026-01-01"},
        ]
        for query in queries:
            response = await listed(agent.client, **query)
            assert response.status_code == 400, query
            assert keys_in(response) == []
            assert "Created: " in main_of(response)


class TestDaysInConditions:
    async def test_where_each_begins_and_ends(self, agent: Browser, factory: SessionFactory) -> None:
        noons = [datetime(2026, 5, day, 12, tzinfo=zone(AUCKLAND)) for day in (30, 31)]
        noons.append(datetime(2026, 6, 1, 12, tzinfo=zone(AUCKLAND)))
        before, on, after = await make_tickets(factory, *({"created_at": noon} for noon in noons))
        for asked, found in {
            "before:2026-05-31": {before},
            "on:2026-05-31": {on},
            "2026-05-31": {on},
            "after:2026-05-31": {after},
            "between:2026-05-30|2026-05-31": {before, on},
        }.items():
            assert set(keys_in(await listed(agent.client, where=f"created_at:{asked}"))) == found, asked


class TestPresence:
    async def test_of_a_moment(self, agent: Browser, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            never = await make_user(session)
            once = await make_user(session, last_login=datetime(2026, 1, 1, tzinfo=UTC))
        response = await listed(agent.client, "user", last_login="empty")
        assert keys_in(response, "user") == [never.id]
        assert "Last sign-in: empty" in main_of(response)
        assert once.id in keys_in(await listed(agent.client, "user", last_login="not-empty"), "user")

    async def test_of_a_record(self, agent: Browser, factory: SessionFactory) -> None:
        mine, nobodys = await make_tickets(factory, {"assignee_id": agent.user.id}, {})
        assert keys_in(await listed(agent.client, assignee="not-empty")) == [mine]
        assert keys_in(await listed(agent.client, assignee="empty")) == [nobodys]

    async def test_of_several(self, agent: Browser, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            tagged = await make_ticket(session, tags=[await make_tag(session)])
            bare = await make_ticket(session, tags=[])
        response = await listed(agent.client, tags="empty")
        assert keys_in(response) == [bare.id]
        assert "Tag: empty" in main_of(response)
        assert keys_in(await listed(agent.client, tags="not-empty")) == [tagged.id]
        assert (await listed(agent.client, tags="empty,7")).status_code == 400

    async def test_what_every_row_has_is_never_empty(self, agent: Browser) -> None:
        for query in ({"status": "empty"}, {"creator": "empty"}, {"created_at": "not-empty"}):
            assert (await listed(agent.client, **query)).status_code == 400, query


class TestNumbers:
    async def _files(self, factory: SessionFactory, *sizes: int) -> list[int]:
        async with transaction(factory, arranging()) as session:
            ticket = await make_ticket(session)
            return [
                (await make_attachment(session, ticket=ticket, size_bytes=size * 1024)).id for size in sizes
            ]

    async def test_either_end_may_be_open(self, agent: Browser, factory: SessionFactory) -> None:
        small, middle, large = await self._files(factory, 10, 20, 30)
        response = await listed(agent.client, "attachment", size_bytes_from=20)
        assert set(keys_in(response, "attachment")) == {middle, large}
        assert "Size: at least 20 KB" in main_of(response)
        response = await listed(agent.client, "attachment", size_bytes_from=10, size_bytes_to=20)
        assert set(keys_in(response, "attachment")) == {small, middle}
        assert "Size: 10 to 20 KB" in main_of(response)
        assert "/admin/attachment/list" in links_in(response)

    async def test_nonsense(self, agent: Browser, factory: SessionFactory) -> None:
        await self._files(factory, 1)
        queries: list[dict[str, Any]] = [
            {"size_bytes_from": "many"},
            {"size_bytes_to": "9" * 19},
            {"size_bytes_to": 2**63 - 1},
            {"size_bytes_from": 2, "size_bytes_to": 1},
            {"size_bytes": 5},
        ]
        for query in queries:
            response = await listed(agent.client, "attachment", **query)
            assert response.status_code == 400, query
            assert keys_in(response, "attachment") == []
            assert "Size: " in main_of(response)


class TestOneChoice:
    async def test_takes_one(self, browser_of: OpenBrowser) -> None:
        auditor = await browser_of("Auditors")
        response = await listed(auditor.client, "removal", kind="erasure")
        assert response.status_code == 200
        assert '<option value="erasure" selected>Erasure</option>' in response.text
        response = await listed(auditor.client, "removal", kind="erasure,retention")
        assert response.status_code == 400
        assert "What: choose one." in main_of(response)


async def test_all_names_are_read_in_one_query_a_table(
    agent: Browser, app: Any, factory: SessionFactory
) -> None:
    await make_tickets(factory, {"assignee_id": agent.user.id})
    where = f"any(assignee:{agent.user.id},creator:1|2,tags:1|2|3)"
    with statements_of(app) as sent:
        await listed(agent.client, assignee=agent.user.id, creator=1, where=where)
    assert len([one for one in sent if "FROM users" in one and "users.id IN" in one]) == 1
