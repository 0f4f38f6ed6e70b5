from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from starlette.applications import Starlette

from backoffice.database import SessionFactory, transaction
from models import Ticket, TicketPriority, TicketStatus
from tests.admin.conftest import Browser, OpenBrowser, csrf_token_in, statements_of
from tests.admin.page_forms import History, errors_in, form_in, history_from_now, open_form
from tests.factories import arranging, make_comment, make_tag, make_ticket

CREATE = "/admin/ticket/create"
#: What imports and scripts may leave, and a browser does not send back as it is.
STORED_BY_OTHERS: list[dict[str, Any]] = [
    {"description": "Windows\r\nline\rends\n"},
    {"description": "\n\nlines before, and spaces after  "},
    {"title": "  spaces around\t"},
    {"title": "a line\nend"},
    {"status": TicketStatus.CLOSED, "priority": TicketPriority.URGENT},
]


@pytest.fixture
async def agent(browser_of: OpenBrowser) -> Browser:
    return await browser_of("Agents", full_name="Ana Agent")


@pytest.fixture
async def ticket(factory: SessionFactory) -> Ticket:
    async with transaction(factory, arranging()) as session:
        return await make_ticket(session, title="Printer jams", description="At every page.\n\nHelp!")


@pytest.fixture
async def history(owner: asyncpg.Connection, agent: Browser, ticket: Ticket) -> AsyncIterator[History]:
    return await history_from_now(owner)


def edit(ticket: Ticket) -> str:
    return f"/admin/ticket/edit/{ticket.id}"


class TestCreate:
    async def test_makes_a_record(
        self, agent: Browser, ticket: Ticket, history: History, owner: asyncpg.Connection
    ) -> None:
        form = await open_form(agent.client, CREATE)
        assert (form["status"], form["priority"], form["assignee"]) == ("open", "medium", "")
        answer = await form.send(
            title="  No sound ", description="Since Monday.\n", creator=str(ticket.creator_id)
        )
        made = await owner.fetchrow("SELECT * FROM tickets ORDER BY id DESC LIMIT 1")
        assert (answer.status_code, answer.headers["location"]) == (
            303,
            f"/admin/ticket/details/{made['id']}",
        )
        assert (made["title"], made["description"]) == ("No sound", "Since Monday.\n")
        assert (made["status"], made["assignee_id"]) == ("open", None)
        [(table, action, changes)] = await history.entries()
        assert (table, action, changes["title"]) == ("tickets", "CREATE", (None, "No sound"))

    async def test_is_an_operation_of_the_person(
        self, agent: Browser, ticket: Ticket, owner: asyncpg.Connection
    ) -> None:
        form = await open_form(agent.client, CREATE)
        await form.send(title="No sound", description="x", creator=str(ticket.creator_id))
        made = await owner.fetchrow("SELECT * FROM operations ORDER BY created_at DESC LIMIT 1")
        assert (made["verb"], made["actor"], made["actor_id"]) == (
            "ticket.create",
            "Ana Agent",
            agent.user.id,
        )
        assert made["selection"] == "ticket T-000002 No sound"

    async def test_links_what_was_made(self, agent: Browser, ticket: Ticket) -> None:
        form = await open_form(agent.client, CREATE)
        answer = await form.send(title="No sound", description="x", creator=str(ticket.creator_id))
        page = await agent.client.get("/admin/")
        assert "Created T-000002 No sound." in page.text
        assert f'href="{answer.headers["location"]}">Show' in page.text

    async def test_relates_what_was_picked(
        self, agent: Browser, ticket: Ticket, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        async with transaction(factory, arranging()) as session:
            tags = [await make_tag(session), await make_tag(session)]
        form = await open_form(agent.client, CREATE)
        picked = {"assignee": str(agent.user.id), "tags": [str(tag.id) for tag in tags]}
        await form.send(title="x", description="x", creator=str(ticket.creator_id), **picked)
        stored = await owner.fetch("SELECT tag_id FROM ticket_tags WHERE ticket_id <> $1", ticket.id)
        assert {row["tag_id"] for row in stored} == {tag.id for tag in tags}
        assert await owner.fetchval("SELECT assignee_id FROM tickets ORDER BY id DESC") == agent.user.id

    async def test_shows_what_is_wrong_and_keeps_the_rest(self, agent: Browser, history: History) -> None:
        form = await open_form(agent.client, CREATE)
        answer = await form.send(title=" ", description="Typed with <care>", priority="urgent")
        assert answer.status_code == 400
        assert errors_in(answer) == {"title": "This is required.", "creator": "This is required."}
        assert "Typed with &lt;care&gt;</textarea>" in answer.text
        assert '<option selected value="urgent">' in answer.text
        assert await history.entries() == []

    async def test_refuses_a_name_that_is_taken(
        self, browser_of: OpenBrowser, factory: SessionFactory
    ) -> None:
        supervisor = await browser_of("Supervisors")
        async with transaction(factory, arranging()) as session:
            await make_tag(session, name="hardware")
        form = await open_form(supervisor.client, "/admin/tag/create")
        answer = await form.send(name="hardware", description="Anything with a plug", color="#ABCDEF")
        assert answer.status_code == 400
        assert errors_in(answer) == {"name": "Another tag has this already."}
        assert 'value="Anything with a plug"' in answer.text
        assert (await form.send(name="software", color="#ABCDEF")).status_code == 303

    async def test_leaves_out_fields_of_others(
        self, browser_of: OpenBrowser, agent: Browser, owner: asyncpg.Connection
    ) -> None:
        await browser_of("Administrators")
        form = await open_form(agent.client, "/admin/user/create")
        assert not form.all("is_staff")
        answer = await form.send(full_name="Cleo", email="Cleo@Example.com", is_staff="y", is_active="y")
        assert answer.status_code == 303
        made = await owner.fetchrow("SELECT * FROM users ORDER BY id DESC LIMIT 1")
        assert (made["email"], made["is_staff"], made["is_active"]) == ("cleo@example.com", False, True)

    async def test_is_refused_to_who_may_not(self, browser_of: OpenBrowser, agent: Browser) -> None:
        auditor = await browser_of("Auditors")
        form = await open_form(agent.client, CREATE)
        token = csrf_token_in((await auditor.client.get("/admin/")).text)
        assert (await auditor.client.get(CREATE)).status_code == 403
        form.client = auditor.client
        assert (await form.send(csrf_token=token, title="x")).status_code == 403


class TestEditPage:
    async def test_shows_what_is_stored(self, agent: Browser, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            tag = await make_tag(session, name="Drucker")
            ticket = await make_ticket(
                session,
                status=TicketStatus.CLOSED,
                priority=TicketPriority.LOW,
                tags=[tag],
                title='A "b" <c>',
            )
        form = await open_form(agent.client, edit(ticket))
        assert (form["title"], form["status"], form["priority"]) == ('A "b" <c>', "closed", "low")
        assert (form["tags"], form["creator"], form["assignee"]) == (str(tag.id), str(ticket.creator_id), "")

    async def test_of_nothing(self, agent: Browser) -> None:
        for key in ("abc", "99999999999999999999", "-1", "0", "7" * 5000):
            assert (await agent.client.get(f"/admin/ticket/edit/{key}")).status_code == 404

    async def test_is_refused_to_who_may_not(self, browser_of: OpenBrowser, ticket: Ticket) -> None:
        auditor = await browser_of("Auditors")
        assert (await auditor.client.get(edit(ticket))).status_code == 403

    async def test_of_a_record_in_the_trash(
        self, agent: Browser, ticket: Ticket, owner: asyncpg.Connection
    ) -> None:
        form = await open_form(agent.client, edit(ticket))
        await owner.execute("UPDATE tickets SET deleted_at = now()")
        for answer in (await agent.client.get(edit(ticket)), await form.send(title="x")):
            assert answer.status_code == 409
            assert "Restore it before you change it." in answer.text


class TestSave:
    async def test_writes_only_what_was_changed(
        self, agent: Browser, ticket: Ticket, history: History, owner: asyncpg.Connection
    ) -> None:
        form = await open_form(agent.client, edit(ticket))
        answer = await form.send(title="Printer burns", assignee=str(agent.user.id), description="Now!\nHelp")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/admin/ticket/details/{ticket.id}")
        changes = {
            "title": ("Printer jams", "Printer burns"),
            "assignee_id": (None, agent.user.id),
            "description": ("At every page.\n\nHelp!", "Now!\nHelp"),
        }
        assert await history.entries() == [("tickets", "UPDATE", changes)]

    async def test_offers_to_undo_it(self, agent: Browser, ticket: Ticket, owner: asyncpg.Connection) -> None:
        form = await open_form(agent.client, edit(ticket))
        await form.send(title="Printer burns")
        operation = await owner.fetchrow("SELECT * FROM operations ORDER BY created_at DESC LIMIT 1")
        assert (operation["verb"], operation["actor"]) == ("ticket.edit", "Ana Agent")
        page = await agent.client.get("/admin/")
        assert "Saved T-000001 Printer burns." in page.text
        assert f'action="/admin/operation/{operation["id"]}/undo"' in page.text

    async def test_without_a_change_writes_nothing(
        self, agent: Browser, ticket: Ticket, history: History, owner: asyncpg.Connection
    ) -> None:
        before = await owner.fetchrow("SELECT xmin, ctid, * FROM tickets"), await _operations(owner)
        form = await open_form(agent.client, edit(ticket))
        assert (await form.send()).status_code == 303
        assert "Nothing changed." in (await agent.client.get("/admin/")).text
        assert (await owner.fetchrow("SELECT xmin, ctid, * FROM tickets"), await _operations(owner)) == before
        assert await history.entries() == []

    async def test_without_a_change_leaves_it_as_it_was_stored(
        self, agent: Browser, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        async with transaction(factory, arranging()) as session:
            tickets = [await make_ticket(session, **fields) for fields in STORED_BY_OTHERS]
        history = await history_from_now(owner)
        for ticket in tickets:
            form = await open_form(agent.client, edit(ticket))
            assert (await form.send()).status_code == 303
        assert await history.entries() == []

    async def test_empties_what_may_be_empty(
        self, browser_of: OpenBrowser, factory: SessionFactory, owner: asyncpg.Connection, agent: Browser
    ) -> None:
        supervisor = await browser_of("Supervisors")
        async with transaction(factory, arranging()) as session:
            tag = await make_tag(session, description="old")
            ticket = await make_ticket(session, assignee_id=agent.user.id)
        history = await history_from_now(owner)
        await (await open_form(supervisor.client, f"/admin/tag/edit/{tag.id}")).send(description="  ")
        await (await open_form(agent.client, edit(ticket))).send(assignee="")
        assert await history.entries() == [
            ("tags", "UPDATE", {"description": ("old", None)}),
            ("tickets", "UPDATE", {"assignee_id": (agent.user.id, None)}),
        ]

    async def test_adds_and_removes_tags(
        self, agent: Browser, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        async with transaction(factory, arranging()) as session:
            one, two, three = [await make_tag(session) for _ in range(3)]
            ticket = await make_ticket(session, tags=[one, two])
        history = await history_from_now(owner)
        form = await open_form(agent.client, edit(ticket))
        await form.send(tags=[str(two.id), str(three.id)])
        written = [(action, changes["tag_id"]) for _, action, changes in await history.entries()]
        assert sorted(written) == [("CREATE", (None, three.id)), ("DELETE", (one.id, None))]

    async def test_of_a_flag(
        self, agent: Browser, ticket: Ticket, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        async with transaction(factory, arranging()) as session:
            comment = await make_comment(session, ticket=ticket, is_internal=True)
        history = await history_from_now(owner)
        form = await open_form(agent.client, f"/admin/comment/edit/{comment.id}")
        await form.send(is_internal=None)
        assert await history.entries() == [("comments", "UPDATE", {"is_internal": (True, False)})]

    async def test_keeps_what_was_typed_when_it_is_refused(
        self, agent: Browser, ticket: Ticket, history: History
    ) -> None:
        form = await open_form(agent.client, edit(ticket))
        answer = await form.send(title="x" * 501, description="Typed", status="closed")
        assert answer.status_code == 400
        assert errors_in(answer) == {"title": "At most 500 characters; this has 501."}
        assert "x" * 501 in answer.text
        assert ">Typed</textarea>" in answer.text.replace("\r\n", "")
        assert '<option selected value="closed">' in answer.text
        assert await history.entries() == []

    async def test_after_a_refusal_still_writes_only_what_was_changed(
        self, agent: Browser, ticket: Ticket, history: History
    ) -> None:
        form = await open_form(agent.client, edit(ticket))
        refused = await form.send(title="", status="closed")
        again = form_in(agent.client, refused)
        await again.send(title="Printer burns")
        [(_, _, changes)] = await history.entries()
        assert changes.keys() == {"title", "status", "resolved_at"}

    async def test_takes_the_longest_text(
        self, agent: Browser, ticket: Ticket, owner: asyncpg.Connection
    ) -> None:
        text = "Drucker brennt 🔥\n" * 5_882
        form = await open_form(agent.client, edit(ticket))
        answer = await form.send(description=text + "x" * (100_001 - len(text)))
        assert errors_in(answer) == {"description": "At most 100,000 characters; this has 100,001."}
        assert (await form.send(description=text)).status_code == 303
        assert await owner.fetchval("SELECT description FROM tickets") == text


async def _operations(owner: asyncpg.Connection) -> int:
    count: int = await owner.fetchval("SELECT count(*) FROM operations")
    return count


class TestQueries:
    async def test_of_a_form_are_few_whatever_there_is_to_pick(
        self, agent: Browser, app: Starlette, factory: SessionFactory
    ) -> None:
        async with transaction(factory, arranging()) as session:
            tags = [await make_tag(session) for _ in range(20)]
            few = await make_ticket(session, tags=tags[:1], assignee_id=agent.user.id)
            many = await make_ticket(session, tags=tags, assignee_id=agent.user.id)
        counts = []
        for ticket in (few, many):
            with statements_of(app) as sent:
                form = await open_form(agent.client, edit(ticket))
            counts.append(len(sent))
        assert len(form.all("tags")) == 20
        # The person (with the context), the ticket with all that its form names.
        assert counts == [2, 2]

    async def test_of_a_save_are_few(self, agent: Browser, app: Starlette, ticket: Ticket) -> None:
        form = await open_form(agent.client, edit(ticket))
        with statements_of(app) as sent:
            assert (await form.send(title="Another")).status_code == 303
        # The person, the lock, the ticket with all that its form names; what is written, and the operation.
        assert len(sent) == 5
