import pytest

from backoffice.database import transaction
from tests.admin.desk import Desk, Visitor
from tests.admin.lists import keys_in, links_in, main_of
from tests.admin.page_forms import open_form
from tests.factories import arranging, make_tag, make_ticket


@pytest.fixture
async def supervisor(desk: Desk) -> Visitor:
    return await desk.visitor("supervisor")


class TestPage:
    async def test_leads_to_its_tickets(self, desk: Desk, supervisor: Visitor) -> None:
        async with transaction(desk.factory, arranging()) as session:
            tag = await make_tag(session)
            tagged = await make_ticket(session, tags=[tag])
            await make_ticket(session)
        page = await supervisor.get(f"/admin/tag/details/{tag.id}")
        (tickets,) = (link for link in links_in(page) if "/ticket/list?tags=" in link)
        assert keys_in(await supervisor.get(tickets)) == [tagged.id]


class TestSaving:
    async def test_a_new_one(self, desk: Desk, supervisor: Visitor) -> None:
        form = await open_form(supervisor.client, "/admin/tag/create")
        answer = await form.send(name="printers", color="#AABBCC", description="All that prints")
        assert answer.status_code == 303
        row = await desk.owner.fetchrow("SELECT * FROM tags WHERE name = 'printers'")
        assert row is not None
        assert row["color"] == "#aabbcc"

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("name", ""),
            ("name", "x" * 300),
            ("color", "red"),
            ("color", "#12345"),
            ("color", "#fff;background:url(//evil)"),
            ("color", '#fff" onload="x'),
        ],
    )
    async def test_what_makes_no_sense(self, desk: Desk, supervisor: Visitor, field: str, value: str) -> None:
        form = await open_form(supervisor.client, "/admin/tag/create")
        before = await desk.watermark()
        answer = await form.send(**{"name": "good", "color": "#aabbcc", field: value})
        assert answer.status_code == 400
        assert f"{field}-error" in answer.text
        assert await desk.watermark() == before


class TestDeleting:
    async def test_one_that_no_ticket_carries(self, desk: Desk, supervisor: Visitor) -> None:
        async with transaction(desk.factory, arranging()) as session:
            tag = await make_tag(session)
        form = {"pks": str(tag.id), "confirm": "1"}
        assert (await supervisor.post("/admin/tag/bulk/delete", form)).status_code == 303
        assert not await desk.owner.fetchval("SELECT count(*) FROM tags WHERE id = $1", tag.id)
        entry = await desk.owner.fetchrow(
            "SELECT * FROM audit_logs WHERE table_name <> 'operations' ORDER BY id DESC LIMIT 1"
        )
        assert entry is not None
        assert (entry["action"], entry["table_name"], entry["record_id"]) == ("DELETE", "tags", tag.id)

    @pytest.mark.parametrize("is_trashed", [False, True])
    async def test_one_that_a_ticket_carries_is_refused(
        self, desk: Desk, supervisor: Visitor, is_trashed: bool
    ) -> None:
        async with transaction(desk.factory, arranging()) as session:
            tag = await make_tag(session)
            ticket = await make_ticket(session, tags=[tag])
        if is_trashed:
            await desk.owner.execute("UPDATE tickets SET deleted_at = now() WHERE id = $1", ticket.id)
        before = await desk.watermark()
        asked = await supervisor.post("/admin/tag/bulk/delete", {"pks": str(tag.id)})
        assert "0 will change 1 refused: on a ticket" in main_of(asked)
        await supervisor.post("/admin/tag/bulk/delete", {"pks": str(tag.id), "confirm": "1"})
        assert await desk.watermark() == before

    async def test_agents_only_use_them(self, desk: Desk) -> None:
        agent = await desk.visitor("agent")
        async with transaction(desk.factory, arranging()) as session:
            tag = await make_tag(session)
        assert (await agent.get("/admin/tag/list")).status_code == 200
        answer = await agent.post("/admin/tag/bulk/delete", {"pks": str(tag.id), "confirm": "1"})
        assert answer.status_code == 403
