import pytest

from backoffice.database import transaction
from models import TicketStatus
from tests.admin.desk import Desk
from tests.admin.lists import main_of
from tests.factories import arranging, make_ticket, make_user

CARDS = {
    "no group": [],
    "agent": ["My open tickets", "Unassigned", "Overdue"],
    "supervisor": ["My open tickets", "Unassigned", "Overdue", "In the trash", "Last operations"],
    "auditor": ["Unassigned", "Overdue", "Last operations"],
    "administrator": ["My open tickets", "Unassigned", "Overdue", "In the trash", "Last operations"],
}


@pytest.mark.parametrize("role", CARDS)
async def test_shows_what_each_role_needs_first(desk: Desk, role: str) -> None:
    page = await (await desk.visitor(role)).get("/admin/")
    assert page.status_code == 200
    text = main_of(page)
    for card in CARDS["supervisor"]:
        assert (card in text) == (card in CARDS[role]), card


@pytest.mark.parametrize("role", CARDS)
async def test_the_sidebar_holds_what_one_may_list(desk: Desk, role: str) -> None:
    visitor = await desk.visitor(role)
    page = await visitor.get("/admin/")
    sidebar = page.text.partition('class="sidebar"')[2].partition("</nav>")[0]
    for identity in ("ticket", "comment", "attachment", "tag", "user", "group", "operation", "audit-log"):
        url = f"/admin/{identity}/list"
        assert (url in sidebar) == ((await visitor.get(url)).status_code == 200), identity


async def test_each_card_has_its_tickets(desk: Desk) -> None:
    agent = await desk.newcomer("agent")
    async with transaction(desk.factory, arranging()) as session:
        customer = (await make_user(session)).id
        states = {
            "mine": {"assignee_id": agent.id},
            "mine closed": {"assignee_id": agent.id, "status": TicketStatus.CLOSED},
            "free": {},
            "free closed": {"status": TicketStatus.CLOSED},
            "trashed": {"assignee_id": agent.id},
        }
        tickets = {
            name: await make_ticket(session, title=f"Ticket {name}.", creator_id=customer, **state)
            for name, state in states.items()
        }
    await desk.owner.execute("UPDATE tickets SET deleted_at = now() WHERE id = $1", tickets["trashed"].id)
    text = main_of(await agent.get("/admin/"))
    mine, _, rest = text.partition("My open tickets")[2].partition("Unassigned")
    assert "Ticket mine." in mine
    assert "Ticket free." in rest
    for name in ("mine closed", "free closed", "trashed"):
        assert f"Ticket {name}." not in text


async def test_a_card_leads_to_its_list(desk: Desk) -> None:
    supervisor = await desk.visitor("supervisor")
    page = await supervisor.get("/admin/")
    for query in ("assignee=me", "assignee=nobody", "is_overdue=1", "trash=only"):
        assert query in page.text
