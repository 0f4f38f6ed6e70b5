import re

import pytest

from backoffice.database import transaction
from models import Comment, Ticket, User
from tests.admin.desk import Desk, Visitor, statements_of
from tests.admin.lists import links_in, main_of
from tests.admin.records import PNG, upload
from tests.factories import (
    arranging,
    make_attachment,
    make_comment,
    make_staff,
    make_tag,
    make_ticket,
    make_user,
)


@pytest.fixture
async def administrator(desk: Desk) -> Visitor:
    return await desk.visitor("administrator")


async def make_busy_ticket(desk: Desk, count: int) -> Ticket:
    """A ticket with so many comments, notes, attachments, tags and changes, by as many people."""
    async with transaction(desk.factory, arranging()) as session:
        ticket = await make_ticket(session, tags=[await make_tag(session) for _ in range(count)])
        for number in range(count):
            author = await make_staff(session)
            await make_comment(session, ticket=ticket, author_id=author.id, is_internal=bool(number % 2))
            await make_attachment(session, ticket=ticket, uploaded_by_id=author.id)
    for number in range(count):
        async with transaction(desk.factory, arranging(actor_id=author.id)) as session:
            found = await session.get_one(Ticket, ticket.id)
            found.title = f"Title {number}"
    return ticket


class TestCost:
    """As many statements whatever there is to show; nothing is loaded on the way (that would be a 500)."""

    async def _statements(self, desk: Desk, visitor: Visitor, url: str) -> int:
        await visitor.get("/admin/account")
        with statements_of(desk.app) as sent:
            answer = await visitor.get(url)
        assert answer.status_code == 200, answer.text
        return len(sent)

    async def test_of_a_ticket(self, desk: Desk, administrator: Visitor) -> None:
        few, many = await make_busy_ticket(desk, 3), await make_busy_ticket(desk, 60)
        counts = [
            await self._statements(desk, administrator, f"/admin/ticket/details/{ticket.id}")
            for ticket in (few, many)
        ]
        # The history of the busier one is not whole on its page: who set each field last is looked for.
        assert counts == [6, 7]
        page = main_of(await administrator.get(f"/admin/ticket/details/{many.id}"))
        assert "Conversation 60" in page
        assert "Attachments 60" in page

    async def test_of_a_group(self, desk: Desk, administrator: Visitor) -> None:
        url = f"/admin/group/details/{await desk.group_id('Auditors')}"
        before = await self._statements(desk, administrator, url)
        for _ in range(30):
            await desk.make_member("Auditors")
        assert await self._statements(desk, administrator, url) == before <= 10

    async def test_of_an_operation(self, desk: Desk, administrator: Visitor) -> None:
        counts = []
        for number in (3, 60):
            change = arranging()
            async with transaction(desk.factory, change) as session:
                for _ in range(number):
                    await make_ticket(session)
            url = f"/admin/operation/details/{change.operation_id}"
            counts.append(await self._statements(desk, administrator, url))
        assert counts[0] == counts[1] <= 12

    async def test_of_a_person(self, desk: Desk, administrator: Visitor) -> None:
        counts = []
        for number in (3, 60):
            async with transaction(desk.factory, arranging()) as session:
                person = await make_user(session)
                for _ in range(number):
                    await make_ticket(session, creator_id=person.id)
            counts.append(await self._statements(desk, administrator, f"/admin/user/details/{person.id}"))
        assert counts[0] == counts[1] <= 8

    async def test_of_the_index(self, desk: Desk, administrator: Visitor) -> None:
        await self._crowd(desk, administrator, 40)
        before = await self._statements(desk, administrator, "/admin/")
        await self._crowd(desk, administrator, 40)
        assert await self._statements(desk, administrator, "/admin/") == before <= 25

    async def _crowd(self, desk: Desk, administrator: Visitor, number: int) -> None:
        await make_busy_ticket(desk, 10)
        async with transaction(desk.factory, arranging()) as session:
            for each in range(number):
                await make_ticket(session, assignee_id=administrator.id if each % 2 else None)

    @pytest.mark.parametrize(
        "page", ["ticket", "comment", "attachment", "tag", "user", "operation", "audit-log", "group"]
    )
    async def test_of_lists(self, desk: Desk, administrator: Visitor, page: str) -> None:
        url = f"/admin/{page}/list?pageSize=100"
        # A list that fits on its page is not counted.
        await make_busy_ticket(desk, 110)
        # What is asked once in a while is asked.
        await administrator.get(url)
        before = await self._statements(desk, administrator, url)
        await make_busy_ticket(desk, 20)
        await desk.owner.execute(
            "INSERT INTO groups (name) SELECT gen_random_uuid()::text FROM generate_series(1, 9)"
        )
        assert await self._statements(desk, administrator, url) == before <= 6


class TestNothingThere:
    @pytest.mark.parametrize(
        "key", ["abc", "0", "999999999", "99999999999999999999", "-1", "1.0", "%00", "1%00", "%20", "٣", "1'"]
    )
    @pytest.mark.parametrize(
        "page", ["ticket", "comment", "attachment", "tag", "user", "group", "operation", "audit-log"]
    )
    async def test_is_a_page_that_says_so(self, administrator: Visitor, page: str, key: str) -> None:
        for kind in ("details", "edit"):
            answer = await administrator.get(f"/admin/{page}/{kind}/{key}")
            assert answer.status_code in ({400} if "%00" in key else {403, 404})
            assert "<main" in answer.text

    async def test_of_a_uuid(self, administrator: Visitor) -> None:
        answer = await administrator.get("/admin/operation/details/00000000-0000-0000-0000-000000000000")
        assert answer.status_code == 404


class TestHistory:
    async def test_says_who_when_and_what_became_what(self, desk: Desk, administrator: Visitor) -> None:
        async with transaction(desk.factory, arranging()) as session:
            ticket = await make_ticket(session, title="Before")
        form = {"pks": str(ticket.id), "status": "closed", "confirm": "1"}
        await administrator.post("/admin/ticket/bulk/set-status", form)
        page = await administrator.get(f"/admin/ticket/details/{ticket.id}")
        assert administrator.user is not None
        history = main_of(page).partition("History")[2]
        assert f"{administrator.user.full_name} set the status of this ticket" in history
        assert re.search(r"Status (Open|open) → became (Closed|closed)", history)
        operation = await desk.newest_operation()
        assert f"/admin/operation/details/{operation['id']}" in links_in(page)

    async def test_links_only_to_what_one_may_see(self, desk: Desk, administrator: Visitor) -> None:
        async with transaction(desk.factory, arranging()) as session:
            ticket = await make_ticket(session)
        form = {"pks": str(ticket.id), "status": "closed", "confirm": "1"}
        await administrator.post("/admin/ticket/bulk/set-status", form)
        operation = (await desk.newest_operation())["id"]
        for role, sees in (("agent", False), ("supervisor", True), ("auditor", True)):
            page = await (await desk.visitor(role)).get(f"/admin/ticket/details/{ticket.id}")
            assert (f"/admin/operation/details/{operation}" in links_in(page)) == sees
            assert ("/admin/audit-log/details/" in page.text) == (role == "auditor")

    async def test_page_by_page(self, desk: Desk, administrator: Visitor) -> None:
        ticket = await make_busy_ticket(desk, 40)
        page = await administrator.get(f"/admin/ticket/details/{ticket.id}")
        assert "Title 39" in main_of(page)
        (older,) = {link for link in links_in(page) if "before=" in link}
        second = await administrator.get(older)
        assert second.status_code == 200
        history = main_of(second).partition("History")[2]
        assert "Title 39" not in history
        assert "Title 3 " in history

    @pytest.mark.parametrize("before", ["abc", "-1", "1e9", "99999999999999999999", "1;2"])
    async def test_a_place_that_is_none(self, desk: Desk, administrator: Visitor, before: str) -> None:
        async with transaction(desk.factory, arranging()) as session:
            ticket = await make_ticket(session)
        answer = await administrator.get(f"/admin/ticket/details/{ticket.id}", params={"before": before})
        assert answer.status_code == 400

    async def test_tells_no_secret(self, desk: Desk, administrator: Visitor) -> None:
        person = await desk.make_member("Agents")
        await desk.owner.execute("UPDATE users SET password_hash = 'a new secret' WHERE id = $1", person.id)
        page = await administrator.get(f"/admin/user/details/{person.id}")
        assert "changed; its value is not kept" in page.text
        assert "a new secret" not in page.text
        assert "argon2" not in page.text


class TestActions:
    async def test_are_those_that_one_may_take(self, desk: Desk) -> None:
        async with transaction(desk.factory, arranging()) as session:
            ticket = await make_ticket(session)
        offered = {
            "agent": ["edit", "trash"],
            "supervisor": ["edit", "trash"],
            "auditor": [],
            "administrator": ["edit", "trash"],
        }
        for role, actions in offered.items():
            page = await (await desk.visitor(role)).get(f"/admin/ticket/details/{ticket.id}")
            assert self._offered(page.text, ticket.id) == actions, role
        await desk.owner.execute("UPDATE tickets SET deleted_at = now() WHERE id = $1", ticket.id)
        in_the_trash = {"agent": [], "supervisor": ["restore"], "administrator": ["restore", "purge"]}
        for role, actions in in_the_trash.items():
            page = await (await desk.visitor(role)).get(f"/admin/ticket/details/{ticket.id}")
            assert self._offered(page.text, ticket.id) == actions, role
            assert "In the trash" in main_of(page) or "in the trash" in main_of(page)

    def _offered(self, html: str, key: int) -> list[str]:
        edit = ["edit"] if f"/admin/ticket/edit/{key}" in html else []
        return edit + re.findall(r'action="/admin/ticket/bulk/([\w-]+)', html)


class TestParentsAndChildrenInTheTrash:
    async def test_what_lies_there_is_left_out_of_a_live_ticket(
        self, desk: Desk, administrator: Visitor
    ) -> None:
        ticket = await make_busy_ticket(desk, 2)
        first = await desk.owner.fetchval("SELECT min(id) FROM comments WHERE ticket_id = $1", ticket.id)
        await desk.owner.execute("UPDATE comments SET deleted_at = now() WHERE id = $1", first)
        page = main_of(await administrator.get(f"/admin/ticket/details/{ticket.id}"))
        assert "Conversation 1" in page

    async def test_a_child_still_names_a_parent_that_lies_there(
        self, desk: Desk, administrator: Visitor
    ) -> None:
        """A relation to a parent in the trash is no blank."""
        async with transaction(desk.factory, arranging()) as session:
            ticket = await make_ticket(session, title="Trashed parent")
            comment: Comment = await make_comment(session, ticket=ticket)
        await desk.owner.execute("UPDATE tickets SET deleted_at = now() WHERE id = $1", ticket.id)
        attachment = await self._attachment_of(desk, ticket.id)
        for url in (f"/admin/comment/details/{comment.id}", f"/admin/attachment/details/{attachment}"):
            assert ticket.ticket_number in main_of(await administrator.get(url))

    async def _attachment_of(self, desk: Desk, ticket_id: int) -> int:
        await desk.owner.execute("UPDATE tickets SET deleted_at = NULL WHERE id = $1", ticket_id)
        key = await upload(desk, ticket_id, PNG)
        await desk.owner.execute("UPDATE tickets SET deleted_at = now() WHERE id = $1", ticket_id)
        return key

    async def test_an_assignee_who_has_left_is_still_named(self, desk: Desk, administrator: Visitor) -> None:
        async with transaction(desk.factory, arranging()) as session:
            left: User = await make_staff(session, full_name="Lea Left", is_active=False)
            ticket = await make_ticket(session, assignee_id=left.id)
        for url in (f"/admin/ticket/details/{ticket.id}", "/admin/ticket/list"):
            assert "Lea Left" in main_of(await administrator.get(url))
