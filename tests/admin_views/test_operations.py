import pytest

from backoffice.database import transaction
from tests.admin.desk import Desk, Visitor
from tests.admin.lists import main_of
from tests.factories import arranging, make_ticket, make_user


async def replied(desk: Desk, visitor: Visitor) -> str:
    """Something that the visitor did; the id of the operation."""
    async with transaction(desk.factory, arranging()) as session:
        ticket = await make_ticket(session)
    answer = await visitor.post(f"/admin/ticket/{ticket.id}/reply", {"content": "Hello"})
    assert answer.status_code == 303
    return str((await desk.newest_operation())["id"])


async def renamed(desk: Desk, visitor: Visitor) -> tuple[str, int]:
    """Another change of theirs, which can be undone; its operation and its ticket."""
    async with transaction(desk.factory, arranging()) as session:
        ticket = await make_ticket(session)
    form = {"pks": str(ticket.id), "confirm": "1"}
    assert (await visitor.post("/admin/ticket/bulk/trash", form)).status_code == 303
    return str((await desk.newest_operation())["id"]), ticket.id


class TestSeeing:
    async def test_an_agent_sees_their_own(self, desk: Desk) -> None:
        agent, other = await desk.visitor("agent"), await desk.newcomer("agent")
        own, others = await replied(desk, agent), await replied(desk, other)
        page = await agent.get("/admin/operation/list")
        assert own in page.text
        assert others not in page.text
        assert (await agent.get(f"/admin/operation/details/{own}")).status_code == 200

    async def test_an_agent_cannot_guess_others(self, desk: Desk) -> None:
        agent, other = await desk.visitor("agent"), await desk.newcomer("agent")
        others = await replied(desk, other)
        missing = "00000000-0000-0000-0000-000000000000"
        answers = [
            await agent.get(f"/admin/operation/details/{key}", headers={"Accept": "application/json"})
            for key in (others, missing)
        ]
        assert [answer.status_code for answer in answers] == [404, 404]
        sentences = [
            answer.json()["error"].replace(key, "")
            for answer, key in zip(answers, (others, missing), strict=True)
        ]
        assert sentences[0] == sentences[1]
        filtered = await agent.get(f"/admin/operation/list?actor_user={other.id}")
        assert others not in filtered.text

    @pytest.mark.parametrize("role", ["supervisor", "auditor", "administrator"])
    async def test_others_see_everybodys(self, desk: Desk, role: str) -> None:
        key = await replied(desk, await desk.visitor("agent"))
        visitor = await desk.visitor(role)
        assert key in (await visitor.get("/admin/operation/list")).text
        assert (await visitor.get(f"/admin/operation/details/{key}")).status_code == 200

    async def test_its_page_shows_every_entry(self, desk: Desk) -> None:
        supervisor = await desk.visitor("supervisor")
        change = arranging(selection="some tickets", reason="Because")
        async with transaction(desk.factory, change) as session:
            customer = await make_user(session)
            tickets = [await make_ticket(session, creator_id=customer.id) for _ in range(120)]
        page = await supervisor.get(f"/admin/operation/details/{change.operation_id}")
        text = main_of(page)
        assert "some tickets" in text
        assert "Because" in text
        assert f"/admin/ticket/details/{tickets[0].id}" in page.text
        assert f"/admin/ticket/details/{tickets[-1].id}" not in page.text
        after = page.text.partition("?after=")[2].partition('"')[0]
        further = await supervisor.get(f"/admin/operation/details/{change.operation_id}?after={after}")
        assert f"/admin/ticket/details/{tickets[-1].id}" in further.text


class TestUndoing:
    async def test_ones_own(self, desk: Desk) -> None:
        agent = await desk.visitor("agent")
        key, ticket = await renamed(desk, agent)
        page = await agent.get(f"/admin/operation/details/{key}")
        assert f'action="/admin/operation/{key}/undo"' in page.text
        assert (await agent.post(f"/admin/operation/{key}/undo")).status_code == 303
        assert not await desk.owner.fetchval("SELECT deleted_at FROM tickets WHERE id = $1", ticket)
        again = await agent.get(f"/admin/operation/details/{key}")
        assert "It was undone already." in main_of(again)
        assert "/undo" not in again.text.partition("<main")[2].partition("outcome")[2]

    async def test_not_anothers(self, desk: Desk) -> None:
        key, ticket = await renamed(desk, await desk.newcomer("agent"))
        statuses = {}
        for role in ("agent", "auditor", "no group"):
            visitor = await desk.visitor(role)
            statuses[role] = (await visitor.post(f"/admin/operation/{key}/undo")).status_code
        assert statuses == {"agent": 404, "auditor": 403, "no group": 403}
        assert await desk.owner.fetchval("SELECT deleted_at FROM tickets WHERE id = $1", ticket)
        auditor = await desk.visitor("auditor")
        page = await auditor.get(f"/admin/operation/details/{key}")
        assert "Only who did it, or a supervisor, can undo it." in main_of(page)
        assert f"{key}/undo" not in page.text

    async def test_anothers_by_a_supervisor(self, desk: Desk) -> None:
        key, ticket = await renamed(desk, await desk.visitor("agent"))
        supervisor = await desk.visitor("supervisor")
        assert (await supervisor.post(f"/admin/operation/{key}/undo")).status_code == 303
        assert not await desk.owner.fetchval("SELECT deleted_at FROM tickets WHERE id = $1", ticket)

    async def test_what_cannot_be_undone_says_why(self, desk: Desk) -> None:
        supervisor = await desk.visitor("supervisor")
        assert (
            await supervisor.post("/admin/tag/create", {"name": "stays", "color": "#123456"})
        ).status_code == 303
        key = (await desk.newest_operation())["id"]
        page = main_of(await supervisor.get(f"/admin/operation/details/{key}"))
        assert "It created tags, which stay" in page
        before = await desk.watermark()
        assert (await supervisor.post(f"/admin/operation/{key}/undo")).status_code == 409
        assert await desk.watermark() == before

    async def test_of_what_was_created_takes_the_right_to_trash_it(self, desk: Desk) -> None:
        agent, supervisor = await desk.visitor("agent"), await desk.visitor("supervisor")
        key = await replied(desk, agent)
        assert (await agent.post(f"/admin/operation/{key}/undo")).status_code == 403
        assert (await supervisor.post(f"/admin/operation/{key}/undo")).status_code == 303
        trashed = "SELECT deleted_by_id FROM comments ORDER BY id DESC LIMIT 1"
        assert await desk.owner.fetchval(trashed) == supervisor.id

    @pytest.mark.parametrize(
        "referer", ["https://evil.example/admin/", "http://testserver/elsewhere", "http://[", ""]
    )
    async def test_leads_back_within_the_site(self, desk: Desk, referer: str) -> None:
        agent = await desk.visitor("agent")
        key, _ = await renamed(desk, agent)
        answer = await agent.post(f"/admin/operation/{key}/undo", headers={"Referer": referer})
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin/")

    async def test_by_who_has_lost_their_groups(self, desk: Desk) -> None:
        leaver = await desk.newcomer("agent")
        key, ticket = await renamed(desk, leaver)
        await desk.owner.execute("DELETE FROM user_groups WHERE user_id = $1", leaver.id)
        assert (await leaver.post(f"/admin/operation/{key}/undo")).status_code == 403
        assert await desk.owner.fetchval("SELECT deleted_at FROM tickets WHERE id = $1", ticket)
