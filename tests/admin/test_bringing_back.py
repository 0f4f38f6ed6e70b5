"""Bringing back what was deleted forever: as it was, under its number, with what can come along."""

from typing import Any

import pytest
from httpx import Response

from backoffice.attachments import FileStore
from backoffice.database import transaction
from backoffice.desk import delete_forever, move_to_trash
from models import Comment, Ticket
from tests.admin.desk import Desk, hidden_in
from tests.admin.records import row, upload
from tests.factories import arranging, make_comment, make_tag, make_ticket, make_user
from tests.performing import perform, sql


async def make(desk: Desk, **fields: Any) -> Ticket:
    async with transaction(desk.factory, arranging()) as session:
        return await make_ticket(session, **fields)


async def delete(desk: Desk, *tickets: Ticket) -> None:
    ids = [ticket.id for ticket in tickets]
    await perform(desk.factory, move_to_trash(), ids)
    await perform(desk.factory, delete_forever(), ids)


async def rows_of(desk: Desk, ticket: Ticket) -> dict[str, list[dict[str, Any]]]:
    """The ticket with all that hangs on it, as it lies in the tables."""
    queries = {
        "tickets": "SELECT * FROM tickets WHERE id = $1",
        "comments": "SELECT * FROM comments WHERE ticket_id = $1 ORDER BY id",
        "attachments": "SELECT * FROM attachments WHERE ticket_id = $1 ORDER BY id",
        "ticket_tags": "SELECT ticket_id, tag_id FROM ticket_tags WHERE ticket_id = $1 ORDER BY 2",
    }
    found = {name: await desk.owner.fetch(query, ticket.id) for name, query in queries.items()}
    return {
        name: [{key: value for key, value in each.items() if key != "updated_at"} for each in rows]
        for name, rows in found.items()
    }


async def ask(desk: Desk, url: str, role: str = "administrator") -> Response:
    return await (await desk.visitor(role)).post(url)


async def confirm(desk: Desk, url: str) -> Response:
    hidden = hidden_in((await ask(desk, url)).text)
    return await (await desk.visitor("administrator")).post(url, hidden)


def address(ticket: Ticket) -> str:
    return f"/admin/ticket/bring-back/{ticket.id}"


class TestBringBack:
    async def test_stores_all_of_it_as_it_was(self, desk: Desk) -> None:
        async with transaction(desk.factory, arranging()) as session:
            tags = [await make_tag(session) for _ in range(2)]
            ticket = await make_ticket(session, title="Ünïcode 'one'", tags=tags, status="resolved")
            for is_internal in (False, True):
                await make_comment(session, ticket=ticket, is_internal=is_internal)
        await upload(desk, ticket.id)
        await perform(desk.factory, move_to_trash(), [ticket.id])
        before = await rows_of(desk, ticket)
        # By the command, which leaves the files to a later sweep.
        await perform(desk.factory, delete_forever(), [ticket.id])
        page = (await ask(desk, address(ticket))).text
        for words in (
            "<strong>2</strong> comments",
            "<strong>1</strong> attachment",
            "<strong>2</strong> tags",
        ):
            assert words in page
        assert (await rows_of(desk, ticket))["tickets"] == []
        answer = await confirm(desk, address(ticket))
        assert answer.status_code == 303
        assert answer.headers["location"] == f"/admin/ticket/details/{ticket.id}"
        assert await rows_of(desk, ticket) == before
        assert (await desk.newest_operation())["verb"] == "ticket.bring-back"

    async def test_leads_back_to_work(self, desk: Desk) -> None:
        ticket = await make(desk)
        await delete(desk, ticket)
        await confirm(desk, address(ticket))
        administrator = await desk.visitor("administrator")
        page = (await administrator.get(f"/admin/ticket/details/{ticket.id}")).text
        assert "is back. It is in the trash, as it was" in page
        form = {"pks": str(ticket.id), "confirm": "1"}
        assert (await administrator.post("/admin/ticket/bulk/restore", form)).status_code == 303
        assert (await row(desk, "tickets", ticket.id))["deleted_at"] is None
        other = await make(desk)
        assert other.id > ticket.id
        assert other.ticket_number > ticket.ticket_number

    async def test_again_and_again(self, desk: Desk) -> None:
        ticket = await make(desk)
        for _ in range(2):
            await delete(desk, ticket)
            assert (await confirm(desk, address(ticket))).status_code == 303
            await sql(desk.factory, f"UPDATE tickets SET deleted_at = NULL WHERE id = {ticket.id}")
        history = "SELECT array_agg(action::text ORDER BY id) FROM audit_logs"
        actions = await desk.owner.fetchval(
            f"{history} WHERE table_name = 'tickets' AND record_id = $1 AND action <> 'UPDATE'", ticket.id
        )
        assert actions == ["CREATE", "DELETE", "CREATE", "DELETE", "CREATE"]

    async def test_of_a_comment_alone(self, desk: Desk) -> None:
        ticket = await make(desk)
        async with transaction(desk.factory, arranging()) as session:
            comment = await make_comment(session, ticket=ticket, content="Once said.")
        await perform(desk.factory, move_to_trash(Comment), [comment.id])
        await perform(desk.factory, delete_forever(Comment), [comment.id])
        url = f"/admin/comment/bring-back/{comment.id}"
        assert (await confirm(desk, url)).status_code == 303
        assert (await row(desk, "comments", comment.id))["content"] == "Once said."

    async def test_of_a_tag(self, desk: Desk) -> None:
        async with transaction(desk.factory, arranging()) as session:
            tag = await make_tag(session, color="#123456")
        await sql(desk.factory, f"DELETE FROM tags WHERE id = {tag.id}")
        assert (await confirm(desk, f"/admin/tag/bring-back/{tag.id}")).status_code == 303
        assert (await row(desk, "tags", tag.id))["color"] == "#123456"


class TestLeftOut:
    async def test_is_what_has_gone_itself(self, desk: Desk) -> None:
        async with transaction(desk.factory, arranging()) as session:
            kept, lost = await make_tag(session), await make_tag(session)
            ticket = await make_ticket(session, tags=[kept, lost])
        attachment = await upload(desk, ticket.id, content=b"only once")
        sha256 = (await row(desk, "attachments", attachment))["sha256"]
        await delete(desk, ticket)
        await sql(desk.factory, f"DELETE FROM tags WHERE id = {lost.id}")
        assert FileStore(desk.settings.attachments_dir).delete(sha256)
        page = (await ask(desk, address(ticket))).text
        assert "1 attachment stays away: the file itself is gone." in page
        assert "1 tag stays away" in page
        assert (await confirm(desk, address(ticket))).status_code == 303
        rows = await rows_of(desk, ticket)
        assert rows["attachments"] == []
        assert rows["ticket_tags"] == [{"ticket_id": ticket.id, "tag_id": kept.id}]

    async def test_is_what_somebody_wrote_who_is_gone(self, desk: Desk) -> None:
        ticket = await make(desk)
        async with transaction(desk.factory, arranging()) as session:
            author = await make_user(session)
            await make_comment(session, ticket=ticket, author=author)
        await delete(desk, ticket)
        await desk.owner.execute("DELETE FROM users WHERE id = $1", author.id)
        page = (await ask(desk, address(ticket))).text
        assert "1 comment stays away: without author, which is gone." in page


class TestRefused:
    async def test_where_the_number_is_taken(self, desk: Desk) -> None:
        ticket = await make(desk)
        await delete(desk, ticket)
        await make(desk, ticket_number=ticket.ticket_number)
        answer = await ask(desk, address(ticket))
        assert "in the way of another one with the same ticket number" in answer.text
        answer = await (await desk.visitor("administrator")).post(address(ticket), {"confirm": "1"})
        assert answer.status_code == 409

    async def test_where_what_it_belongs_to_is_gone(self, desk: Desk) -> None:
        ticket = await make(desk)
        async with transaction(desk.factory, arranging()) as session:
            comment = await make_comment(session, ticket=ticket)
        await delete(desk, ticket)
        answer = await ask(desk, f"/admin/comment/bring-back/{comment.id}")
        assert "without ticket, which is gone" in answer.text

    async def test_where_something_was_erased(self, desk: Desk) -> None:
        ticket = await make(desk)
        await delete(desk, ticket)
        redact = "SELECT audit_redact(array_agg(id)) FROM audit_logs WHERE table_name = 'tickets'"
        await sql(desk.factory, f"{redact} AND record_id = {ticket.id}")
        answer = await ask(desk, address(ticket))
        assert "erased" in answer.text
        assert 'name="confirm"' not in answer.text

    async def test_where_it_is_there(self, desk: Desk) -> None:
        ticket = await make(desk)
        answer = await ask(desk, address(ticket))
        assert answer.status_code == 409
        assert "is there already" in answer.text

    @pytest.mark.parametrize("role", ["agent", "supervisor", "auditor"])
    async def test_for_whoever_may_not_delete_forever(self, desk: Desk, role: str) -> None:
        ticket = await make(desk)
        await delete(desk, ticket)
        for form in ({}, {"confirm": "1"}):
            answer = await (await desk.visitor(role)).post(address(ticket), form)
            assert answer.status_code == 403
        assert (await rows_of(desk, ticket))["tickets"] == []

    async def test_for_people(self, desk: Desk) -> None:
        async with transaction(desk.factory, arranging()) as session:
            person = await make_user(session)
        await desk.owner.execute("DELETE FROM users WHERE id = $1", person.id)
        administrator = await desk.visitor("administrator")
        page = (await administrator.get(f"/admin/user/past/{person.id}")).text
        assert "the password is not kept" in page
        assert "bring-back" not in page
        assert (await ask(desk, f"/admin/user/bring-back/{person.id}")).status_code == 403

    async def test_what_never_was(self, desk: Desk) -> None:
        assert (await ask(desk, "/admin/ticket/bring-back/999999")).status_code == 404
