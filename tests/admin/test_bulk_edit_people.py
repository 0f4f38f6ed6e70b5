"""Editing many people at once: whatever the form refuses of one is refused of many."""

from typing import Any, Final

import pytest

from backoffice.database import transaction
from tests.admin.desk import Desk, Visitor
from tests.admin.lists import main_of
from tests.admin.page_forms import open_form
from tests.factories import arranging, make_user

OUT: Final = {"is_active": "no"}


async def target(desk: Desk, who: str, visitor: Visitor) -> int:
    """Somebody to be changed."""
    if who == "oneself":
        return visitor.id
    if who == "a customer":
        async with transaction(desk.factory, arranging()) as session:
            return (await make_user(session)).id
    if who == "a customer with rights":
        user = await desk.make_member("Administrators", is_staff=False)
        return user.id
    groups = {"an agent": "Agents", "an administrator": "Administrators", "staff in no group": None}
    return (await desk.make_member(groups[who])).id


async def managers(desk: Desk) -> Visitor:
    """Somebody who manages staff, and may do little else."""
    name = "Managers of staff"
    if (group_id := await desk.owner.fetchval("SELECT id FROM groups WHERE name = $1", name)) is None:
        group_id = await desk.owner.fetchval("INSERT INTO groups (name) VALUES ($1) RETURNING id", name)
        for action in ("list", "details", "edit", "action:edit", "action:manage-staff"):
            grant = "INSERT INTO group_accesses (group_id, identity, action) VALUES ($1, 'user', $2)"
            await desk.owner.execute(grant, group_id, action)
    user = await desk.make_member(name)
    visitor = await desk.browser(user)
    await visitor.sign_in(user.email)
    return visitor


async def edit_one(desk: Desk, visitor: Visitor, key: int, fields: dict[str, str]) -> bool:
    """Whether the edit form does it; it is put back."""
    answer = await visitor.get(f"/admin/user/edit/{key}")
    if answer.status_code == 403:
        return False
    form = await open_form(visitor.client, f"/admin/user/edit/{key}")
    sent = {name: "y" if value == "yes" else None for name, value in fields.items()}
    if not {*fields} <= {name for name in ("is_active", "is_staff") if f'name="{name}"' in answer.text}:
        return False
    done = (await form.send(**sent)).status_code == 303
    for name, value in fields.items():
        before = "false" if value == "yes" else "true"
        await desk.owner.execute(f"UPDATE users SET {name} = {before} WHERE id = $1 AND $2", key, done)
    return done


async def edit_many(
    desk: Desk, visitor: Visitor, keys: list[int], fields: dict[str, str], **more: Any
) -> str:
    """The confirmation of a bulk edit, as text."""
    pks = [str(key) for key in keys]
    form = {"pks": pks, "change": list(fields), "asked": "1", **fields, **more}
    answer = await visitor.post("/admin/user/bulk/edit", form)
    return main_of(answer)


TARGETS = (
    "oneself",
    "a customer",
    "a customer with rights",
    "an agent",
    "an administrator",
    "staff in no group",
)
REFUSED = ("your own account", "staff, whom you may not change", "able to do more than you")


@pytest.mark.parametrize("role", ["supervisor", "administrator", "manager of staff"])
@pytest.mark.parametrize("who", TARGETS)
async def test_agrees_with_the_form(desk: Desk, role: str, who: str) -> None:
    visitor = await (managers(desk) if role == "manager of staff" else desk.newcomer(role))
    await visitor.token()
    key = await target(desk, who, visitor)
    may = await edit_one(desk, visitor, key, OUT)
    page = await edit_many(desk, visitor, [key], OUT)
    assert ("1 will change" in page) is may, page
    assert any(f"1 refused: {reason}" in page for reason in REFUSED) is not may


class TestDeactivation:
    async def test_signs_out_at_once_and_can_be_undone(self, desk: Desk) -> None:
        administrator = await desk.visitor("administrator")
        agents = [await desk.newcomer("agent") for _ in range(2)]
        keys = [administrator.id, *(agent.id for agent in agents)]
        page = await edit_many(desk, administrator, keys, OUT)
        assert "2 will change 1 refused: your own account" in page
        assert "Active yes → becomes no" in page
        # The trial signed nobody out.
        assert [(await agent.get("/admin/ticket/list")).status_code for agent in agents] == [200, 200]
        await edit_many(desk, administrator, keys, OUT, confirm="1")
        assert [(await agent.get("/admin/ticket/list")).status_code for agent in agents] == [303, 303]
        assert (await administrator.get("/admin/ticket/list")).status_code == 200
        operation = await desk.newest_operation()
        assert operation["verb"] == "user.edit"
        undone = await administrator.post(f"/admin/operation/{operation['id']}/undo")
        assert undone.status_code == 303
        active = "SELECT count(*) FROM users WHERE is_active AND id = ANY($1)"
        assert await desk.owner.fetchval(active, keys) == 3

    async def test_of_the_last_administrator_is_refused(self, desk: Desk) -> None:
        """Those who are left hold every grant, and cannot sign in again to use it."""
        visitor = await desk.newcomer("administrator")
        last = await target(desk, "an administrator", visitor)
        await desk.owner.execute("UPDATE users SET password_hash = '' WHERE id <> $1", last)
        mark = await desk.watermark()
        for confirm in ({}, {"confirm": "1"}):
            page = await edit_many(desk, visitor, [last], OUT, **confirm)
            assert "Nobody would be left who may manage staff and edit groups." in page
        assert await desk.watermark() == mark


class TestStaff:
    async def test_is_made_by_those_who_manage_staff(self, desk: Desk) -> None:
        administrator = await desk.visitor("administrator")
        keys = [await target(desk, "a customer", administrator) for _ in range(2)]
        page = await edit_many(desk, administrator, keys, {"is_staff": "yes"}, confirm="1")
        assert "2 users edited." in main_of(await administrator.get("/admin/user/list")), page
        count = "SELECT count(*) FROM users WHERE is_staff AND id = ANY($1)"
        assert await desk.owner.fetchval(count, keys) == 2

    async def test_is_no_field_for_others(self, desk: Desk) -> None:
        supervisor = await desk.visitor("supervisor")
        key = await target(desk, "a customer", supervisor)
        page = await edit_many(desk, supervisor, [key], {"is_staff": "yes"}, confirm="1")
        assert "'is_staff' is not a valid choice" in page
        assert not await desk.owner.fetchval("SELECT is_staff FROM users WHERE id = $1", key)
