"""Restoring fields as they were: asked first, by the rules of the form, past nobody's changes."""

from html import unescape
from typing import Any
from urllib.parse import quote

import pytest
from httpx import Response

from backoffice.database import transaction
from backoffice.desk import move_to_trash
from models import Base, Tag, Ticket, TicketStatus, User
from tests.admin.desk import Desk, Visitor, hidden_in
from tests.admin.records import row
from tests.factories import arranging, make_staff, make_tag, make_ticket, make_user
from tests.performing import perform, sql

IDENTITIES = {Ticket: "ticket", User: "user", Tag: "tag"}


async def added(desk: Desk, make: Any, **fields: Any) -> Any:
    async with transaction(desk.factory, arranging()) as session:
        return await make(session, **fields)


async def moment(desk: Desk) -> str:
    return (await desk.owner.fetchval("SELECT clock_timestamp()")).isoformat()


async def change(desk: Desk, record: Base, **values: Any) -> None:
    for name, value in values.items():
        literal = "NULL" if value is None else f"'{value}'"
        table, key = record.__tablename__, record.id  # type: ignore[attr-defined]
        await sql(desk.factory, f"UPDATE {table} SET {name} = {literal} WHERE id = {key}")


class Restoring:
    """What somebody does on the page of a record's past."""

    def __init__(self, visitor: Visitor, record: Any, at: str) -> None:
        self.visitor = visitor
        self.url = f"/admin/{IDENTITIES[type(record)]}/past/{record.id}"
        self.at = at
        self.hidden: dict[str, list[str]] = {}

    async def look(self) -> str:
        page = (await self.visitor.get(f"{self.url}?at={quote(self.at)}")).text
        self.hidden = hidden_in(page)
        return page

    async def ask(self, *fields: str) -> Response:
        return self._noted(await self.visitor.post(self.url, {**self.hidden, "fields": fields}))

    async def confirm(self, *fields: str) -> Response:
        return self._noted(await self.visitor.post(self.url, {**self.hidden, "fields": fields}))

    def _noted(self, answer: Response) -> Response:
        if 'class="record-form"' in answer.text:
            self.hidden = hidden_in(answer.text)
        return answer

    async def do(self, *fields: str) -> Response:
        """All three steps."""
        await self.look()
        await self.ask(*fields)
        return await self.confirm(*fields)


class TestRestore:
    async def test_puts_back_what_was_ticked_alone(self, desk: Desk) -> None:
        sam, tim = await added(desk, make_staff), await added(desk, make_staff)
        first, second = await added(desk, make_tag), await added(desk, make_tag)
        ticket = await added(
            desk, make_ticket, title="one", description="  a\r\nb ", assignee_id=sam.id, tags=[first]
        )
        at = await moment(desk)
        await change(desk, ticket, title="two", description="c", assignee_id=tim.id, priority="high")
        await sql(desk.factory, f"UPDATE ticket_tags SET tag_id = {second.id} WHERE ticket_id = {ticket.id}")
        restoring = Restoring(await desk.visitor("agent"), ticket, at)
        page = await restoring.look()
        assert page.count('name="fields"') == 5
        asked = (await restoring.ask("title", "description", "assignee", "tags")).text
        assert "two" in asked
        assert (await row(desk, "tickets", ticket.id))["title"] == "two"
        answer = await restoring.confirm("title", "description", "assignee", "tags")
        assert answer.status_code == 303
        stored = await row(desk, "tickets", ticket.id)
        # To the letter: a form would have trimmed it.
        assert (stored["title"], stored["description"]) == ("one", "  a\r\nb ")
        assert (stored["assignee_id"], stored["priority"]) == (sam.id, "high")
        tags = "SELECT array_agg(tag_id) FROM ticket_tags WHERE ticket_id = $1"
        assert await desk.owner.fetchval(tags, ticket.id) == [first.id]

    async def test_is_an_operation_that_can_be_undone(self, desk: Desk) -> None:
        ticket = await added(desk, make_ticket, title="one")
        at = await moment(desk)
        await change(desk, ticket, title="two")
        supervisor = await desk.visitor("supervisor")
        assert (await Restoring(supervisor, ticket, at).do("title")).status_code == 303
        operation = await desk.newest_operation()
        assert operation["verb"] == "ticket.restore-version"
        assert operation["actor_id"] == supervisor.id
        assert (await supervisor.post(f"/admin/operation/{operation['id']}/undo")).status_code == 303
        assert (await row(desk, "tickets", ticket.id))["title"] == "two"

    async def test_of_a_status_brings_the_moment_of_resolution_along(self, desk: Desk) -> None:
        ticket = await added(desk, make_ticket, status=TicketStatus.RESOLVED)
        resolved_at = (await row(desk, "tickets", ticket.id))["resolved_at"]
        at = await moment(desk)
        await change(desk, ticket, status="open")
        assert (await row(desk, "tickets", ticket.id))["resolved_at"] is None
        assert (await Restoring(await desk.visitor("agent"), ticket, at).do("status")).status_code == 303
        assert (await row(desk, "tickets", ticket.id))["resolved_at"] == resolved_at

    async def test_says_when_nothing_is_left_to_do(self, desk: Desk) -> None:
        ticket = await added(desk, make_ticket, title="one")
        at = await moment(desk)
        await change(desk, ticket, title="two")
        restoring = Restoring(await desk.visitor("agent"), ticket, at)
        await restoring.look()
        await change(desk, ticket, title="one")
        answer = await restoring.ask("title")
        assert "All that you ticked is so already." in answer.text

    @pytest.mark.parametrize("fields", [(), ("password_hash",), ("id", "created_at")])
    async def test_of_nothing_is_refused(self, desk: Desk, fields: tuple[str, ...]) -> None:
        ticket = await added(desk, make_ticket, title="one")
        at = await moment(desk)
        await change(desk, ticket, title="two")
        restoring = Restoring(await desk.visitor("agent"), ticket, at)
        await restoring.look()
        answer = await restoring.ask(*fields)
        assert answer.status_code == 400
        assert "Nothing is ticked" in answer.text


class TestConflict:
    async def test_shows_all_three_and_changes_nothing(self, desk: Desk) -> None:
        ticket = await added(desk, make_ticket, title="one", description="first")
        at = await moment(desk)
        await change(desk, ticket, title="two", description="second")
        restoring = Restoring(await desk.visitor("agent"), ticket, at)
        await restoring.look()
        await restoring.ask("title", "description")
        await change(desk, ticket, title="three")
        answer = await restoring.confirm("title", "description")
        assert answer.status_code == 409
        for words in (">one<", ">two<", ">three<", "Changed while you looked"):
            assert words in answer.text
        assert 'value="title">' in answer.text
        assert 'value="description" checked>' in answer.text
        stored = await row(desk, "tickets", ticket.id)
        assert (stored["title"], stored["description"]) == ("three", "second")
        assert (await restoring.confirm("title", "description")).status_code == 303
        stored = await row(desk, "tickets", ticket.id)
        assert (stored["title"], stored["description"]) == ("one", "first")

    async def test_is_noticed_from_the_first_page_on(self, desk: Desk) -> None:
        ticket = await added(desk, make_ticket, title="one")
        at = await moment(desk)
        await change(desk, ticket, title="two")
        restoring = Restoring(await desk.visitor("agent"), ticket, at)
        await restoring.look()
        await change(desk, ticket, title="three")
        assert "Changed while you looked" in (await restoring.ask("title")).text

    async def test_is_none_where_another_field_was_changed(self, desk: Desk) -> None:
        ticket = await added(desk, make_ticket, title="one")
        at = await moment(desk)
        await change(desk, ticket, title="two")
        restoring = Restoring(await desk.visitor("agent"), ticket, at)
        await restoring.look()
        await restoring.ask("title")
        await change(desk, ticket, priority="urgent")
        assert (await restoring.confirm("title")).status_code == 303
        stored = await row(desk, "tickets", ticket.id)
        assert (stored["title"], stored["priority"]) == ("one", "urgent")


class TestRefusals:
    async def test_are_single(self, desk: Desk) -> None:
        sam = await added(desk, make_staff)
        ticket = await added(desk, make_ticket, title="one", assignee_id=sam.id)
        at = await moment(desk)
        await change(desk, ticket, title="two", assignee_id=None)
        await change(desk, sam, is_active=False)
        restoring = Restoring(await desk.visitor("agent"), ticket, at)
        await restoring.look()
        page = unescape((await restoring.ask("title", "assignee")).text)
        assert "it is gone, or can no longer be chosen" in page
        assert (await restoring.confirm("title", "assignee")).status_code == 303
        stored = await row(desk, "tickets", ticket.id)
        assert (stored["title"], stored["assignee_id"]) == ("one", None)

    async def test_of_what_is_taken(self, desk: Desk) -> None:
        tag = await added(desk, make_tag, name="taken one")
        at = await moment(desk)
        await change(desk, tag, name="another name")
        await added(desk, make_tag, name="taken one")
        restoring = Restoring(await desk.visitor("supervisor"), tag, at)
        await restoring.look()
        assert "another tag has it by now" in (await restoring.ask("name")).text

    async def test_of_a_record_in_the_trash(self, desk: Desk) -> None:
        ticket = await added(desk, make_ticket, title="one")
        at = await moment(desk)
        await change(desk, ticket, title="two")
        restoring = Restoring(await desk.visitor("agent"), ticket, at)
        await restoring.look()
        await perform(desk.factory, move_to_trash(), [ticket.id])
        answer = await restoring.ask("title")
        assert answer.status_code == 409
        assert "in the trash" in answer.text

    async def test_of_a_form_without_its_hidden_fields(self, desk: Desk) -> None:
        ticket = await added(desk, make_ticket, title="one")
        at = await moment(desk)
        await change(desk, ticket, title="two")
        restoring = Restoring(await desk.visitor("agent"), ticket, at)
        for hidden in ({}, {"at": at}, {"at": at, "base": "{}"}, {"at": "x", "base": "{}"}):
            restoring.hidden = {name: [value] for name, value in hidden.items()}
            assert (await restoring.ask("title")).status_code == 400
        assert (await row(desk, "tickets", ticket.id))["title"] == "two"


class TestPeople:
    async def test_groups_and_passwords_stay(self, desk: Desk) -> None:
        member = await desk.make_member("Supervisors")
        at = await moment(desk)
        await sql(desk.factory, f"DELETE FROM user_groups WHERE user_id = {member.id}")
        await change(desk, member, password_hash="another hash", full_name="Somebody Else")
        restoring = Restoring(await desk.visitor("administrator"), member, at)
        page = await restoring.look()
        assert 'value="groups"' not in page
        assert "another" not in page.lower()
        answer = await restoring.do("groups", "password", "full_name")
        assert answer.status_code == 303
        groups = "SELECT count(*) FROM user_groups WHERE user_id = $1"
        assert await desk.owner.fetchval(groups, member.id) == 0
        stored = await row(desk, "users", member.id)
        assert (stored["password_hash"], stored["full_name"]) == ("another hash", member.full_name)

    async def test_staff_is_restored_by_those_who_manage_staff(self, desk: Desk) -> None:
        person = await added(desk, make_user, is_staff=True, full_name="Before")
        at = await moment(desk)
        await change(desk, person, is_staff=False, full_name="After")
        restoring = Restoring(await desk.visitor("supervisor"), person, at)
        assert 'value="is_staff"' not in await restoring.look()
        assert (await restoring.do("is_staff", "full_name")).status_code == 303
        stored = await row(desk, "users", person.id)
        assert (stored["is_staff"], stored["full_name"]) == (False, "Before")

    async def test_nobody_restores_their_own_deactivation(self, desk: Desk) -> None:
        administrator = await desk.newcomer("administrator")
        person = administrator.user
        assert person is not None
        await change(desk, person, is_active=False)
        at = await moment(desk)
        await change(desk, person, is_active=True)
        answer = await Restoring(administrator, person, at).do("is_active")
        assert answer.status_code == 409
        assert "deactivate your own account" in unescape(answer.text)
        assert (await row(desk, "users", person.id))["is_active"]
