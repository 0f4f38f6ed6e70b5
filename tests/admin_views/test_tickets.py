from typing import Any

import pytest

from backoffice.database import transaction
from models import TicketStatus
from tests.admin.desk import Desk, Visitor
from tests.admin.lists import main_of
from tests.admin.page_forms import open_form
from tests.factories import arranging, make_comment, make_staff, make_ticket


@pytest.fixture
async def agent(desk: Desk) -> Visitor:
    return await desk.visitor("agent")


@pytest.fixture
async def ticket(desk: Desk) -> int:
    async with transaction(desk.factory, arranging()) as session:
        ticket = await make_ticket(session, description="It jams.\nEvery time.")
        await make_comment(session, ticket=ticket, content="Any news?")
        return ticket.id


async def stored(desk: Desk, key: int) -> dict[str, Any]:
    row = await desk.owner.fetchrow("SELECT * FROM tickets WHERE id = $1", key)
    assert row is not None
    return dict(row)


class TestPage:
    async def test_shows_the_conversation_and_a_reply_box(self, agent: Visitor, ticket: int) -> None:
        page = await agent.get(f"/admin/ticket/details/{ticket}")
        text = main_of(page)
        for words in ("It jams.", "Any news?", "Conversation 1", "Customer", "Attachments 0", "History"):
            assert words in text
        assert f'action="/admin/ticket/{ticket}/reply"' in page.text
        assert f'action="/admin/ticket/{ticket}/attach"' in page.text

    async def test_has_no_boxes_for_who_only_looks(self, desk: Desk, ticket: int) -> None:
        page = await (await desk.visitor("auditor")).get(f"/admin/ticket/details/{ticket}")
        assert "Any news?" in main_of(page)
        assert f"/{ticket}/reply" not in page.text
        assert f"/{ticket}/attach" not in page.text

    async def test_shows_a_trashed_one_and_takes_no_more(
        self, desk: Desk, agent: Visitor, ticket: int
    ) -> None:
        form = {"pks": str(ticket), "confirm": "1"}
        assert (await agent.post("/admin/ticket/bulk/trash", form)).status_code == 303
        page = await agent.get(f"/admin/ticket/details/{ticket}")
        assert page.status_code == 200
        assert "Any news?" in main_of(page)
        assert "/reply" not in page.text
        before = await desk.watermark()
        answer = await agent.post(f"/admin/ticket/{ticket}/reply", {"content": "Too late"})
        assert answer.status_code == 409
        assert await desk.watermark() == before


class TestReply:
    @pytest.mark.parametrize(
        ("kind", "is_internal", "said"), [("public", False, "Reply"), ("internal", True, "Note")]
    )
    async def test_is_added_by_who_writes(
        self, desk: Desk, agent: Visitor, ticket: int, kind: str, is_internal: bool, said: str
    ) -> None:
        form = {"content": "Turn it off.\r\nAnd on.", "kind": kind, "author_id": "1", "is_internal": "maybe"}
        answer = await agent.post(f"/admin/ticket/{ticket}/reply", form)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith(f"/admin/ticket/details/{ticket}")
        page = await agent.get(answer.headers["location"])
        assert f"{said} added." in main_of(page)
        assert "Turn it off." in page.text
        row = await desk.owner.fetchrow("SELECT * FROM comments ORDER BY id DESC LIMIT 1")
        assert row is not None
        assert (row["ticket_id"], row["author_id"], row["is_internal"]) == (ticket, agent.id, is_internal)
        assert row["content"] == "Turn it off.\nAnd on."

    @pytest.mark.parametrize("content", ["", "   ", "\r\n\r\n", "x" * 100_001, "a\x00b", None])
    async def test_that_is_none_is_refused(
        self, desk: Desk, agent: Visitor, ticket: int, content: str | None
    ) -> None:
        await agent.token()
        before = await desk.watermark()
        form = {} if content is None else {"content": content, "kind": "public"}
        answer = await agent.post(f"/admin/ticket/{ticket}/reply", form)
        assert answer.status_code == 400
        assert await desk.watermark() == before

    async def test_of_no_kind_is_refused(self, desk: Desk, agent: Visitor, ticket: int) -> None:
        await agent.token()
        before = await desk.watermark()
        form = {"content": "Whom do I tell?", "kind": "secret"}
        answer = await agent.post(f"/admin/ticket/{ticket}/reply", form)
        assert answer.status_code == 400
        assert await desk.watermark() == before

    async def test_that_was_refused_is_still_there(self, agent: Visitor, ticket: int) -> None:
        answer = await agent.post(
            f"/admin/ticket/{ticket}/reply", {"content": "What I have typed " * 6_000, "kind": "internal"}
        )
        assert answer.status_code == 400
        assert "What I have typed What I have typed" in answer.text


class TestSaving:
    async def test_resolved_at_follows_the_status(self, desk: Desk, agent: Visitor, ticket: int) -> None:
        for status, is_settled in (("resolved", True), ("open", False), ("closed", True)):
            form = await open_form(agent.client, f"/admin/ticket/edit/{ticket}")
            assert (await form.send(status=status)).status_code == 303
            assert ((await stored(desk, ticket))["resolved_at"] is not None) == is_settled

    async def test_a_closed_one_stays_closed(self, desk: Desk, agent: Visitor) -> None:
        """The state that is stored is the one that is preselected, and an unrelated save keeps it."""
        async with transaction(desk.factory, arranging()) as session:
            closed = await make_ticket(session, status=TicketStatus.CLOSED)
        form = await open_form(agent.client, f"/admin/ticket/edit/{closed.id}")
        assert form["status"] == "closed"
        assert (await form.send(title="Another title")).status_code == 303
        assert (await stored(desk, closed.id))["status"] == "closed"

    async def test_what_is_no_field_is_ignored(self, desk: Desk, agent: Visitor, ticket: int) -> None:
        before = await stored(desk, ticket)
        form = await open_form(agent.client, f"/admin/ticket/edit/{ticket}")
        sent = {"ticket_number": "X-1", "deleted_at": "2026-01-01", "created_at": "2026-01-01", "id": "1"}
        assert (await form.send(title="New", **sent)).status_code == 303
        after = await stored(desk, ticket)
        changed = {name for name in after if after[name] != before[name]}
        assert changed == {"title", "updated_at", "search"}

    @pytest.mark.parametrize("state", [{"is_active": False}, {"is_staff": False}])
    async def test_an_assignee_who_cannot_be_one(
        self, desk: Desk, agent: Visitor, ticket: int, state: dict[str, bool]
    ) -> None:
        """What a picker would not offer is not taken either."""
        async with transaction(desk.factory, arranging()) as session:
            person = await make_staff(session, **state)
        form = await open_form(agent.client, f"/admin/ticket/edit/{ticket}")
        before = await desk.watermark()
        answer = await form.send(assignee=str(person.id))
        assert answer.status_code == 400
        assert "assignee-error" in answer.text
        assert await desk.watermark() == before


class TestList:
    async def test_filters_by_me_nobody_and_overdue(self, desk: Desk, agent: Visitor) -> None:
        async with transaction(desk.factory, arranging()) as session:
            mine = await make_ticket(session, assignee_id=agent.id, title="Zebra mine")
            free = await make_ticket(session, title="Zebra free")
        await desk.owner.execute(
            "UPDATE tickets SET created_at = now() - interval '8 days' WHERE id = $1", free.id
        )
        for query, number in (
            ("assignee=me", mine.ticket_number),
            ("assignee=nobody", free.ticket_number),
            ("is_overdue=1", free.ticket_number),
        ):
            page = main_of(await agent.get(f"/admin/ticket/list?search=zebra&{query}"))
            assert number in page
            assert "1–1 of 1" in page
