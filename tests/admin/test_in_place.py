"""Editing one field of a row in the list: the same rules as the record's own form, for one field."""

from datetime import UTC, datetime

import asyncpg
import pytest

from backoffice.database import SessionFactory, transaction
from models import Ticket, TicketStatus
from tests.admin.conftest import Browser, OpenBrowser
from tests.admin.page_forms import errors_in, form_in, open_form
from tests.factories import arranging, make_staff, make_tag, make_ticket

LIST = "/admin/ticket/list?status=open"


@pytest.fixture
async def agent(browser_of: OpenBrowser) -> Browser:
    return await browser_of("Agents", full_name="Ana Agent")


@pytest.fixture
async def ticket(factory: SessionFactory) -> Ticket:
    async with transaction(factory, arranging()) as session:
        return await make_ticket(session)


def url_of(ticket: Ticket, field: str) -> str:
    return f"/admin/ticket/in-place/{ticket.id}/{field}?from=%2Fadmin%2Fticket%2Flist%3Fstatus%3Dopen"


class TestForm:
    async def test_has_the_field_alone(self, agent: Browser, ticket: Ticket) -> None:
        form = await open_form(agent.client, url_of(ticket, "status"))
        assert {name for name, _ in form.pairs} == {"csrf_token", "base", "version", "status"}
        assert form["status"] == "open"

    @pytest.mark.parametrize("field", ["title", "creator", "nonsense"])
    async def test_of_other_fields_there_is_none(self, agent: Browser, ticket: Ticket, field: str) -> None:
        assert (await agent.client.get(url_of(ticket, field))).status_code == 404

    async def test_who_may_not_edit_gets_none(self, browser_of: OpenBrowser, ticket: Ticket) -> None:
        auditor = await browser_of("Auditors")
        assert (await auditor.client.get(url_of(ticket, "status"))).status_code == 403
        assert "data-in-place" not in (await auditor.client.get(LIST)).text

    async def test_a_ticket_in_the_trash_has_none(self, agent: Browser, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            trashed = await make_ticket(session, deleted_at=datetime.now(UTC))
        assert (await agent.client.get(url_of(trashed, "status"))).status_code == 409


class TestSave:
    async def test_changes_the_field_as_an_operation_that_can_be_undone(
        self, agent: Browser, ticket: Ticket, owner: asyncpg.Connection
    ) -> None:
        form = await open_form(agent.client, url_of(ticket, "status"))
        answer = await form.send(status="resolved")
        assert (answer.status_code, answer.headers["location"]) == (303, LIST)
        row = await owner.fetchrow("SELECT * FROM tickets WHERE id = $1", ticket.id)
        assert row is not None
        assert row["status"] == "resolved"
        assert row["resolved_at"] is not None
        entry = await owner.fetchrow(
            "SELECT * FROM audit_logs WHERE table_name = 'tickets' AND action = 'UPDATE' AND record_id = $1",
            ticket.id,
        )
        assert entry is not None
        assert entry["user_id"] == agent.user.id
        undo = f"/admin/operation/{entry['operation_id']}/undo"
        assert undo in (await agent.client.get(LIST)).text

    async def test_of_people_and_tags(
        self, agent: Browser, ticket: Ticket, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        async with transaction(factory, arranging()) as session:
            staff, tags = await make_staff(session), [await make_tag(session) for _ in range(2)]
        form = await open_form(agent.client, url_of(ticket, "assignee"))
        assert (await form.send(assignee=str(staff.id))).status_code == 303
        form = await open_form(agent.client, url_of(ticket, "tags"))
        assert (await form.send(tags=[str(tag.id) for tag in tags])).status_code == 303
        assert await owner.fetchval("SELECT assignee_id FROM tickets WHERE id = $1", ticket.id) == staff.id
        linked = await owner.fetch("SELECT tag_id FROM ticket_tags WHERE ticket_id = $1", ticket.id)
        assert sorted(row["tag_id"] for row in linked) == sorted(tag.id for tag in tags)

    async def test_nonsense_is_said_at_the_field(self, agent: Browser, ticket: Ticket) -> None:
        form = await open_form(agent.client, url_of(ticket, "status"))
        answer = await form.send(status="sleeping")
        assert answer.status_code == 400
        assert errors_in(answer).keys() == {"status"}

    async def test_what_somebody_else_made_of_it_is_shown_before_it_is_written_over(
        self, agent: Browser, ticket: Ticket, owner: asyncpg.Connection
    ) -> None:
        form = await open_form(agent.client, url_of(ticket, "status"))
        await owner.execute("UPDATE tickets SET status = 'closed' WHERE id = $1", ticket.id)
        answer = await form.send(status="resolved")
        assert answer.status_code == 409
        assert "Closed" in answer.text
        status = "SELECT status FROM tickets WHERE id = $1"
        assert await owner.fetchval(status, ticket.id) == "closed"
        again = form_in(agent.client, answer)
        assert again["status"] == "resolved"
        assert (await again.send()).status_code == 303
        assert await owner.fetchval(status, ticket.id) == "resolved"

    async def test_what_somebody_changed_elsewhere_in_the_row_is_no_matter(
        self, agent: Browser, ticket: Ticket, owner: asyncpg.Connection
    ) -> None:
        form = await open_form(agent.client, url_of(ticket, "status"))
        await owner.execute("UPDATE tickets SET title = 'Another' WHERE id = $1", ticket.id)
        assert (await form.send(status="resolved")).status_code == 303
        row = await owner.fetchrow("SELECT title, status FROM tickets WHERE id = $1", ticket.id)
        assert row is not None
        assert (row["title"], row["status"]) == ("Another", TicketStatus.RESOLVED.value)
