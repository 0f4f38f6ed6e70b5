"""Who may take what back: nobody gets by an undo what they could not do by hand."""

from uuid import uuid4

from tests.admin.desk import Desk, Visitor
from tests.admin.page_forms import open_form


async def make_customer(desk: Desk) -> int:
    made = "INSERT INTO users (email, full_name) VALUES ($1, 'Carl') RETURNING id"
    return int(await desk.owner.fetchval(made, f"{uuid4().hex}@example.com"))


async def undo(desk: Desk, visitor: Visitor) -> int:
    """Ask for the undo of the newest operation; the answer's status."""
    operation = await desk.newest_operation()
    return (await visitor.post(f"/admin/operation/{operation['id']}/undo")).status_code


async def save(visitor: Visitor, path: str, **fields: str | list[str] | None) -> None:
    form = await open_form(visitor.client, path)
    answer = await form.send(**fields)
    assert answer.status_code == 303, answer.text


class TestRights:
    async def test_given_in_a_group_are_not_undone(self, desk: Desk) -> None:
        administrator = await desk.newcomer("administrator")
        group = await desk.group_id("Auditors")
        await save(administrator, f"/admin/group/edit/{group}", permissions=["ticket:list"])
        assert await undo(desk, administrator) == 403
        left = await desk.owner.fetchval("SELECT count(*) FROM group_accesses WHERE group_id = $1", group)
        assert left == 1

    async def test_taken_from_oneself_do_not_come_back(self, desk: Desk) -> None:
        administrator, other = await desk.newcomer("administrator"), await desk.newcomer("administrator")
        agents = await desk.group_id("Agents")
        await save(administrator, f"/admin/user/edit/{administrator.id}", groups=[str(agents)])
        assert await undo(desk, administrator) == 403
        assert await undo(desk, other) == 403


class TestPeople:
    async def test_who_are_staff_are_for_those_who_manage_staff(self, desk: Desk) -> None:
        administrator, supervisor = await desk.newcomer("administrator"), await desk.newcomer("supervisor")
        agent = await desk.newcomer("agent")
        await save(administrator, f"/admin/user/edit/{agent.id}", full_name="Somebody Else")
        assert await undo(desk, supervisor) == 403
        assert await undo(desk, administrator) == 303

    async def test_who_are_customers_are_for_supervisors_too(self, desk: Desk) -> None:
        supervisor = await desk.newcomer("supervisor")
        customer = await make_customer(desk)
        await save(supervisor, f"/admin/user/edit/{customer}", full_name="Carla")
        assert await undo(desk, supervisor) == 303
        assert await desk.owner.fetchval("SELECT full_name FROM users WHERE id = $1", customer) == "Carl"


class TestOwnOperation:
    async def test_is_not_for_who_may_not_edit_any_more(self, desk: Desk) -> None:
        agent = await desk.newcomer("agent")
        ticket = await desk.owner.fetchval(
            "INSERT INTO tickets (title, description, creator_id) VALUES ('A', 'B', $1) RETURNING id",
            await make_customer(desk),
        )
        await save(agent, f"/admin/ticket/edit/{ticket}", title="Another")
        await desk.owner.execute("DELETE FROM group_accesses WHERE identity = 'ticket' AND action = 'edit'")
        assert await undo(desk, agent) == 403
        assert await desk.owner.fetchval("SELECT title FROM tickets WHERE id = $1", ticket) == "Another"
