from typing import Any

import pytest
from httpx import Response

from backoffice.database import transaction
from models import User
from tests.admin.desk import PASSWORD, Desk, Visitor, hidden_in
from tests.admin.lists import keys_in, links_in, main_of
from tests.admin.page_forms import open_form
from tests.factories import arranging, make_ticket, make_user

CREATE = "/admin/user/create"
#: What would make a member of staff of anybody, by every name under which it might be sent.
SLIPPED_IN = {
    "is_staff": "on",
    "password": "a better harbour 77",
    "password_hash": "x",
    "permissions": "user:edit",
    "last_login": "2026-01-01",
    "id": "1",
}


@pytest.fixture(autouse=True)
async def administrator(desk: Desk) -> Visitor:
    """Somebody always is: a desk without one refuses to change who may do what."""
    return await desk.visitor("administrator")


@pytest.fixture
async def customer(desk: Desk) -> User:
    async with transaction(desk.factory, arranging()) as session:
        return await make_user(session)


async def stored(desk: Desk, user_id: int) -> dict[str, Any]:
    names = "SELECT array_agg(name ORDER BY name) FROM groups JOIN user_groups ON group_id = id"
    groups = f"({names} WHERE user_id = u.id)"
    row = await desk.owner.fetchrow(f"SELECT u.*, {groups} AS groups FROM users u WHERE id = $1", user_id)
    assert row is not None
    return dict(row)


async def newest(desk: Desk) -> dict[str, Any]:
    return await stored(desk, await desk.owner.fetchval("SELECT max(id) FROM users"))


async def edited(visitor: Visitor, user_id: int, **changes: str | list[str] | None) -> Response:
    return await (await open_form(visitor.client, f"/admin/user/edit/{user_id}")).send(**changes)


class TestPage:
    async def test_leads_to_the_tickets_of_a_person(self, desk: Desk, customer: User) -> None:
        agent = await desk.visitor("agent")
        async with transaction(desk.factory, arranging()) as session:
            ticket = await make_ticket(session, creator_id=customer.id, assignee_id=agent.id)
            await make_ticket(session)
        for person, side in ((customer.id, "creator"), (agent.id, "assignee")):
            page = await agent.get(f"/admin/user/details/{person}")
            (tickets,) = (link for link in links_in(page) if f"/ticket/list?{side}=" in link)
            assert keys_in(await agent.get(tickets)) == [ticket.id]


class TestCustomers:
    @pytest.mark.parametrize("role", ["agent", "supervisor", "administrator"])
    async def test_are_made(self, desk: Desk, role: str) -> None:
        visitor = await desk.visitor(role)
        form = await open_form(visitor.client, CREATE)
        answer = await form.send(full_name=f"New {role}", email=f" New.{role}@Example.COM ")
        assert answer.status_code == 303
        made = await newest(desk)
        assert (made["full_name"], made["email"]) == (f"New {role}", f"new.{role}@example.com")
        assert (made["is_staff"], made["groups"], made["password_hash"]) == (False, None, "")

    @pytest.mark.parametrize("role", ["agent", "supervisor"])
    async def test_are_no_way_to_staff(self, desk: Desk, role: str) -> None:
        visitor = await desk.visitor(role)
        form = await open_form(visitor.client, CREATE)
        assert {"is_staff", "groups", "password"}.isdisjoint(name for name, _ in form.pairs)
        groups = str(await desk.group_id("Administrators"))
        email = f"climber.{role}@example.com"
        answer = await form.send(full_name="Climber", email=email, groups=groups, **SLIPPED_IN)
        assert answer.status_code in {303, 400, 403}
        if answer.status_code == 303:
            made = await newest(desk)
            assert (made["is_staff"], made["groups"], made["password_hash"]) == (False, None, "")
        visitor = await desk.browser()
        assert (await visitor.sign_in(email, SLIPPED_IN["password"])).status_code == 400

    async def test_are_edited_by_supervisors(self, desk: Desk, customer: User) -> None:
        supervisor = await desk.visitor("supervisor")
        assert (await edited(supervisor, customer.id, full_name="Renamed")).status_code == 303
        assert (await stored(desk, customer.id))["full_name"] == "Renamed"

    async def test_stay_customers_under_supervisors(self, desk: Desk, customer: User) -> None:
        supervisor = await desk.visitor("supervisor")
        groups = str(await desk.group_id("Agents"))
        answer = await edited(supervisor, customer.id, full_name="Climber", groups=groups, **SLIPPED_IN)
        assert answer.status_code in {303, 400, 403}
        now = await stored(desk, customer.id)
        assert (now["is_staff"], now["groups"], now["password_hash"]) == (False, None, "")

    async def test_are_not_edited_by_agents(self, desk: Desk, customer: User) -> None:
        agent = await desk.visitor("agent")
        assert (await agent.get(f"/admin/user/edit/{customer.id}")).status_code == 403
        answer = await agent.post(f"/admin/user/edit/{customer.id}", {"full_name": "Renamed"})
        assert answer.status_code == 403

    async def test_with_an_address_that_is_taken(self, desk: Desk, customer: User) -> None:
        agent = await desk.visitor("agent")
        form = await open_form(agent.client, CREATE)
        before = await desk.watermark()
        answer = await form.send(full_name="Twin", email=customer.email.upper())
        assert answer.status_code == 400
        assert 'value="Twin"' in answer.text
        assert "email-error" in answer.text
        assert await desk.watermark() == before


class TestStaff:
    async def test_are_made_by_administrators(self, desk: Desk) -> None:
        administrator = await desk.visitor("administrator")
        form = await open_form(administrator.client, CREATE)
        groups = str(await desk.group_id("Agents"))
        answer = await form.send(
            full_name="New Agent",
            email="staff@example.com",
            is_staff="y",
            groups=groups,
            password="a better harbour 77",
        )
        assert answer.status_code == 303, main_of(answer)
        visitor = await desk.browser()
        assert (await visitor.sign_in("staff@example.com", "a better harbour 77")).status_code == 303
        assert (await visitor.get("/admin/ticket/list")).status_code == 200

    @pytest.mark.parametrize("group", [None, "Agents", "Supervisors", "Administrators"])
    async def test_are_out_of_a_supervisors_reach(self, desk: Desk, group: str | None) -> None:
        supervisor = await desk.visitor("supervisor")
        member = await desk.make_member(group)
        before = await stored(desk, member.id)
        assert (await supervisor.get(f"/admin/user/edit/{member.id}")).status_code == 403
        # As the form would be, had it been shown.
        administrator = await desk.visitor("administrator")
        page = await administrator.get(f"/admin/user/edit/{member.id}")
        hidden = {name: values[0] for name, values in hidden_in(page.text).items() if name != "csrf_token"}
        form = {**hidden, "full_name": "Taken over", "email": "mine@example.com", "is_active": "y"}
        answer = await supervisor.post(f"/admin/user/edit/{member.id}", form)
        assert answer.status_code == 403
        assert await stored(desk, member.id) == before

    async def test_poor_passwords_are_refused_at_the_field(self, desk: Desk) -> None:
        administrator, member = await desk.visitor("administrator"), await desk.make_member("Agents")
        before = await desk.watermark()
        answer = await edited(administrator, member.id, password="short")
        assert answer.status_code == 400
        assert "Use at least 12 characters." in main_of(answer)
        assert "password-error" in answer.text
        assert "short" not in answer.text.partition("<main")[2].replace("shortcut", "")
        assert await desk.watermark() == before

    async def test_their_secrets_are_nowhere(self, desk: Desk) -> None:
        administrator, member = await desk.visitor("administrator"), await desk.make_member("Agents")
        hashed = (await stored(desk, member.id))["password_hash"]
        await edited(administrator, member.id, password="a better harbour 77")
        entry = await desk.owner.fetchval("SELECT max(id) FROM audit_logs WHERE table_name = 'users'")
        for url in (
            f"/admin/user/details/{member.id}",
            f"/admin/user/edit/{member.id}",
            "/admin/user/list",
            f"/admin/audit-log/details/{entry}",
            f"/admin/operation/details/{(await desk.newest_operation())['id']}",
        ):
            page = await administrator.get(url)
            assert page.status_code == 200
            for secret in (hashed, "argon2", "a better harbour 77"):
                assert secret not in page.text, url


class TestStrongerAccounts:
    """Who manages staff, but may do less than others, gets no hold of their accounts."""

    @pytest.fixture
    async def manager(self, desk: Desk) -> Visitor:
        group = await desk.owner.fetchval(
            "INSERT INTO groups (name) VALUES ('Managers ' || gen_random_uuid()) RETURNING id"
        )
        grants = [("user", action) for action in ("list", "details", "create", "edit", "action:manage-staff")]
        await desk.owner.executemany(
            "INSERT INTO group_accesses (group_id, identity, action) VALUES ($1, $2, $3)",
            [(group, *grant) for grant in grants],
        )
        name = await desk.owner.fetchval("SELECT name FROM groups WHERE id = $1", group)
        member = await desk.make_member(name)
        visitor = await desk.browser(member)
        await visitor.sign_in(member.email)
        return visitor

    @pytest.mark.parametrize(
        "changes",
        [
            {"password": "a better harbour 77"},
            {"email": "mine@example.com"},
            {"is_active": None},
            {"is_staff": None},
            {"groups": []},
        ],
    )
    async def test_are_not_taken_over(self, desk: Desk, manager: Visitor, changes: dict[str, Any]) -> None:
        member = await desk.make_member("Administrators")
        before = await stored(desk, member.id)
        answer = await edited(manager, member.id, **changes)
        assert answer.status_code in {400, 403}
        assert await stored(desk, member.id) == before

    @pytest.mark.parametrize("who", ["self", "another", "new"])
    async def test_are_not_made(self, desk: Desk, manager: Visitor, who: str) -> None:
        groups = str(await desk.group_id("Administrators"))
        other = await desk.make_member(None)
        before = await desk.watermark()
        if who == "new":
            form = await open_form(manager.client, CREATE)
            answer = await form.send(full_name="X", email="x@example.com", is_staff="y", groups=groups)
        else:
            answer = await edited(manager, manager.id if who == "self" else other.id, groups=groups)
        assert answer.status_code == 400
        assert "You cannot put anybody into a group that may do more than you." in main_of(answer)
        assert await desk.watermark() == before


class TestLockingOut:
    @pytest.mark.parametrize("changes", [{"is_active": None}, {"is_staff": None}, {"groups": []}])
    async def test_the_last_administrator_stays_one(self, desk: Desk, changes: dict[str, Any]) -> None:
        administrator = await desk.newcomer("administrator")
        others = "UPDATE users SET is_active = false WHERE is_staff AND id <> $1"
        active = await desk.owner.fetch("SELECT id FROM users WHERE is_active AND id <> $1", administrator.id)
        await desk.owner.execute(others, administrator.id)
        before = await stored(desk, administrator.id)
        answer = await edited(administrator, administrator.id, **changes)
        assert answer.status_code in {400, 409}, main_of(answer)
        assert await stored(desk, administrator.id) == before
        await desk.owner.execute(
            "UPDATE users SET is_active = true WHERE id = ANY($1)", [row["id"] for row in active]
        )

    async def test_nobody_deactivates_themselves(self, desk: Desk) -> None:
        administrator = await desk.visitor("administrator")
        answer = await edited(administrator, administrator.id, is_active=None)
        assert answer.status_code in {400, 409}
        assert "your own account" in main_of(answer)
        assert (await administrator.get("/admin/")).status_code == 200

    async def test_ones_own_new_password_signs_out_other_browsers(self, desk: Desk) -> None:
        administrator = await desk.newcomer("administrator")
        assert administrator.user is not None
        answer = await edited(administrator, administrator.id, password="a better harbour 77")
        assert answer.status_code == 303
        browser = await desk.browser()
        assert (await browser.sign_in(administrator.user.email, PASSWORD)).status_code == 400
