"""The sample on a confirmation: what it shows is what is done, and what was confirmed is what is done."""

import asyncpg
import pytest

from backoffice.database import transaction
from models import TicketPriority, TicketStatus
from tests.admin.desk import Desk, Visitor, statements_of
from tests.admin.lists import links_in, main_of
from tests.admin.page_forms import form_in
from tests.factories import arranging, make_comment, make_staff, make_tag, make_ticket, make_user

BULK = "/admin/ticket/bulk/"


@pytest.fixture
async def supervisor(desk: Desk) -> Visitor:
    visitor = await desk.visitor("supervisor")
    await visitor.token()
    return visitor


async def make_tickets(desk: Desk, number: int, **fields: object) -> list[int]:
    async with transaction(desk.factory, arranging()) as session:
        customer = await make_user(session)
        made = [await make_ticket(session, creator_id=customer.id, **fields) for _ in range(number)]
    return [ticket.id for ticket in made]


async def priorities(desk: Desk, keys: list[int]) -> set[str]:
    rows = await desk.owner.fetch("SELECT priority::text FROM tickets WHERE id = ANY($1)", keys)
    return {row[0] for row in rows}


def pks(keys: list[int]) -> list[str]:
    return [str(key) for key in keys]


class TestSample:
    async def test_shows_old_and_new_with_what_follows(self, desk: Desk, supervisor: Visitor) -> None:
        keys = await make_tickets(desk, 2)
        mark = await desk.watermark()
        asked = await supervisor.post(f"{BULK}set-status", {"pks": pks(keys), "status": "resolved"})
        page = main_of(asked)
        assert "2 will change What changes Ticket Status Resolved" in page
        assert page.count("Status Open → becomes Resolved") == 2
        # The trigger's own time, which will be another when it is done.
        assert page.count("Resolved empty → becomes now") == 2
        assert {f"/admin/ticket/details/{key}" for key in keys} <= set(links_in(asked))
        assert await desk.watermark() == mark

    async def test_of_links_names_them(self, desk: Desk, supervisor: Visitor) -> None:
        async with transaction(desk.factory, arranging()) as session:
            tags = [await make_tag(session, name=f"sampled {number}") for number in range(2)]
            ticket = await make_ticket(session, tags=tags[:1])
        form = {"pks": str(ticket.id), "tags": pks([tag.id for tag in tags])}
        page = main_of(await supervisor.post(f"{BULK}add-tags", form))
        assert "Tag + added sampled 1 Tags" in page

    async def test_says_what_goes_along(self, desk: Desk, supervisor: Visitor) -> None:
        async with transaction(desk.factory, arranging()) as session:
            ticket = await make_ticket(session)
            for _ in range(2):
                await make_comment(session, ticket=ticket)
        page = main_of(await supervisor.post(f"{BULK}trash", {"pks": str(ticket.id)}))
        assert "Moved to trash empty → becomes now" in page
        assert "Along with this row: 2 comments." in page

    async def test_of_what_is_deleted(self, desk: Desk) -> None:
        administrator = await desk.visitor("administrator")
        [key] = await make_tickets(desk, 1)
        await desk.owner.execute("UPDATE tickets SET deleted_at = now() WHERE id = $1", key)
        page = main_of(await administrator.post(f"{BULK}purge?trash=only", {"pks": str(key)}))
        assert "jams deleted for good" in page
        assert await desk.owner.fetchval("SELECT true FROM tickets WHERE id = $1", key)

    async def test_names_some_that_are_left_alone(self, desk: Desk, supervisor: Visitor) -> None:
        closed = await make_tickets(desk, 5, status=TicketStatus.CLOSED)
        async with transaction(desk.factory, arranging()) as session:
            assignee = await make_staff(session)
        asked = await supervisor.post(f"{BULK}assign", {"pks": pks(closed), "assignee": str(assignee.id)})
        page = main_of(asked)
        assert "5 refused: closed or resolved Left alone, for example" in page
        assert page.count("jams closed or resolved") == 3
        assert "What changes" not in page

    async def test_of_many_is_of_the_first_in_as_many_statements(
        self, desk: Desk, supervisor: Visitor
    ) -> None:
        keys = await make_tickets(desk, 23)
        counts = []
        for some in (keys[:1], keys):
            with statements_of(desk.app) as sent:
                asked = await supervisor.post(f"{BULK}set-priority", {"pks": pks(some), "priority": "urgent"})
            counts.append(len(sent))
        assert "The first 10 of the 23 tickets that change" in main_of(asked)
        assert main_of(asked).count("Medium → becomes Urgent") == 10
        assert counts[0] == counts[1]

    async def test_cannot_be_had_while_somebody_changes_these_rows(
        self, desk: Desk, supervisor: Visitor
    ) -> None:
        [key] = await make_tickets(desk, 1)
        async with desk.owner.transaction():
            await desk.owner.execute("SELECT FROM tickets WHERE id = $1 FOR UPDATE", key)
            asked = await supervisor.post(f"{BULK}set-priority", {"pks": str(key), "priority": "urgent"})
        page = main_of(asked)
        assert "1 will change" in page
        assert "Somebody else is changing these rows at this moment" in page
        assert (await form_in(supervisor.client, asked).send()).status_code == 303
        assert await priorities(desk, [key]) == {"urgent"}


class TestConfirmed:
    async def test_is_what_was_asked_about(self, desk: Desk, supervisor: Visitor) -> None:
        """Another value on the confirmation is another question."""
        keys = await make_tickets(desk, 2, priority=TicketPriority.MEDIUM)
        asked = await supervisor.post(f"{BULK}set-priority", {"pks": pks(keys), "priority": "urgent"})
        mark = await desk.watermark()
        again = await form_in(supervisor.client, asked).send(priority="low")
        assert again.status_code == 200
        assert "Medium → becomes Low" in main_of(again)
        assert await desk.watermark() == mark
        assert (await form_in(supervisor.client, again).send()).status_code == 303
        assert await priorities(desk, keys) == {"low"}

    async def test_leaves_the_history_without_a_trace_of_the_trial(
        self, desk: Desk, supervisor: Visitor
    ) -> None:
        keys = await make_tickets(desk, 2)
        asked = await supervisor.post(f"{BULK}set-priority", {"pks": pks(keys), "priority": "urgent"})
        assert (await form_in(supervisor.client, asked).send()).status_code == 303
        rows: list[asyncpg.Record] = await desk.owner.fetch(
            "SELECT record_id FROM audit_logs WHERE table_name = 'tickets' AND record_id = ANY($1)"
            " AND action = 'UPDATE' ORDER BY record_id",
            keys,
        )
        assert [row["record_id"] for row in rows] == keys
