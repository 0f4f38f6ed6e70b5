"""Advanced filters at the door: the rows that they select, everywhere; and the form that makes them."""

import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from backoffice.admin.filters import Operator
from backoffice.admin.formats import zone
from backoffice.admin.where import Condition, Group, Mode, parsed, written
from backoffice.database import transaction
from models import Ticket, TicketPriority, TicketStatus
from tests.admin.desk import Desk, Visitor, statements_of
from tests.admin.lists import keys_in, links_in, listed, main_of, step_in
from tests.factories import arranging, make_staff, make_tag, make_ticket, make_user

ROWS: Final = 48
ZONE: Final = "Europe/Berlin"
FIRST: Final = date(2026, 3, 27)  # the clocks go forward on the 29th
URGENT_OR_NOBODYS: Final = "all(status:open|in_progress,any(priority:urgent,assignee:empty))"


@dataclass(frozen=True)
class World:
    """Tickets that differ in all that can be asked for, and a supervisor who asks."""

    desk: Desk
    asker: Visitor
    tickets: list[Ticket]
    staff: list[int]
    tags: list[int]

    async def keys(self, where: str, **query: Any) -> list[int]:
        response = await listed(self.asker.client, where=where, pageSize=100, **query)
        assert response.status_code == 200, main_of(response)
        return keys_in(response)


@pytest.fixture(scope="module")
async def world(desk: Desk) -> World:
    asker = await desk.newcomer("supervisor", time_zone=ZONE)
    async with transaction(desk.factory, arranging()) as session:
        customers = [await make_user(session) for _ in range(2)]
        staff = [asker.id, *[(await make_staff(session)).id for _ in range(2)]]
        tags = [await make_tag(session) for _ in range(3)]
        tickets = [
            await make_ticket(
                session,
                title=f"Row zeta{number}x",
                status=list(TicketStatus)[number % 5],
                priority=list(TicketPriority)[number // 2 % 4],
                assignee_id=[*staff, None][number // 3 % 4],
                creator_id=customers[number % 2].id,
                tags=[tag for place, tag in enumerate(tags) if number >> place & 1],
                created_at=datetime(2026, 3, 26, 22, 30, tzinfo=UTC) + timedelta(hours=3 * number),
            )
            for number in range(ROWS)
        ]
    return World(desk, asker, tickets, staff, [tag.id for tag in tags])


# What a condition means, in plain Python ---------------------------------------------------------


def fits(item: Condition | Group, ticket: Ticket, me: int) -> bool:
    if isinstance(item, Group):
        found = [fits(one, ticket, me) for one in item.items]
        return all(found) if item.mode is Mode.ALL else any(found)
    match item.field:
        case "status" | "priority":
            return _is_among(item, {getattr(ticket, item.field).value})
        case "assignee":
            own = {str(ticket.assignee_id)} if ticket.assignee_id else {"nobody"}
            wanted = tuple(str(me) if value == "me" else value for value in item.values)
            found = _is_among(Condition(item.field, item.operator, wanted), own - {"nobody"})
            if "nobody" in item.values:
                asks_not = item.operator is Operator.NOT
                return (
                    (found and ticket.assignee_id is not None)
                    if asks_not
                    else (found or ticket.assignee_id is None)
                )
            return found
        case "tags":
            return _is_among(item, {str(tag.id) for tag in ticket.tags})
        case "created_at":
            return _is_when(item, ticket.created_at.astimezone(zone(ZONE)).date())
        case _:
            assert item.field == "search"
            return item.values[0].split()[-1] in ticket.title.split()


def _is_among(item: Condition, own: set[str]) -> bool:
    match item.operator:
        case Operator.EMPTY:
            return not own
        case Operator.NOT_EMPTY:
            return bool(own)
        case Operator.NOT:
            return own.isdisjoint(item.values)
        case _:
            return not own.isdisjoint(item.values)


def _is_when(item: Condition, day: date) -> bool:
    first, last = (date.fromisoformat(value) for value in (item.values[0], item.values[-1]))
    match item.operator:
        case Operator.BEFORE:
            return day < first
        case Operator.AFTER:
            return day > first
        case _:
            return first <= day <= last


def _some(values: Any, most: int = 3) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(list(values)), min_size=1, max_size=most).map(tuple)


DAYS: Final = [(FIRST + timedelta(days=number)).isoformat() for number in range(-1, 8)]
AMONG: Final = st.sampled_from([Operator.IS, Operator.NOT])
#: They select some of the rows, more or less; people and tags stand for those of the world, by their place.
CONDITIONS: Final = st.one_of(
    st.builds(
        Condition, st.just("status"), AMONG, _some(TicketStatus).map(lambda some: tuple(map(str, some)))
    ),
    st.builds(
        Condition, st.just("priority"), AMONG, _some(TicketPriority).map(lambda some: tuple(map(str, some)))
    ),
    st.builds(Condition, st.just("assignee"), AMONG, _some(["0", "1", "2", "me", "nobody"])),
    st.builds(Condition, st.just("tags"), AMONG, _some(["0", "1", "2"])),
    st.builds(
        Condition,
        st.sampled_from(["assignee", "tags"]),
        st.sampled_from([Operator.EMPTY, Operator.NOT_EMPTY]),
    ),
    st.builds(
        Condition,
        st.just("created_at"),
        st.sampled_from([Operator.ON, Operator.IS, Operator.BEFORE, Operator.AFTER]),
        _some(DAYS, 1),
    ),
    st.builds(
        lambda two: Condition("created_at", Operator.BETWEEN, tuple(sorted(two))),
        st.lists(st.sampled_from(DAYS), min_size=2, max_size=2),
    ),
    st.builds(
        lambda number: Condition("search", Operator.CONTAINS, (f"row zeta{number}x",)),
        st.integers(10, ROWS - 1),
    ),
)
MODES: Final = st.sampled_from(Mode)
INNER: Final = st.builds(Group, MODES, st.lists(CONDITIONS, min_size=1, max_size=3).map(tuple))
TREES: Final = st.builds(
    Group, MODES, st.lists(st.one_of(CONDITIONS, INNER), min_size=1, max_size=4).map(tuple)
)


def placed(item: Any, world: World) -> Any:
    """With the keys of this world's people and tags."""
    if isinstance(item, Group):
        return Group(item.mode, tuple(placed(one, world) for one in item.items))
    keys = {"assignee": world.staff, "tags": world.tags}.get(item.field, [])
    values = (str(keys[int(value)]) if keys and value.isdigit() else value for value in item.values)
    return replace(item, values=tuple(values))


class TestRows:
    @given(tree=TREES)
    @examples(max_examples=80, deadline=None)
    async def test_they_are_those_of_a_plain_evaluation(self, world: World, tree: Group) -> None:
        tree = placed(tree, world)
        found = await world.keys(written(tree))
        assert set(found) == {ticket.id for ticket in world.tickets if fits(tree, ticket, world.asker.id)}

    async def test_all_else_narrows_them_further(self, world: World) -> None:
        expected = {
            ticket.id
            for ticket in world.tickets
            if fits(parsed(URGENT_OR_NOBODYS), ticket, world.asker.id) and ticket.priority == "urgent"
        }
        assert expected
        assert set(await world.keys(URGENT_OR_NOBODYS, priority="urgent", search="row")) == expected

    async def test_it_shows_in_words_and_is_taken_off(self, world: World) -> None:
        response = await listed(world.asker.client, where=URGENT_OR_NOBODYS, status="open", sortBy="status")
        words = "Status is any of Open, In progress and (Priority is Urgent or Assignee is empty)"
        assert words in main_of(response)
        assert "/admin/ticket/list?status=open&sortBy=status" in links_in(response)
        assert f"/admin/ticket/list?where={URGENT_OR_NOBODYS}&sortBy=status".replace("|", "%7C") in links_in(
            response
        )
        assert "/admin/ticket/list?sortBy=status" in links_in(response)

    @pytest.mark.parametrize(
        ("where", "sentence"),
        [
            ("all(status:open", "Advanced filter, at character 16: expected “,” or “)”, found the end."),
            ("all(status:open,colour:red)", "at character 17: there is no filter “colour” here, but status,"),
            ("status:opened", "at character 1: Status: there is no “opened”."),
            ("status:before:open", "at character 1: Status: there is no “before” here, but is, not."),
            ("created_at:someday", "at character 1: Created: write a day like 2026-05-31."),
            ("created_at:between:2026-02-02|2026-02-01", "the first day comes after the last."),
            ("created_at:between:2026-02-02", "“between” takes two values."),
            ("assignee:abc", "Assignee: “abc” is not a number that a record can have."),
            ('status:""', "Status: a value is missing."),
            ("is_overdue:1", "Overdue: write yes or no."),
            ("creator:empty", "Requester: there is no “empty” here, but is, not."),
        ],
    )
    async def test_nonsense_selects_nothing(self, world: World, where: str, sentence: str) -> None:
        response = await listed(world.asker.client, where=where)
        assert response.status_code == 400
        assert keys_in(response) == []
        assert sentence in main_of(response)

    async def test_two_of_them_are_refused(self, world: World) -> None:
        response = await listed(world.asker.client, where=["status:open", "status:closed"])
        assert response.status_code == 400
        assert "an address has one" in main_of(response)

    async def test_what_a_filter_hides_unasked_shows_when_asked_for(self, world: World) -> None:
        auditor = await world.desk.visitor("auditor")
        response = await listed(auditor.client, "audit-log", where="table_name:operations|tags")
        assert response.status_code == 200
        assert "“operations”" in main_of(response)
        assert keys_in(response, "audit-log")

    async def test_a_page_takes_no_more_statements(self, world: World) -> None:
        client = world.asker.client
        with statements_of(world.desk.app) as plain:
            await listed(client)
        where = f"any(assignee:{world.staff[1]}|{world.staff[2]},tags:{world.tags[0]},status:open)"
        with statements_of(world.desk.app) as sent:
            listing = await listed(client, where=where)
        # The names of people and of tags, in one.
        assert len(sent) == len(plain) + 1
        assert not re.search(r"#\d", main_of(listing)), "the number of one whose name nobody knows"
        with statements_of(world.desk.app) as sent:
            await listed(
                client, where=where, search="row", assignee="me", creator=world.tickets[0].creator_id
            )
        assert len(sent) == len(plain) + 3


class TestElsewhere:
    """Whatever works on all that match goes by it."""

    async def test_an_export(self, world: World) -> None:
        query = urlencode({"where": URGENT_OR_NOBODYS})
        response = await world.asker.get(f"/admin/ticket/export/jsonl?{query}")
        numbers = {json.loads(line)["ticket_number"] for line in response.text.splitlines()}
        assert numbers == {
            ticket.ticket_number
            for ticket in world.tickets
            if fits(parsed(URGENT_OR_NOBODYS), ticket, world.asker.id)
        }

    async def test_all_that_match(self, world: World) -> None:
        query = urlencode({"where": URGENT_OR_NOBODYS})
        form = {"scope": "all", "priority": "urgent"}
        page = await world.asker.post(f"/admin/ticket/bulk/set-priority?{query}", form)
        assert (
            "(Status is any of Open, In progress and (Priority is Urgent or Assignee is empty))"
            in main_of(page)
        )
        frozen = await world.desk.owner.fetchval(
            "SELECT record_ids FROM frozen_selections ORDER BY created_at DESC LIMIT 1"
        )
        assert set(frozen) == set(await world.keys(URGENT_OR_NOBODYS))

    async def test_paging_by_cursor(self, world: World) -> None:
        where = "any(status:open|closed|resolved,tags:not-empty)"
        found: list[int] = []
        address = f"/admin/ticket/list?{urlencode({'where': where, 'pageSize': 25})}"
        while address:
            response = await world.asker.get(address)
            found += keys_in(response)
            address = step_in(response, "next")
        assert found == await world.keys(where)
        assert len(found) > 25

    async def test_the_filter_form_keeps_it(self, world: World) -> None:
        response = await listed(world.asker.client, where="status:open")
        assert '<input type="hidden" name="where" value="status:open">' in response.text


class TestForm:
    async def _page(self, world: World, **query: Any) -> Any:
        return await world.asker.get(f"/admin/ticket/where?{urlencode(query, doseq=True)}")

    async def test_it_is_filled_with_what_is_asked(self, world: World) -> None:
        where = f"all(status:not:open,any(assignee:{world.staff[1]},created_at:before:2026-04-01))"
        page = await self._page(world, where=where, search="row", sortBy="status", page=2)
        assert page.status_code == 200
        for one in (
            'name="where-0-value" value="open" checked',
            'name="where-1-1-value" value="2026-04-01"',
            f'<option value="{world.staff[1]}" selected>',
            'name="search" value="row"',
            'name="sortBy" value="status"',
        ):
            assert one in page.text, one
        assert 'name="page"' not in page.text

    async def test_filled_in_it_leads_to_the_list(self, world: World) -> None:
        fields = {
            "where-mode": "any",
            "where-0-field": "status",
            "where-0-op": "not",
            "where-0-value": ["open", "closed"],
            "where-1-mode": "all",
            "where-1-0-field": "created_at",
            "where-1-0-op": "between",
            "where-1-0-value_from": "2026-03-01",
            "where-1-0-value_to": "2026-03-31",
            "where-1-1-field": "",
            "where-2-field": "search",
            "where-2-op": "contains",
            "where-2-value": 'said "hi"',
        }
        page = await self._page(world, do="show", search="row", **fields)
        assert page.status_code == 303
        query = parse_qs(urlsplit(page.headers["location"]).query)
        tree = (
            "any(status:not:open|closed,all(created_at:between:2026-03-01|2026-03-31),"
            'search:contains:"said \\"hi\\"")'
        )
        assert query == {"search": ["row"], "where": [tree]}
        assert (await world.asker.get(page.headers["location"])).status_code == 200

    async def test_rows_come_and_go(self, world: World) -> None:
        rows: dict[str, Any] = {"where-mode": "all", "where-0-field": "status", "where-0-value": "open"}
        for button, gained in (("add", "where-1-field"), ("group", "where-1-0-field"), ("refresh", "")):
            page = await self._page(world, do=button, **rows)
            assert page.status_code == 200
            assert 'name="where-0-value" value="open" checked' not in page.text or "where-0-op" in page.text
            assert f'name="{gained}"' in page.text or not gained
        rows |= {"where-1-mode": "any", "where-1-0-field": "priority", "where-1-1-field": "tags"}
        assert 'name="where-1-2-field"' in (await self._page(world, do="add:1", **rows)).text
        page = await self._page(world, do="remove:1-0", **rows)
        assert '<input type="hidden" name="where-1-0-was" value="tags">' in page.text
        page = await self._page(world, do="remove:1", **rows)
        assert "where-1" not in page.text
        page = await self._page(world, do="remove:0", **{"where-0-field": "status"})
        assert 'name="where-0-field"' in page.text
        assert "where-0-was" not in page.text

    async def test_another_field_begins_anew(self, world: World) -> None:
        page = await self._page(
            world,
            do="refresh",
            **{
                "where-0-field": "created_at",
                "where-0-was": "status",
                "where-0-op": "not",
                "where-0-value": "open",
            },
        )
        assert '<option value="is" selected>is</option>' in page.text
        assert '<option value="last-7-days">Last 7 days</option>' in page.text

    async def test_what_is_wrong_is_said_at_its_row(self, world: World) -> None:
        page = await self._page(
            world,
            do="show",
            **{"where-0-field": "created_at", "where-0-op": "before", "where-0-value": "soon"},
        )
        assert page.status_code == 400
        assert "Created: write a day like 2026-05-31." in main_of(page)
        assert 'aria-describedby="where-0-problem"' in page.text

    async def test_nothing_filled_in_asks_nothing(self, world: World) -> None:
        page = await self._page(world, do="show", where="status:open", status="open", **{"where-0-field": ""})
        assert page.headers["location"] == "/admin/ticket/list?status=open"

    async def test_nonsense(self, world: World) -> None:
        full = {f"where-{number}-field": "status" for number in range(20)}
        for query, sentence in (
            ({"do": "fly"}, "There is no such button."),
            ({"do": "add:0", **full}, "at most 20 conditions"),
            ({"do": "add:0", "where-0-field": "status"}, "There is no such group."),
            ({"where": "all("}, "Advanced filter, at character 5"),
        ):
            page = await self._page(world, **query)
            assert page.status_code == 400, query
            assert sentence in main_of(page)
        page = await self._page(world, do="remove:99-99", **{"where-0-field": "no such field"})
        assert page.status_code == 200
