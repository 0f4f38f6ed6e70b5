"""Editing fields of many rows at once: those that are ticked, by the rules of the edit form."""

import json
from typing import Any

import pytest
from httpx import Response

from backoffice.admin.bulk_edit import EditAction
from backoffice.admin.forms import Section
from backoffice.admin.view import View
from backoffice.database import transaction
from backoffice.errors import ConfigurationError
from models import Tag, TicketStatus
from tests.admin.desk import Desk, Visitor
from tests.admin.lists import main_of
from tests.admin.page_forms import errors_in, form_in, history_from_now
from tests.factories import arranging, make_comment, make_staff, make_tag, make_ticket, make_user


@pytest.fixture
async def supervisor(desk: Desk) -> Visitor:
    visitor = await desk.visitor("supervisor")
    await visitor.token()
    return visitor


async def make_tickets(desk: Desk, *rows: dict[str, Any]) -> list[int]:
    async with transaction(desk.factory, arranging()) as session:
        customer = await make_user(session)
        return [(await make_ticket(session, **{"creator_id": customer.id, **row})).id for row in rows]


async def ask(visitor: Visitor, page: str, keys: list[int]) -> Response:
    """The form, as a list asks for it."""
    return await visitor.post(f"/admin/{page}/bulk/edit", {"pks": [str(key) for key in keys]})


async def preview(visitor: Visitor, page: str, keys: list[int], change: list[str], **fields: Any) -> Response:
    """The confirmation, once the form was filled in."""
    return await form_in(visitor.client, await ask(visitor, page, keys)).send(change=change, **fields)


async def tickets(desk: Desk, keys: list[int], columns: str) -> list[tuple[Any, ...]]:
    rows = await desk.owner.fetch(f"SELECT {columns} FROM tickets WHERE id = ANY($1) ORDER BY id", keys)
    return [tuple(row) for row in rows]


class TestForm:
    async def test_ticks_nothing_by_itself(self, desk: Desk, supervisor: Visitor) -> None:
        [key] = await make_tickets(desk, {})
        asked = await ask(supervisor, "ticket", [key])
        form = form_in(supervisor.client, asked)
        assert form.all("change") == []
        assert "Tick what shall change; all else stays as it is" in main_of(asked)
        assert "required" not in asked.text.partition('id="change"')[2].partition("</form>")[0]

    async def test_shows_what_one_may_edit(self, desk: Desk, supervisor: Visitor) -> None:
        async with transaction(desk.factory, arranging()) as session:
            person = await make_user(session)
        offered = {}
        for role in ("supervisor", "administrator"):
            visitor = await desk.visitor(role)
            text = (await ask(visitor, "user", [person.id])).text
            offered[role] = [name for name in ("is_active", "is_staff") if f'value="{name}"' in text]
        assert offered == {"supervisor": ["is_active"], "administrator": ["is_active", "is_staff"]}

    async def test_nothing_chosen(self, desk: Desk, supervisor: Visitor) -> None:
        keys = await make_tickets(desk, {})
        mark = await desk.watermark()
        form = form_in(supervisor.client, await ask(supervisor, "ticket", keys))
        for confirm in ({}, {"confirm": "1"}):
            answer = await form.send(status="closed", **confirm)
            assert answer.status_code == 400
            assert errors_in(answer) == {"change": "Choose at least one field to change."}
        assert await desk.watermark() == mark

    async def test_what_was_chosen_stays_ticked(self, desk: Desk, supervisor: Visitor) -> None:
        keys = await make_tickets(desk, {})
        asked = await preview(supervisor, "ticket", keys, ["priority"], priority="urgent")
        form = form_in(supervisor.client, asked)
        assert (form.all("change"), form["priority"]) == (["priority"], "urgent")

    @pytest.mark.parametrize(
        ("change", "fields", "field"),
        [
            (["status"], {"status": "nonsense"}, "status"),
            (["status"], {"status": ""}, "status"),
            (["status"], {"status": None}, "status"),
            (["assignee"], {"assignee": "999999999"}, "assignee"),
            (["assignee"], {"assignee": "abc"}, "assignee"),
            (["creator"], {"creator": ""}, "creator"),
            (["tags"], {"tags": ["999999999"]}, "tags"),
            (["title"], {"title": "All the same"}, "change"),
            (["deleted_at"], {"deleted_at": "2026-01-01"}, "change"),
            (["status", "nonsense"], {}, "change"),
        ],
    )
    async def test_what_makes_no_sense_is_said_at_the_field(
        self, desk: Desk, supervisor: Visitor, change: list[str], fields: dict[str, Any], field: str
    ) -> None:
        keys = await make_tickets(desk, {})
        mark = await desk.watermark()
        for confirm in ({}, {"confirm": "1"}):
            answer = await preview(supervisor, "ticket", keys, change, **fields, **confirm)
            assert answer.status_code == 400
            assert list(errors_in(answer)) == [field]
        assert await desk.watermark() == mark

    async def test_what_is_not_ticked_may_make_no_sense(self, desk: Desk, supervisor: Visitor) -> None:
        keys = await make_tickets(desk, {})
        asked = await preview(supervisor, "ticket", keys, ["priority"], priority="low", status="", tags=["x"])
        assert "1 will change" in main_of(asked)


class TestTickets:
    async def test_several_fields_at_once_and_back(self, desk: Desk, supervisor: Visitor) -> None:
        async with transaction(desk.factory, arranging()) as session:
            agent, old, new = await make_staff(session), await make_tag(session), await make_tag(session)
        states = [{}, {"status": TicketStatus.CLOSED, "tags": [old]}, {"assignee_id": agent.id}, {}]
        keys = await make_tickets(desk, *states)
        await desk.owner.execute("UPDATE tickets SET deleted_at = now() WHERE id = $1", keys[3])
        columns = "status, assignee_id, ARRAY(SELECT tag_id FROM ticket_tags WHERE ticket_id = id)"
        before = await tickets(desk, keys, columns)
        versions = await tickets(desk, keys, "xmin::text, updated_at")
        change = ["status", "assignee", "tags"]
        fields = {"status": "resolved", "assignee": str(agent.id), "tags": [str(new.id)]}
        asked = await preview(supervisor, "ticket", keys, change, **fields)
        assert "3 will change 1 refused: in the trash" in main_of(asked)
        answer = await form_in(supervisor.client, asked).send(reason="All is well")
        assert answer.status_code == 303
        assert await tickets(desk, keys[:3], columns) == [("resolved", agent.id, [new.id])] * 3
        now = await tickets(desk, keys, "xmin::text, updated_at")
        assert [one != other for one, other in zip(versions, now, strict=True)] == [True, True, True, False]
        operation = await desk.newest_operation()
        assert (operation["verb"], operation["reason"]) == ("ticket.edit", "All is well")
        assert set(json.loads(operation["parameters"])) == set(change)
        assert (
            "3 tickets edited. 1 refused: in the trash." in (await supervisor.get("/admin/ticket/list")).text
        )
        undone = await supervisor.post(f"/admin/operation/{operation['id']}/undo")
        assert undone.status_code == 303
        assert await tickets(desk, keys, columns) == before

    async def test_already_so_is_all_of_it(self, desk: Desk, supervisor: Visitor) -> None:
        both = {"status": TicketStatus.CLOSED, "priority": "low"}
        keys = await make_tickets(desk, both, {**both, "priority": "high"})
        history = await history_from_now(desk.owner)
        fields = {"status": "closed", "priority": "low"}
        asked = await preview(supervisor, "ticket", keys, ["status", "priority"], **fields)
        assert "1 will change 1 already is so" in main_of(asked)
        assert (await form_in(supervisor.client, asked).send()).status_code == 303
        assert await history.entries() == [("tickets", "UPDATE", {"priority": ("high", "low")})]

    async def test_empty_is_a_value(self, desk: Desk, supervisor: Visitor) -> None:
        async with transaction(desk.factory, arranging()) as session:
            agent, tag = await make_staff(session), await make_tag(session)
        [key] = await make_tickets(desk, {"assignee_id": agent.id, "tags": [tag]})
        asked = await preview(supervisor, "ticket", [key], ["assignee", "tags"], assignee="", tags=[])
        assert f"Assignee {agent.full_name} → becomes empty" in main_of(asked)
        assert (await form_in(supervisor.client, asked).send()).status_code == 303
        assert await tickets(desk, [key], "assignee_id, status") == [(None, "open")]
        assert not await desk.owner.fetchval("SELECT count(*) FROM ticket_tags WHERE ticket_id = $1", key)

    async def test_as_a_job(self, desk: Desk, supervisor: Visitor) -> None:
        """More than a request does by itself; what was chosen is kept as JSON until then."""
        async with transaction(desk.factory, arranging()) as session:
            agent = await make_staff(session)
        keys = await make_tickets(desk, *[{}] * 3)
        settings = desk.app.state.site.settings
        at_once, settings.__dict__["rows_at_once"] = settings.rows_at_once, 2
        try:
            fields = {"assignee": str(agent.id), "priority": "high"}
            asked = await preview(supervisor, "ticket", keys, ["assignee", "priority"], **fields)
            assert (await form_in(supervisor.client, asked).send()).status_code == 303
        finally:
            settings.__dict__["rows_at_once"] = at_once
        await desk.work_off()
        assert await tickets(desk, keys, "assignee_id, priority") == [(agent.id, "high")] * 3


class TestOtherPages:
    async def test_comments(self, desk: Desk, supervisor: Visitor) -> None:
        async with transaction(desk.factory, arranging()) as session:
            ticket = await make_ticket(session)
            keys = [(await make_comment(session, ticket=ticket, is_internal=one)).id for one in (True, False)]
        asked = await preview(supervisor, "comment", keys, ["is_internal"], is_internal="yes")
        assert "1 will change 1 already is so" in main_of(asked)
        assert (await form_in(supervisor.client, asked).send()).status_code == 303
        count = "SELECT count(*) FROM comments WHERE is_internal AND id = ANY($1)"
        assert await desk.owner.fetchval(count, keys) == 2

    async def test_tags(self, desk: Desk, supervisor: Visitor) -> None:
        async with transaction(desk.factory, arranging()) as session:
            keys = [(await make_tag(session, description="Old")).id for _ in range(2)]
        fields = {"color": "#AABBCC", "description": "  "}
        asked = await preview(supervisor, "tag", keys, ["color", "description"], **fields)
        assert (await form_in(supervisor.client, asked).send()).status_code == 303
        rows = await desk.owner.fetch("SELECT color, description FROM tags WHERE id = ANY($1)", keys)
        assert [tuple(row) for row in rows] == [("#aabbcc", None)] * 2
        wrong = await preview(supervisor, "tag", keys, ["color"], color="blue")
        assert (wrong.status_code, list(errors_in(wrong))) == (400, ["color"])

    async def test_not_without_the_right_to_edit_one(self, desk: Desk) -> None:
        async with transaction(desk.factory, arranging()) as session:
            tag = await make_tag(session)
        group_id = await desk.owner.fetchval("INSERT INTO groups (name) VALUES ('Many') RETURNING id")
        grants = "INSERT INTO group_accesses (group_id, identity, action) VALUES ($1, 'tag', $2)"
        for action in ("list", "details", "action:edit"):
            await desk.owner.execute(grants, group_id, action)
        visitor = await desk.browser(await desk.make_member("Many"))
        email = await desk.owner.fetchval("SELECT email FROM users ORDER BY id DESC LIMIT 1")
        await visitor.sign_in(email)
        assert (await ask(visitor, "tag", [tag.id])).status_code == 403
        assert "bulk/edit" not in (await visitor.get("/admin/tag/list")).text
        await desk.owner.execute(grants, group_id, "edit")
        assert (await ask(visitor, "tag", [tag.id])).status_code == 200


class TestDeclaration:
    @pytest.mark.parametrize(
        ("fields", "actions", "sentence"),
        [
            (["description"], [EditAction()], "names description, which the form does not have"),
            (["name"], [EditAction()], "name cannot be edited in many rows at once"),
            (["color"], [], "go together"),
            ([], [EditAction()], "go together"),
        ],
    )
    def test_that_cannot_work_is_refused(
        self, fields: list[str], actions: list[EditAction], sentence: str
    ) -> None:
        form = [Section("All", ["name", "color"])]
        body = {"form_sections": form, "bulk_edit_fields": fields, "bulk_actions": actions}
        declared = type(View)("Declared", (View,), body, model=Tag)
        with pytest.raises(ConfigurationError, match=sentence):
            declared()
