import pytest

from backoffice.database import transaction
from models import Ticket
from tests.admin.desk import Desk, Visitor, statements_of
from tests.admin.lists import keys_in, links_in, main_of
from tests.factories import arranging, make_group, make_ticket

ADDED = {
    "comment": """
        INSERT INTO comments (ticket_id, author_id, content, created_at)
        SELECT id, creator_id, 'Said ' || n || '.', now() - ($2 - n) * interval '1 minute'
        FROM tickets, generate_series(1, $2) n WHERE id = $1""",
    "attachment": """
        INSERT INTO attachments (ticket_id, uploaded_by_id, filename, content_type, size_bytes, sha256)
        SELECT id, creator_id, 'Said ' || n || '.', 'text/plain', n, repeat('0', 64)
        FROM tickets, generate_series(1, $2) n WHERE id = $1""",
}
NONE = {"comment": "Conversation 0 Nobody has answered yet.", "attachment": "Attachments 0"}
belongings = pytest.mark.parametrize("kind", list(ADDED))


@pytest.fixture
async def supervisor(desk: Desk) -> Visitor:
    return await desk.visitor("supervisor")


async def make_ticket_with(desk: Desk, kind: str, count: int) -> Ticket:
    """A ticket with so many comments or files, `Said 1.` the oldest of them."""
    async with transaction(desk.factory, arranging()) as session:
        ticket = await make_ticket(session)
    await desk.owner.execute(ADDED[kind], ticket.id, count)
    return ticket


def whole_list(ticket: Ticket, kind: str) -> str:
    return f"/admin/{kind}/list?ticket={ticket.id}"


@belongings
class TestNewest:
    @pytest.mark.parametrize("count", [0, 3, 50])
    async def test_are_all_that_there_are(
        self, desk: Desk, supervisor: Visitor, kind: str, count: int
    ) -> None:
        ticket = await make_ticket_with(desk, kind, count)
        page = await supervisor.get(f"/admin/ticket/details/{ticket.id}")
        text = main_of(page).partition(" History ")[0]
        assert [n for n in range(1, count + 1) if f"Said {n}." not in text] == []
        assert "are shown" not in text
        assert whole_list(ticket, kind) not in links_in(page)
        assert count or NONE[kind] in text

    @pytest.mark.parametrize(("count", "in_words"), [(51, "51"), (10_001, "10,000+")])
    async def test_of_more_lead_to_all(
        self, desk: Desk, supervisor: Visitor, kind: str, count: int, in_words: str
    ) -> None:
        ticket = await make_ticket_with(desk, kind, count)
        few = await make_ticket_with(desk, kind, 2)
        costs = []
        for each in (few, ticket):
            await supervisor.get("/admin/account")
            with statements_of(desk.app) as sent:
                page = await supervisor.get(f"/admin/ticket/details/{each.id}")
            costs.append([one for one in sent if "in_all" in str(one)])
        assert len(costs[0]) == len(costs[1]) == 2
        text = main_of(page).partition(" History ")[0]
        assert f" {in_words} The 50 newest of {in_words} are shown." in text
        places = [text.index(f"Said {n}.") for n in range(count - 49, count + 1)]
        assert places == sorted(places)
        assert f"Said {count - 50}." not in text
        assert whole_list(ticket, kind) in links_in(page)
        listed = await supervisor.get(whole_list(ticket, kind))
        assert f"Ticket: {ticket.ticket_number}" in main_of(listed)
        assert f"Said {count}." in main_of(listed)
        assert len(keys_in(listed, kind)) == 25

    async def test_of_a_ticket_in_the_trash_lead_there(
        self, desk: Desk, supervisor: Visitor, kind: str
    ) -> None:
        ticket = await make_ticket_with(desk, kind, 51)
        await supervisor.post("/admin/ticket/bulk/trash", {"pks": str(ticket.id), "confirm": "1"})
        page = await supervisor.get(f"/admin/ticket/details/{ticket.id}")
        assert "The 50 newest of 51 are shown." in main_of(page)
        assert f"{whole_list(ticket, kind)}&trash=only" in links_in(page)
        listed = await supervisor.get(f"{whole_list(ticket, kind)}&trash=only&pageSize=100")
        assert len(keys_in(listed, kind)) == 51

    async def test_lead_nowhere_for_who_may_see_no_lists(self, desk: Desk, kind: str) -> None:
        async with transaction(desk.factory, arranging()) as session:
            group = await make_group(session, grants=[("ticket", "list"), ("ticket", "details")])
        member = await desk.make_member(group.name)
        reader = await desk.browser(member)
        await reader.sign_in(member.email)
        ticket = await make_ticket_with(desk, kind, 51)
        page = await reader.get(f"/admin/ticket/details/{ticket.id}")
        assert "The 50 newest of 51 are shown." in main_of(page)
        assert whole_list(ticket, kind) not in links_in(page)
