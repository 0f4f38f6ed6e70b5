"""A record's history and who set its fields, as its page shows them."""

import re
from html import unescape
from urllib.parse import quote

import pytest
from httpx import Response

from backoffice.database import transaction
from models import Comment, Tag, Ticket
from tests.admin.desk import Desk, Visitor
from tests.admin.lists import links_in, main_of
from tests.factories import arranging, make_attachment, make_comment, make_staff, make_tag, make_ticket

LONG = (
    "The printer on the third floor jams at every page. " + "We tried again and again. " * 12 + "Please help."
)


@pytest.fixture
async def administrator(desk: Desk) -> Visitor:
    return await desk.visitor("administrator")


@pytest.fixture
async def ticket(desk: Desk) -> Ticket:
    async with transaction(desk.factory, arranging()) as session:
        return await make_ticket(session, description=LONG)


async def change(desk: Desk, model: type[Ticket | Comment | Tag], key: int, **fields: object) -> None:
    """An edit by the system, as an operation of its own."""
    async with transaction(desk.factory, arranging(reason=str(fields.pop("reason", "")) or None)) as session:
        record = await session.get_one(model, key)
        for name, value in fields.items():
            setattr(record, name, value)


async def shown(visitor: Visitor, ticket: Ticket) -> Response:
    answer = await visitor.get(f"/admin/ticket/details/{ticket.id}")
    assert answer.status_code == 200, answer.text
    return answer


def history_in(page: Response) -> str:
    return main_of(page).partition("History")[2]


class TestSteps:
    async def test_are_one_an_operation_with_all_that_it_did(
        self, desk: Desk, administrator: Visitor, ticket: Ticket
    ) -> None:
        async with transaction(desk.factory, arranging(reason="Asked on the phone")) as session:
            found = await session.get_one(Ticket, ticket.id)
            found.title, found.priority = "Another title", "high"
            await make_comment(session, ticket=found, content="Written with it")
            await make_attachment(session, ticket=found, filename="with-it.png")
        page = await shown(administrator, ticket)
        newest = page.text.partition('<ol class="events">')[2].partition("</li>")[0]
        for text in ("Another title", "High", "Written with it", "with-it.png", "Asked on the phone"):
            assert text in newest
        assert newest.count("event-head") == 1

    async def test_tell_of_what_belongs_to_the_record(
        self, desk: Desk, administrator: Visitor, ticket: Ticket
    ) -> None:
        async with transaction(desk.factory, arranging()) as session:
            comment = await make_comment(session, ticket=ticket, content="Before")
        await change(desk, Comment, comment.id, content="After")
        await desk.owner.execute("DELETE FROM comments WHERE id = $1", comment.id)
        history = history_in(await shown(administrator, ticket))
        assert history.count(f"Comment {comment.id}") == 3
        assert "Before → became After" in history
        assert f"Comment {comment.id} deleted" in history

    async def test_outside_of_any_operation_stand_under_the_database_role(
        self, desk: Desk, administrator: Visitor, ticket: Ticket
    ) -> None:
        await desk.owner.execute("UPDATE tickets SET title = 'By hand' WHERE id = $1", ticket.id)
        history = history_in(await shown(administrator, ticket))
        assert "backoffice_owner changed it in the database, outside of any operation" in history

    async def test_lead_to_the_record_as_of_then(self, administrator: Visitor, ticket: Ticket) -> None:
        (past,) = {link for link in links_in(await shown(administrator, ticket)) if "/past/" in link}
        assert (await administrator.get(unescape(past))).status_code == 200

    async def test_with_very_many_records_say_how_many_more(
        self, desk: Desk, administrator: Visitor, ticket: Ticket
    ) -> None:
        async with transaction(desk.factory, arranging()) as session:
            for _ in range(14):
                await make_comment(session, ticket=ticket)
        assert "and 4 more records" in history_in(await shown(administrator, ticket))

    async def test_go_on_where_the_page_ended(
        self, desk: Desk, administrator: Visitor, ticket: Ticket
    ) -> None:
        for number in range(25):
            await change(desk, Ticket, ticket.id, title=f"Title {number}.")
        first = await shown(administrator, ticket)
        (older,) = {link for link in links_in(first) if "before=" in link}
        second = await administrator.get(unescape(older))
        texts = history_in(first), history_in(second)
        for number in range(25):
            assert [f"became Title {number}." in text for text in texts] == [number > 4, number <= 4]

    @pytest.mark.parametrize("before", ["1", "1-", "1-2-3", "٣-١", f"1-{10**19 - 1}", "9" * 17 + "-1"])
    async def test_of_a_place_that_is_none(self, administrator: Visitor, ticket: Ticket, before: str) -> None:
        answer = await administrator.get(f"/admin/ticket/details/{ticket.id}?before={quote(before)}")
        assert answer.status_code == 400


class TestChanges:
    async def test_of_a_long_text_are_shown_word_by_word(
        self, desk: Desk, administrator: Visitor, ticket: Ticket
    ) -> None:
        await change(desk, Ticket, ticket.id, description=LONG.replace("third", "fourth"))
        page = await shown(administrator, ticket)
        history = history_in(page)
        assert "[removed: third ]" in history
        assert "[added: fourth ]" in history
        assert re.search(r"<details class=\"fold\"><summary>… \d+ words …</summary>", page.text)

    async def test_of_a_long_text_that_is_another_are_old_and_new(
        self, desk: Desk, administrator: Visitor, ticket: Ticket
    ) -> None:
        await change(desk, Ticket, ticket.id, description="Nothing of that.")
        history = history_in(await shown(administrator, ticket))
        assert "was The printer" in history
        assert "became Nothing of that." in history

    async def test_name_people_as_then_and_as_now(
        self, desk: Desk, administrator: Visitor, ticket: Ticket
    ) -> None:
        async with transaction(desk.factory, arranging()) as session:
            person = await make_staff(session, full_name="Ana Ruiz")
        await change(desk, Ticket, ticket.id, assignee_id=person.id)
        await desk.owner.execute("UPDATE users SET full_name = 'Ana Ruiz-Soto' WHERE id = $1", person.id)
        assert "Ana Ruiz (now Ana Ruiz-Soto)" in history_in(await shown(administrator, ticket))

    async def test_that_were_erased_say_so(self, desk: Desk, administrator: Visitor, ticket: Ticket) -> None:
        await change(desk, Ticket, ticket.id, title="Something personal", priority="high")
        await desk.owner.execute(
            "SELECT audit_redact(array_agg(id)) FROM audit_logs"
            " WHERE table_name = 'tickets' AND record_id = $1",
            ticket.id,
        )
        history = history_in(await shown(administrator, ticket))
        assert "Subject erased" in history
        assert "Something personal" not in history

    async def test_of_tags_say_which_came_and_went(
        self, desk: Desk, administrator: Visitor, ticket: Ticket
    ) -> None:
        async with transaction(desk.factory, arranging()) as session:
            tag = await make_tag(session, name="very-important")
        link = {"ticket_id": ticket.id, "tag_id": tag.id}
        await desk.owner.execute("INSERT INTO ticket_tags VALUES ($1, $2)", *link.values())
        await desk.owner.execute("DELETE FROM ticket_tags WHERE tag_id = $1", tag.id)
        history = history_in(await shown(administrator, ticket))
        assert "added very-important" in history
        assert "removed very-important" in history


class TestOperation:
    async def test_names_what_it_deleted_and_leads_to_how_that_was(
        self, desk: Desk, administrator: Visitor
    ) -> None:
        async with transaction(desk.factory, arranging()) as session:
            tag = await make_tag(session, name="soon-gone")
        change = arranging()
        async with transaction(desk.factory, change) as session:
            await session.delete(await session.get_one(Tag, tag.id))
        page = await administrator.get(f"/admin/operation/details/{change.operation_id}")
        assert "deleted Tag soon-gone (deleted)" in main_of(page)
        assert f"/admin/tag/details/{tag.id}" not in page.text
        assert (await administrator.get(f"/admin/tag/past/{tag.id}")).status_code == 200
        assert f'href="/admin/tag/past/{tag.id}"' in page.text
        agent = await desk.visitor("agent")
        assert "/past/" not in (await agent.get(f"/admin/operation/details/{change.operation_id}")).text


class TestSetBy:
    async def test_stands_below_each_field(self, desk: Desk, administrator: Visitor, ticket: Ticket) -> None:
        form = {"pks": str(ticket.id), "status": "closed", "confirm": "1"}
        await administrator.post("/admin/ticket/bulk/set-status", form)
        page = await shown(administrator, ticket)
        operation = await desk.newest_operation()
        assert administrator.user is not None
        status = _fact(page, "Status")
        assert f"Last set by {administrator.user.full_name}, just now (Set the status of tickets)" in _text(
            status
        )
        assert f'href="/admin/operation/details/{operation["id"]}"' in status
        assert "Last set by system:test" in _text(_fact(page, "Priority"))
        assert "Last set by" not in _fact(page, "Overdue")

    async def test_links_to_what_one_may_see(
        self, desk: Desk, administrator: Visitor, ticket: Ticket
    ) -> None:
        form = {"pks": str(ticket.id), "status": "closed", "confirm": "1"}
        await administrator.post("/admin/ticket/bulk/set-status", form)
        for role, sees in (("agent", False), ("supervisor", True)):
            status = _fact(await shown(await desk.visitor(role), ticket), "Status")
            assert ("/admin/operation/details/" in status) == sees
            assert "Last set by" in _text(status)

    @pytest.mark.parametrize("page", ["tag", "user", "comment", "group"])
    async def test_is_on_the_pages_of_all_records(
        self, desk: Desk, administrator: Visitor, ticket: Ticket, page: str
    ) -> None:
        async with transaction(desk.factory, arranging()) as session:
            tag, comment = await make_tag(session), await make_comment(session, ticket=ticket)
            person = await make_staff(session)
        await desk.owner.execute("INSERT INTO groups (name) VALUES (gen_random_uuid()::text)")
        group = await desk.owner.fetchval("SELECT max(id) FROM groups")
        keys = {"tag": tag.id, "user": person.id, "comment": comment.id, "group": group}
        answer = await administrator.get(f"/admin/{page}/details/{keys[page]}")
        assert "Last set by" in main_of(answer)


def _fact(page: Response, label: str) -> str:
    found = re.search(rf"<dt>{label}</dt>.*?</div>", page.text, re.DOTALL)
    assert found is not None
    return found[0]


def _text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", "", html).split())
