"""All that match, frozen when they were counted: what came since is not touched, what left is not either."""

import pytest

from backoffice.database import transaction
from models import TicketStatus
from tests.admin.desk import Desk, Visitor, hidden_in
from tests.admin.lists import main_of
from tests.admin.page_forms import form_in
from tests.factories import arranging, make_ticket, make_user

NOBODYS = "9b7c1d52-5f0e-4c55-9d0a-2f3c8a4f1e77"
URL = "/admin/ticket/bulk/set-priority?search=heron"
ALL = {"scope": "all", "priority": "urgent"}


@pytest.fixture
async def supervisor(desk: Desk) -> Visitor:
    visitor = await desk.newcomer("supervisor")
    await visitor.token()
    return visitor


async def herons(desk: Desk, count: int, **fields: object) -> list[int]:
    async with transaction(desk.factory, arranging()) as session:
        customer = await make_user(session)
        made = [
            await make_ticket(session, title="Heron", creator_id=customer.id, **fields) for _ in range(count)
        ]
    return [ticket.id for ticket in made]


async def priorities(desk: Desk, keys: list[int]) -> list[str]:
    rows = await desk.owner.fetch("SELECT priority::text FROM tickets WHERE id = ANY($1) ORDER BY id", keys)
    return [row[0] for row in rows]


@pytest.fixture
async def keys(desk: Desk) -> list[int]:
    await desk.owner.execute("UPDATE tickets SET title = 'Seen' WHERE title = 'Heron'")
    return await herons(desk, 3)


class TestConfirmed:
    async def test_leaves_alone_what_came_since(
        self, desk: Desk, supervisor: Visitor, keys: list[int]
    ) -> None:
        asked = await supervisor.post(URL, ALL)
        assert "3 will change" in main_of(asked)
        (newer,) = await herons(desk, 1)
        assert (await form_in(supervisor.client, asked).send()).status_code == 303
        assert await priorities(desk, [*keys, newer]) == ["urgent"] * 3 + ["medium"]

    async def test_changes_what_no_longer_matches(
        self, desk: Desk, supervisor: Visitor, keys: list[int]
    ) -> None:
        asked = await supervisor.post(URL, ALL)
        await desk.owner.execute("UPDATE tickets SET title = 'Ibis' WHERE id = $1", keys[0])
        assert (await form_in(supervisor.client, asked).send()).status_code == 303
        assert await priorities(desk, keys) == ["urgent"] * 3

    async def test_says_what_is_so_by_then_and_what_is_refused(
        self, desk: Desk, supervisor: Visitor, keys: list[int]
    ) -> None:
        asked = await supervisor.post(URL, ALL)
        await desk.owner.execute("UPDATE tickets SET priority = 'urgent' WHERE id = $1", keys[0])
        await desk.owner.execute("UPDATE tickets SET deleted_at = now() WHERE id = $1", keys[1])
        await form_in(supervisor.client, asked).send()
        page = main_of(await supervisor.get("/admin/ticket/list"))
        assert "1 ticket given a new priority. 1 already so. 1 refused: in the trash." in page

    async def test_carries_no_list_of_keys(self, desk: Desk, supervisor: Visitor, keys: list[int]) -> None:
        asked = await supervisor.post(URL, ALL)
        assert sorted(set(hidden_in(asked.text))) == [
            "confirm",
            "csrf_token",
            "previewed",
            "scope",
            "selection",
        ]

    async def test_counted_again_is_all_that_match_by_then(
        self, desk: Desk, supervisor: Visitor, keys: list[int]
    ) -> None:
        asked = await supervisor.post(URL, ALL)
        await herons(desk, 1)
        again = await form_in(supervisor.client, asked).send(confirm="")
        assert "4 will change" in main_of(again)

    async def test_with_something_wrong_still_means_the_same(
        self, desk: Desk, supervisor: Visitor, keys: list[int]
    ) -> None:
        administrator = await desk.newcomer("administrator")
        await administrator.token()
        await desk.owner.execute("UPDATE tickets SET deleted_at = now() WHERE id = ANY($1)", keys)
        url = "/admin/ticket/bulk/purge?search=heron&trash=only"
        asked = await administrator.post(url, {"scope": "all"})
        (newer,) = await herons(desk, 1)
        await desk.owner.execute("UPDATE tickets SET deleted_at = now() WHERE id = $1", newer)
        mistyped = await form_in(administrator.client, asked).send(word="delete")
        assert mistyped.status_code == 400
        assert "3 will be gone" in main_of(mistyped)
        assert (await form_in(administrator.client, mistyped).send(word="DELETE")).status_code == 303
        assert await desk.owner.fetchval("SELECT array_agg(id) FROM tickets WHERE title = 'Heron'") == [newer]


class TestButForSome:
    async def test_leaves_those_alone(self, desk: Desk, supervisor: Visitor, keys: list[int]) -> None:
        asked = await supervisor.post(URL, {**ALL, "except": [str(keys[1])]})
        assert "all tickets that match “heron”, but for 1 of them" in main_of(asked)
        assert "2 will change" in main_of(asked)
        assert (await form_in(supervisor.client, asked).send()).status_code == 303
        assert await priorities(desk, keys) == ["urgent", "medium", "urgent"]

    async def test_also_when_counted_again(self, desk: Desk, supervisor: Visitor, keys: list[int]) -> None:
        asked = await supervisor.post(URL, {**ALL, "except": [str(keys[1])]})
        again = await form_in(supervisor.client, asked).send(confirm="")
        assert "2 will change" in main_of(again)

    async def test_of_a_key_that_makes_no_sense(self, desk: Desk, supervisor: Visitor) -> None:
        assert (await supervisor.post(URL, {**ALL, "except": ["x"]})).status_code == 400


class TestSelection:
    async def selection(self, supervisor: Visitor) -> str:
        return hidden_in((await supervisor.post(URL, ALL)).text)["selection"]

    async def test_of_somebody_else_is_none(self, desk: Desk, supervisor: Visitor, keys: list[int]) -> None:
        other = await desk.newcomer("supervisor")
        await other.token()
        form = {**ALL, "confirm": "1", "selection": await self.selection(supervisor)}
        assert (await other.post(URL, form)).status_code == 409
        assert await priorities(desk, keys) == ["medium"] * 3

    async def test_of_another_table_is_none(self, desk: Desk, supervisor: Visitor, keys: list[int]) -> None:
        form = {"scope": "all", "confirm": "1", "selection": await self.selection(supervisor)}
        assert (await supervisor.post("/admin/comment/bulk/trash", form)).status_code == 409

    async def test_too_old(self, desk: Desk, supervisor: Visitor, keys: list[int]) -> None:
        form = {**ALL, "confirm": "1", "selection": await self.selection(supervisor)}
        await desk.owner.execute("UPDATE frozen_selections SET created_at = now() - interval '25 hours'")
        answer = await supervisor.post(URL, form)
        assert answer.status_code == 409
        assert "too old" in main_of(answer)
        assert await priorities(desk, keys) == ["medium"] * 3
        await supervisor.post(URL, ALL)
        assert await desk.owner.fetchval("SELECT count(*) FROM frozen_selections") == 1

    @pytest.mark.parametrize(("selection", "status"), [("x", 400), (NOBODYS, 409), ("\0", 400)])
    async def test_that_there_is_not(
        self, desk: Desk, supervisor: Visitor, selection: str, status: int
    ) -> None:
        form = {**ALL, "confirm": "1", "selection": selection}
        assert (await supervisor.post(URL, form)).status_code == status

    async def test_of_nothing(self, desk: Desk, supervisor: Visitor) -> None:
        asked = await supervisor.post("/admin/ticket/bulk/set-priority?search=nobodysaysthis", ALL)
        assert asked.status_code == 200
        assert "0 will change" in main_of(asked)

    async def test_of_settled_ones_says_so(self, desk: Desk, supervisor: Visitor, keys: list[int]) -> None:
        await herons(desk, 2, status=TicketStatus.CLOSED)
        form = {"scope": "all", "assignee": str(supervisor.user.id)}
        asked = await supervisor.post("/admin/ticket/bulk/assign?search=heron", form)
        assert "3 will change 2 refused: closed or resolved" in main_of(asked)
