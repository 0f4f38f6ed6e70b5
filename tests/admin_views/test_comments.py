import pytest

from backoffice.database import transaction
from models import Comment
from tests.admin.desk import Desk, Visitor
from tests.admin.lists import main_of
from tests.admin.page_forms import open_form
from tests.factories import arranging, make_comment, make_ticket


@pytest.fixture
async def agent(desk: Desk) -> Visitor:
    # So that the agent is not the first of all people, whose key is a likely mistake.
    await desk.visitor("administrator")
    return await desk.visitor("agent")


@pytest.fixture
async def comment(desk: Desk) -> Comment:
    async with transaction(desk.factory, arranging()) as session:
        return await make_comment(session, ticket=await make_ticket(session))


class TestCreate:
    async def test_is_by_who_writes(self, desk: Desk, agent: Visitor, comment: Comment) -> None:
        form = await open_form(agent.client, "/admin/comment/create")
        answer = await form.send(
            ticket=str(comment.ticket_id), content="A note", is_internal="y", author="1", author_id="1"
        )
        assert answer.status_code == 303
        made = await desk.owner.fetchrow("SELECT * FROM comments ORDER BY id DESC LIMIT 1")
        assert made is not None
        assert (made["author_id"], made["is_internal"], made["content"]) == (agent.id, True, "A note")

    async def test_not_on_a_ticket_in_the_trash(self, desk: Desk, agent: Visitor, comment: Comment) -> None:
        await desk.owner.execute("UPDATE tickets SET deleted_at = now() WHERE id = $1", comment.ticket_id)
        form = await open_form(agent.client, "/admin/comment/create")
        before = await desk.watermark()
        answer = await form.send(ticket=str(comment.ticket_id), content="A note")
        assert answer.status_code == 400
        assert "ticket-error" in answer.text
        assert await desk.watermark() == before


class TestEdit:
    async def test_keeps_the_author(self, desk: Desk, agent: Visitor, comment: Comment) -> None:
        form = await open_form(agent.client, f"/admin/comment/edit/{comment.id}")
        assert (await form.send(content="Better said", author=str(agent.id))).status_code == 303
        row = await desk.owner.fetchrow("SELECT * FROM comments WHERE id = $1", comment.id)
        assert row is not None
        assert (row["content"], row["author_id"]) == ("Better said", comment.author_id)
        entry = await desk.owner.fetchrow(
            "SELECT * FROM audit_logs WHERE table_name <> 'operations' ORDER BY id DESC LIMIT 1"
        )
        assert entry is not None
        assert (entry["table_name"], entry["record_id"], entry["user_id"]) == (
            "comments",
            comment.id,
            agent.id,
        )


class TestTrash:
    async def test_is_for_supervisors(self, desk: Desk, agent: Visitor, comment: Comment) -> None:
        form = {"pks": str(comment.id), "confirm": "1"}
        assert (await agent.post("/admin/comment/bulk/trash", form)).status_code == 403
        supervisor = await desk.visitor("supervisor")
        assert (await supervisor.post("/admin/comment/bulk/trash", form)).status_code == 303
        page = await supervisor.get("/admin/comment/list?trash=only")
        assert f"/admin/comment/details/{comment.id}" in page.text
        assert (await supervisor.get(f"/admin/comment/edit/{comment.id}")).status_code == 409
        assert (await supervisor.post("/admin/comment/bulk/restore", form)).status_code == 303

    async def test_below_a_trashed_ticket_is_not_restored(self, desk: Desk, comment: Comment) -> None:
        supervisor = await desk.visitor("supervisor")
        await supervisor.post("/admin/ticket/bulk/trash", {"pks": str(comment.ticket_id), "confirm": "1"})
        asked = await supervisor.post("/admin/comment/bulk/restore", {"pks": str(comment.id)})
        assert "1 refused: on a ticket that is in the trash" in main_of(asked)
        await supervisor.post("/admin/ticket/bulk/restore", {"pks": str(comment.ticket_id), "confirm": "1"})
        assert not await desk.owner.fetchval("SELECT deleted_at FROM comments WHERE id = $1", comment.id)


async def test_a_search_finds_words(desk: Desk, agent: Visitor) -> None:
    async with transaction(desk.factory, arranging()) as session:
        ticket = await make_ticket(session)
        found = await make_comment(session, ticket=ticket, content="The walrus is in the machine")
        await make_comment(session, ticket=ticket, content="Nothing of the kind")
    page = await agent.get("/admin/comment/list?search=walrus+machine")
    assert f"/admin/comment/details/{found.id}" in page.text
    assert "1–1 of 1" in main_of(page)
