import pytest
from httpx import Response

from tests.admin.desk import Desk, Visitor
from tests.admin.lists import keys_in, links_in, main_of
from tests.admin.page_forms import open_form

CREATE = "/admin/group/create"


@pytest.fixture
async def administrator(desk: Desk) -> Visitor:
    return await desk.visitor("administrator")


@pytest.fixture
async def limited(desk: Desk) -> Visitor:
    """Somebody who edits groups, but may do little else."""
    group = await make_group(
        desk, ("group", "list"), ("group", "details"), ("group", "create"), ("group", "edit")
    )
    member = await desk.make_member(group)
    visitor = await desk.browser(member)
    await visitor.sign_in(member.email)
    await desk.visitor("administrator")
    return visitor


async def make_group(desk: Desk, *grants: tuple[str, str]) -> str:
    name: str = await desk.owner.fetchval(
        "INSERT INTO groups (name) VALUES ('Group ' || gen_random_uuid()) RETURNING name"
    )
    key = await desk.group_id(name)
    await desk.owner.executemany(
        "INSERT INTO group_accesses (group_id, identity, action) VALUES ($1, $2, $3)",
        [(key, *grant) for grant in grants],
    )
    return name


async def grants_of(desk: Desk, name: str) -> set[str]:
    boxes = "SELECT identity || ':' || action AS box FROM group_accesses WHERE group_id = $1"
    rows = await desk.owner.fetch(boxes, await desk.group_id(name))
    return {row["box"] for row in rows}


async def edited(visitor: Visitor, key: int, **changes: str | list[str] | None) -> Response:
    return await (await open_form(visitor.client, f"/admin/group/edit/{key}")).send(**changes)


async def add_members(desk: Desk, group_id: int, number: int) -> None:
    await desk.owner.execute(
        """WITH people AS (
             INSERT INTO users (email, full_name, is_staff)
             SELECT format('member-%s-of-%s@example.net', n, $1::int), 'Member ' || to_char(n, 'FM0000'), true
             FROM generate_series(1, $2::int) n RETURNING id)
           INSERT INTO user_groups (user_id, group_id) SELECT id, $1 FROM people""",
        group_id,
        number,
    )


class TestMembers:
    @pytest.mark.parametrize("number", [0, 3, 50, 51, 1_200])
    async def test_first_ones_are_shown_and_lead_to_all(
        self, desk: Desk, administrator: Visitor, number: int
    ) -> None:
        key = await desk.group_id(await make_group(desk))
        await add_members(desk, key, number)
        page = await administrator.get(f"/admin/group/details/{key}")
        text = main_of(page)
        assert f"Members {number:,}" in text
        assert [f"Member {n:04}" in text for n in (1, 50, 51)] == [number >= 1, number >= 50, False]
        assert ("Nobody is in this group yet." in text) == (number == 0)
        whole_list = f"/admin/user/list?groups={key}"
        assert (f"The first 50 of {number:,} by name are shown." in text) == (number > 50)
        assert (whole_list in links_in(page)) == (number > 50)
        listed = await administrator.get(whole_list)
        assert len(keys_in(listed, "user")) == min(number, 25)

    async def test_are_names_alone_for_who_may_see_no_people(self, desk: Desk, limited: Visitor) -> None:
        key = await desk.group_id(await make_group(desk))
        await add_members(desk, key, 51)
        page = await limited.get(f"/admin/group/details/{key}")
        assert "Member 0050" in main_of(page)
        assert "/admin/user/" not in page.text.partition("<main")[2]


class TestMatrix:
    async def test_grants_what_is_ticked(self, desk: Desk, administrator: Visitor) -> None:
        form = await open_form(administrator.client, CREATE)
        assert form.all("permissions") == []
        boxes = ["ticket:list", "ticket:action:assign", "tag:edit"]
        assert (await form.send(name="Dispatchers", permissions=boxes)).status_code == 303
        assert await grants_of(desk, "Dispatchers") == set(boxes)
        again = await open_form(
            administrator.client, f"/admin/group/edit/{await desk.group_id('Dispatchers')}"
        )
        assert set(again.all("permissions")) == set(boxes)
        assert (await again.send(permissions=["ticket:list"])).status_code == 303
        assert await grants_of(desk, "Dispatchers") == {"ticket:list"}
        entries = await desk.owner.fetch(
            "SELECT action::text, user_id FROM audit_logs"
            " WHERE operation_id = $1 AND table_name <> 'operations'",
            (await desk.newest_operation())["id"],
        )
        assert [tuple(entry) for entry in entries] == [("DELETE", administrator.id)] * 2

    async def test_offers_every_verb_and_no_switch_of_sqladmins(
        self, desk: Desk, administrator: Visitor
    ) -> None:
        page = await administrator.get(CREATE)
        for box in ("ticket:action:purge", "user:action:manage-staff", "operation:action:undo", "tag:export"):
            assert f'value="{box}"' in page.text
        for box in ("seal:export", "ticket:import", "audit-log:edit", "operation:create", "user:delete"):
            assert f'value="{box}"' not in page.text

    async def test_a_box_that_there_is_not(self, desk: Desk, administrator: Visitor) -> None:
        form = await open_form(administrator.client, CREATE)
        before = await desk.watermark()
        for box in ("*:*", "ticket:*", "*:list", "ticket:import", "nonsense", "", "audit-log:edit"):
            answer = await form.send(name="Climbers", permissions=["ticket:list", box])
            assert answer.status_code == 400, box
        assert await desk.watermark() == before

    async def test_without_a_change_writes_nothing(self, desk: Desk, administrator: Visitor) -> None:
        for name in ("Agents", "Administrators"):
            before = await desk.watermark()
            assert (await edited(administrator, await desk.group_id(name))).status_code == 303
            assert await desk.watermark() == before

    async def test_a_name_that_is_taken(self, desk: Desk, administrator: Visitor) -> None:
        form = await open_form(administrator.client, CREATE)
        answer = await form.send(name="Agents")
        assert answer.status_code == 400
        assert "name-error" in answer.text


class TestBeyondOnesOwn:
    @pytest.mark.parametrize("box", ["ticket:list", "group:delete", "user:action:manage-staff"])
    async def test_is_not_given_to_a_new_group(self, desk: Desk, limited: Visitor, box: str) -> None:
        form = await open_form(limited.client, CREATE)
        before = await desk.watermark()
        answer = await form.send(name="Climbers", permissions=["group:list", box])
        assert answer.status_code == 400
        assert "You cannot give what you do not have yourself" in main_of(answer)
        assert await desk.watermark() == before

    async def test_is_not_given_to_ones_own_group(self, desk: Desk, limited: Visitor) -> None:
        assert limited.user is not None
        key = await desk.owner.fetchval("SELECT group_id FROM user_groups WHERE user_id = $1", limited.id)
        before = await desk.watermark()
        answer = await edited(limited, key, permissions=["group:edit", "group:list", "audit-log:list"])
        assert answer.status_code == 400
        assert await desk.watermark() == before

    async def test_stays_where_it_was_given_before(self, desk: Desk, limited: Visitor) -> None:
        name = await make_group(desk, ("ticket", "list"))
        answer = await edited(limited, await desk.group_id(name), permissions=["ticket:list", "group:list"])
        assert answer.status_code == 303, main_of(answer)
        assert await grants_of(desk, name) == {"ticket:list", "group:list"}

    async def test_what_one_has_may_be_given(self, desk: Desk, limited: Visitor) -> None:
        form = await open_form(limited.client, CREATE)
        assert (await form.send(name="Helpers", permissions=["group:list"])).status_code == 303
        assert await grants_of(desk, "Helpers") == {"group:list"}


class TestLastAdministrator:
    async def test_the_group_keeps_what_makes_administrators(
        self, desk: Desk, administrator: Visitor
    ) -> None:
        key = await desk.group_id("Administrators")
        form = await open_form(administrator.client, f"/admin/group/edit/{key}")
        boxes = form.all("permissions")
        for lost in ("group:edit", "user:action:manage-staff"):
            before = await desk.watermark()
            answer = await form.send(permissions=[box for box in boxes if box != lost])
            assert answer.status_code in {400, 409}
            assert "Nobody would be left" in main_of(answer)
            assert await desk.watermark() == before


class TestDeleting:
    async def test_an_empty_one(self, desk: Desk, administrator: Visitor) -> None:
        name = await make_group(desk, ("ticket", "list"))
        form = {"pks": str(await desk.group_id(name)), "confirm": "1"}
        assert (await administrator.post("/admin/group/bulk/delete", form)).status_code == 303
        assert not await desk.owner.fetchval("SELECT count(*) FROM groups WHERE name = $1", name)

    async def test_one_with_members_is_refused(self, desk: Desk, administrator: Visitor) -> None:
        await desk.visitor("agent")
        before = await desk.watermark()
        form = {"pks": str(await desk.group_id("Agents"))}
        asked = await administrator.post("/admin/group/bulk/delete", form)
        assert "0 will change 1 refused: not empty" in main_of(asked)
        await administrator.post("/admin/group/bulk/delete", {**form, "confirm": "1"})
        assert await desk.watermark() == before


@pytest.mark.parametrize("role", ["agent", "supervisor", "auditor", "no group"])
async def test_nobody_else_changes_groups(desk: Desk, administrator: Visitor, role: str) -> None:
    visitor, key = await desk.visitor(role), await desk.group_id("Agents")
    form = await open_form(administrator.client, f"/admin/group/edit/{key}")
    pairs = {name: form.all(name) for name, _ in form.pairs if name not in {"csrf_token", "permissions"}}
    await visitor.token()
    before = await desk.watermark()
    for url in (f"/admin/group/edit/{key}", CREATE, "/admin/group/bulk/delete"):
        sent = {**pairs, "permissions": ["user:action:manage-staff"], "pks": str(key), "confirm": "1"}
        assert (await visitor.post(url, sent)).status_code == 403
    assert await desk.watermark() == before
