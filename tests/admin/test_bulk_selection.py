"""What a bulk verb is asked to change: ticked rows, all that match, and what makes no sense."""

from typing import Any

import pytest

from backoffice.database import transaction
from models import TicketStatus
from tests.admin.desk import Desk, Visitor, hidden_in
from tests.admin.lists import main_of
from tests.admin.page_forms import form_in
from tests.factories import arranging, make_ticket, make_user

BULK = "/admin/ticket/bulk/"


@pytest.fixture
async def supervisor(desk: Desk) -> Visitor:
    visitor = await desk.visitor("supervisor")
    await visitor.token()
    return visitor


async def make_tickets(desk: Desk, *rows: dict[str, Any]) -> list[int]:
    async with transaction(desk.factory, arranging()) as session:
        customer = await make_user(session)
        tickets = [await make_ticket(session, creator_id=customer.id, **row) for row in rows]
    return [ticket.id for ticket in tickets]


async def priorities(desk: Desk, keys: list[int]) -> list[str]:
    rows = await desk.owner.fetch("SELECT priority::text FROM tickets WHERE id = ANY($1) ORDER BY id", keys)
    return [row[0] for row in rows]


class TestAllThatMatch:
    async def test_search_and_filters_say_which(self, desk: Desk, supervisor: Visitor) -> None:
        keys = await make_tickets(
            desk,
            {"title": "Walrus one"},
            {"title": "Walrus two", "status": TicketStatus.CLOSED},
            {"title": "Heron three"},
        )
        url = f"{BULK}set-priority?search=walrus&status=open&page=7&sortBy=created_at&sort=asc"
        asked = await supervisor.post(url, {"scope": "all", "priority": "urgent", "pks": [str(keys[2])]})
        page = main_of(asked)
        assert "all tickets that match “walrus” (Status: Open)" in page
        assert "1 will change" in page
        answer = await form_in(supervisor.client, asked).send()
        assert answer.status_code == 303
        assert await priorities(desk, keys) == ["urgent", "medium", "medium"]
        operation = await desk.newest_operation()
        assert operation["selection"] == "all tickets that match “walrus” (Status: Open)"

    @pytest.mark.parametrize("verb", ["restore", "set-priority"])
    async def test_the_live_list_never_means_the_trash(
        self, desk: Desk, supervisor: Visitor, verb: str
    ) -> None:
        keys = await make_tickets(desk, {"title": f"Otter {verb}"}, {"title": f"Otter {verb}"})
        await desk.owner.execute("UPDATE tickets SET deleted_at = now() WHERE id = $1", keys[0])
        form = {"scope": "all", "priority": "urgent", "confirm": "1"}
        answer = await supervisor.post(f"{BULK}{verb}?search=otter+{verb}", form)
        assert answer.status_code == 303
        trashed = await desk.owner.fetchrow("SELECT deleted_at, priority FROM tickets WHERE id = $1", keys[0])
        assert trashed is not None
        assert trashed["deleted_at"] is not None
        assert trashed["priority"] == "medium"

    async def test_deleting_forever_needs_the_trash(self, desk: Desk) -> None:
        administrator = await desk.visitor("administrator")
        keys = await make_tickets(desk, {"title": "Badger live"}, {"title": "Badger trashed"})
        await desk.owner.execute("UPDATE tickets SET deleted_at = now() WHERE id = $1", keys[1])
        form = {"scope": "all", "confirm": "1", "word": "DELETE"}
        await administrator.post(f"{BULK}purge?search=badger", form)
        assert await desk.owner.fetchval("SELECT count(*) FROM tickets WHERE id = ANY($1)", keys) == 2
        await administrator.post(f"{BULK}purge?search=badger&trash=only", form)
        left = await desk.owner.fetch("SELECT id FROM tickets WHERE id = ANY($1)", keys)
        assert [row["id"] for row in left] == keys[:1]

    async def test_the_trash_never_means_live_rows(self, desk: Desk, supervisor: Visitor) -> None:
        keys = await make_tickets(desk, {"title": "Ibis live"}, {"title": "Ibis trashed"})
        await desk.owner.execute("UPDATE tickets SET deleted_at = now() WHERE id = $1", keys[1])
        asked = await supervisor.post(f"{BULK}restore?search=ibis&trash=only", {"scope": "all"})
        assert "all tickets in the trash that match “ibis”" in main_of(asked)
        assert "1 will change What changes" in main_of(asked)

    @pytest.mark.parametrize(
        "query", ["status=nonsense", "trash=maybe", "created_at_from=yesterday", "assignee=x", "tags=x"]
    )
    async def test_a_filter_that_makes_no_sense_selects_nothing(
        self, desk: Desk, supervisor: Visitor, query: str
    ) -> None:
        before = await desk.watermark()
        form = {"scope": "all", "priority": "urgent", "confirm": "1"}
        answer = await supervisor.post(f"{BULK}set-priority?{query}", form)
        assert answer.status_code == 400
        assert await desk.watermark() == before

    async def test_another_scope_is_none(self, desk: Desk, supervisor: Visitor) -> None:
        before = await desk.watermark()
        form = {"scope": "everything", "priority": "urgent", "confirm": "1"}
        answer = await supervisor.post(f"{BULK}set-priority", form)
        assert answer.status_code == 400
        assert "Nothing is ticked" in answer.text
        assert await desk.watermark() == before


class TestTicked:
    async def test_no_more_than_those(self, desk: Desk, supervisor: Visitor) -> None:
        """Nothing of an earlier question, and no key cut in two at a comma, is done along."""
        keys = await make_tickets(desk, {}, {}, {})
        await supervisor.post(f"{BULK}set-priority", {"pks": list(map(str, keys)), "priority": "urgent"})
        asked = await supervisor.post(f"{BULK}set-priority", {"pks": str(keys[0]), "priority": "urgent"})
        assert hidden_in(asked.text)["pks"] == [str(keys[0])]
        assert (await form_in(supervisor.client, asked).send()).status_code == 303
        assert await priorities(desk, keys) == ["urgent", "medium", "medium"]
        both = {"pks": f"{keys[1]},{keys[2]}", "priority": "urgent", "confirm": "1"}
        assert (await supervisor.post(f"{BULK}set-priority", both)).status_code == 400
        assert await priorities(desk, keys) == ["urgent", "medium", "medium"]

    async def test_twice_is_once(self, desk: Desk, supervisor: Visitor) -> None:
        (key,) = await make_tickets(desk, {})
        asked = await supervisor.post(f"{BULK}set-priority", {"pks": [str(key)] * 3, "priority": "urgent"})
        assert "1 ticked ticket " in main_of(asked)
        assert "1 will change" in main_of(asked)

    async def test_more_than_a_page_ever_shows(self, desk: Desk, supervisor: Visitor) -> None:
        (key,) = await make_tickets(desk, {})
        pks = [str(number) for number in range(key, key + 5_001)]
        asked = await supervisor.post(f"{BULK}set-priority", {"pks": pks, "priority": "urgent"})
        assert "5,001 ticked tickets " in main_of(asked)
        assert (await form_in(supervisor.client, asked).send()).status_code == 303
        assert await priorities(desk, [key]) == ["urgent"]

    @pytest.mark.parametrize("key", ["999999999999", "0", "9223372036854775807"])
    async def test_a_row_that_is_not_there(self, desk: Desk, supervisor: Visitor, key: str) -> None:
        asked = await supervisor.post(f"{BULK}set-priority", {"pks": key, "priority": "urgent"})
        assert "0 will change" in main_of(asked)
        before = await desk.watermark()
        form = {"pks": key, "priority": "urgent", "confirm": "1"}
        assert (await supervisor.post(f"{BULK}set-priority", form)).status_code == 303
        assert await desk.watermark() == before

    @pytest.mark.parametrize(
        "pks",
        [
            [],
            [""],
            ["abc"],
            ["-1"],
            ["1.0"],
            ["1e3"],
            ["\x00"],
            ["1\x00"],
            ["1", "\x00", "1"],
            ["99999999999999999999"],
            ["9223372036854775808"],
            ["١"],
            ["1 OR 1=1"],
            ["all"],
            ["1"] * 20_001,
        ],
        ids=lambda pks: repr(pks)[:30],
    )
    async def test_a_key_that_no_row_can_have(self, desk: Desk, supervisor: Visitor, pks: list[str]) -> None:
        before = await desk.watermark()
        form = {"pks": pks, "priority": "urgent", "confirm": "1"}
        answer = await supervisor.post(f"{BULK}set-priority", form)
        assert answer.status_code == 400
        assert "<main" in answer.text
        assert await desk.watermark() == before


class TestFields:
    @pytest.mark.parametrize(
        ("verb", "fields"),
        [
            ("set-status", {"status": "nonsense"}),
            ("set-status", {"status": "OPEN"}),
            ("set-status", {"status": ""}),
            ("set-priority", {"priority": "5"}),
            ("assign", {"assignee": "abc"}),
            ("assign", {"assignee": "999999999"}),
            ("assign", {"assignee": "99999999999999999999"}),
            ("add-tags", {"tags": ""}),
            ("add-tags", {"tags": "999999999"}),
            ("add-tags", {"tags": ["1", "abc"]}),
            ("set-priority", {"priority": "low", "reason": "x" * 501}),
        ],
    )
    async def test_garbage(self, desk: Desk, supervisor: Visitor, verb: str, fields: dict[str, Any]) -> None:
        keys = await make_tickets(desk, {})
        before = await desk.watermark()
        for confirm in ({}, {"confirm": "1"}):
            form = {"pks": str(keys[0]), **fields, **confirm}
            answer = await supervisor.post(f"{BULK}{verb}", form)
            assert answer.status_code == 400
            assert "-error" in answer.text
        assert await desk.watermark() == before

    @pytest.mark.parametrize("state", [{"is_active": False}, {"is_staff": False}])
    async def test_an_assignee_who_cannot_be_one(
        self, desk: Desk, supervisor: Visitor, state: dict[str, bool]
    ) -> None:
        keys = await make_tickets(desk, {})
        person = await desk.make_member(None, **state)
        before = await desk.watermark()
        form = {"pks": str(keys[0]), "assignee": str(person.id), "confirm": "1"}
        answer = await supervisor.post(f"{BULK}assign", form)
        assert answer.status_code == 400
        assert await desk.watermark() == before

    async def test_missing_ones_are_asked_for(self, desk: Desk, supervisor: Visitor) -> None:
        keys = await make_tickets(desk, {})
        before = await desk.watermark()
        asked = await supervisor.post(f"{BULK}set-priority", {"pks": str(keys[0]), "confirm": "1"})
        assert asked.status_code == 200
        assert "will change" not in main_of(asked)
        assert "confirm" not in hidden_in(asked.text)
        assert await desk.watermark() == before
        chosen = await form_in(supervisor.client, asked).send(priority="urgent")
        assert "1 will change" in main_of(chosen)


@pytest.mark.parametrize("verb", ["nonsense", "delete", "TRASH", ".."])
async def test_a_verb_that_there_is_not(desk: Desk, supervisor: Visitor, verb: str) -> None:
    answer = await supervisor.post(f"{BULK}{verb}", {"pks": "1"})
    assert answer.status_code == 404
