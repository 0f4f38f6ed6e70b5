"""Looking back at a record: by a moment, by steps, at what is gone; and who may."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from sqlalchemy import text

from backoffice.database import transaction
from backoffice.desk import delete_forever, move_to_trash
from models import Comment, Ticket
from tests.admin.desk import Desk, statements_of
from tests.admin.lists import main_of
from tests.factories import arranging, make_comment, make_tag, make_ticket, make_user
from tests.performing import acting, perform, sql


async def make(desk: Desk, **fields: object) -> Ticket:
    async with transaction(desk.factory, arranging()) as session:
        return await make_ticket(session, **{"title": "one", **fields})


async def moment(desk: Desk) -> str:
    now = await desk.owner.fetchval("SELECT clock_timestamp()")
    assert isinstance(now, datetime)
    return quote(now.isoformat())


async def deleted(desk: Desk) -> Ticket:
    """A ticket with a comment and a tag that was deleted forever."""
    async with transaction(desk.factory, arranging()) as session:
        tag = await make_tag(session, name=f"gone tag {datetime.now(UTC).timestamp()}")
        ticket = await make_ticket(session, title="Gone for good", tags=[tag])
        await make_comment(session, ticket=ticket, content="It was said once.")
    await perform(desk.factory, move_to_trash(), [ticket.id])
    await perform(desk.factory, delete_forever(), [ticket.id])
    return ticket


class TestMoment:
    async def test_shows_what_was_and_what_is(self, desk: Desk) -> None:
        ticket = await make(desk, description="The old words of it.")
        at = await moment(desk)
        await sql(desk.factory, f"UPDATE tickets SET title = 'two' WHERE id = {ticket.id}")
        agent = await desk.visitor("agent")
        page = (await agent.get(f"/admin/ticket/past/{ticket.id}?at={at}")).text
        assert f"{ticket.ticket_number} one" in page
        assert page.count('class="is-changed"') == 1
        assert "<bdi>two</bdi>" in page
        assert "The old words of it." in page

    async def test_is_now_by_itself(self, desk: Desk) -> None:
        ticket = await make(desk)
        agent = await desk.visitor("agent")
        page = (await agent.get(f"/admin/ticket/past/{ticket.id}")).text
        assert "is-changed" not in page
        assert 'name="fields"' not in page

    async def test_is_read_in_the_zone_of_the_person(self, desk: Desk) -> None:
        ticket = await make(desk)
        agent = await desk.newcomer("agent", time_zone="Asia/Kolkata")
        local = datetime.now(UTC) + timedelta(hours=5, minutes=30, seconds=5)
        answer = await agent.get(f"/admin/ticket/past/{ticket.id}?at={local:%Y-%m-%dT%H:%M:%S}")
        assert f"{ticket.ticket_number} one" in answer.text
        assert f'value="{local:%Y-%m-%dT%H:%M:%S}"' in answer.text
        before = local - timedelta(hours=1)
        answer = await agent.get(f"/admin/ticket/past/{ticket.id}?at={before:%Y-%m-%dT%H:%M:%S}")
        assert "did not exist yet" in answer.text

    @pytest.mark.parametrize(
        ("raw", "sentence"),
        [
            ("yesterday", "This is no moment"),
            ("2026-02-31T10:00", "This is no moment"),
            ("9999-12-31T23:59:59-23:00", "This is no moment"),
            ("9998-01-01T00:00", "still to come"),
            ("2026-03-29T02:30", "There is no such time in Europe/Berlin"),
        ],
    )
    async def test_that_is_none(self, desk: Desk, raw: str, sentence: str) -> None:
        ticket = await make(desk)
        agent = await desk.newcomer("agent", time_zone="Europe/Berlin")
        answer = await agent.get(f"/admin/ticket/past/{ticket.id}?at={quote(raw)}")
        assert answer.status_code == 400
        assert sentence in answer.text

    @pytest.mark.parametrize("raw", ["0001-01-01T00:00", "1969-01-01T00:00:00+00:00", "2020-01-01 00:00"])
    async def test_of_long_ago(self, desk: Desk, raw: str) -> None:
        ticket = await make(desk)
        agent = await desk.visitor("agent")
        answer = await agent.get(f"/admin/ticket/past/{ticket.id}?at={quote(raw)}")
        assert answer.status_code == 200
        assert "did not exist yet" in answer.text

    async def test_takes_a_plus_that_nobody_escaped(self, desk: Desk) -> None:
        ticket = await make(desk)
        now = datetime.now(UTC).isoformat()
        agent = await desk.visitor("agent")
        answer = await agent.client.get(f"/admin/ticket/past/{ticket.id}?at={now}")
        assert answer.status_code == 200


class TestSteps:
    async def test_lead_back_and_forth(self, desk: Desk) -> None:
        ticket = await make(desk)
        await sql(desk.factory, f"UPDATE tickets SET title = 'two' WHERE id = {ticket.id}")
        async with transaction(desk.factory, acting()) as session:
            await make_comment(session, ticket=ticket, content="Something was said.")
        agent = await desk.visitor("agent")
        seen = []
        url = f"/admin/ticket/past/{ticket.id}"
        while url:
            page = (await agent.get(url)).text
            seen.append(("one</h1>" in page, "Something was said." in page))
            url = step(page, "Previous")
        assert seen == [(False, True), (False, False), (True, False)]
        assert "Something was said." not in (await agent.get(step(page, "Next"))).text
        assert "Something was said." in (await agent.get(step(page, "Latest"))).text


def step(page: str, word: str) -> str:
    """Where the button that begins with that word leads; empty where it leads nowhere."""
    head = page.partition(f"</i><span>{word}<")[0]
    link = head.rpartition("<")[0].rpartition("<")[2]
    return link.rpartition('href="')[2].partition('"')[0] if link.startswith("a ") else ""


class TestNames:
    async def test_are_those_of_then_and_of_now(self, desk: Desk) -> None:
        async with transaction(desk.factory, arranging()) as session:
            customer = await make_user(session, full_name="Ana Ruiz")
            ticket = await make_ticket(session, creator_id=customer.id)
        at = await moment(desk)
        await sql(desk.factory, f"UPDATE users SET full_name = 'Ana Soto' WHERE id = {customer.id}")
        agent = await desk.visitor("agent")
        page = (await agent.get(f"/admin/ticket/past/{ticket.id}?at={at}")).text
        assert "Ana Ruiz (now Ana Soto)" in page


class TestWhatHangsOnIt:
    async def test_says_what_became_of_it(self, desk: Desk) -> None:
        ticket = await make(desk)
        async with transaction(desk.factory, acting()) as session:
            kept, trashed, purged = [
                await make_comment(session, ticket=ticket, content=f"Comment {name}")
                for name in ("kept", "trashed", "purged")
            ]
        at = await moment(desk)
        await sql(desk.factory, f"UPDATE comments SET content = 'Changed' WHERE id = {kept.id}")
        await perform(desk.factory, move_to_trash(Comment), [trashed.id, purged.id])
        await perform(desk.factory, delete_forever(Comment), [purged.id])
        url = f"/admin/ticket/past/{ticket.id}?at={at}"
        page = (await (await desk.visitor("administrator")).get(url)).text
        for words in ("Comment kept", "Comment trashed", "Comment purged"):
            assert words in page
        for words in ("Changed since", "Moved to the trash since", "Deleted forever since"):
            assert words in page
        page = (await (await desk.visitor("agent")).get(url)).text
        assert "Comment trashed" in page
        assert "Comment purged" not in page
        assert "1 more was deleted forever since" in page


class TestDeletedForever:
    async def test_is_shown_to_whoever_reads_the_log(self, desk: Desk) -> None:
        ticket = await deleted(desk)
        for role in ("auditor", "administrator"):
            visitor = await desk.visitor(role)
            answer = await visitor.get(f"/admin/ticket/past/{ticket.id}")
            assert answer.status_code == 200
            for words in ("Gone for good", "It was said once.", "gone tag", "deleted forever since"):
                assert words in answer.text
            assert ("bring-back" in answer.text) == (role == "administrator")

    @pytest.mark.parametrize("role", ["agent", "supervisor"])
    async def test_is_unknown_to_others(self, desk: Desk, role: str) -> None:
        ticket = await deleted(desk)
        answer = await (await desk.visitor(role)).get(f"/admin/ticket/past/{ticket.id}")
        assert answer.status_code == 404
        assert "Gone for good" not in answer.text

    async def test_was_not_there_any_more_after(self, desk: Desk) -> None:
        ticket = await deleted(desk)
        auditor = await desk.visitor("auditor")
        answer = await auditor.get(f"/admin/ticket/past/{ticket.id}?at={await moment(desk)}")
        assert answer.status_code == 200
        assert "was not there any more" in answer.text
        assert "It was said once." not in answer.text

    async def test_what_never_was_is_not_found(self, desk: Desk) -> None:
        for key in ("999999", "x", "9" * 30, "-1"):
            answer = await (await desk.visitor("administrator")).get(f"/admin/ticket/past/{key}")
            assert answer.status_code == 404


class TestErased:
    async def test_is_said_where_the_value_was(self, desk: Desk) -> None:
        ticket = await make(desk)
        at = await moment(desk)
        await sql(desk.factory, f"UPDATE tickets SET title = 'two' WHERE id = {ticket.id}")
        redact = "SELECT audit_redact(array_agg(id)) FROM audit_logs WHERE table_name = 'tickets'"
        await sql(desk.factory, f"{redact} AND record_id = {ticket.id}")
        agent = await desk.visitor("agent")
        page = (await agent.get(f"/admin/ticket/past/{ticket.id}?at={at}")).text
        assert "</i> erased</span>" in page
        assert 'value="title"' not in page


class TestCost:
    async def test_is_the_same_whatever_hangs_on_it(self, desk: Desk) -> None:
        agent = await desk.visitor("agent")

        async def cost(ticket: Ticket) -> int:
            with statements_of(desk.app) as sent:
                assert (await agent.get(f"/admin/ticket/past/{ticket.id}")).status_code == 200
            return len(sent)

        ticket = await make(desk)
        async with transaction(desk.factory, acting()) as session:
            await make_comment(session, ticket=ticket)
            await session.execute(
                text(
                    "INSERT INTO attachments (filename, content_type, size_bytes, sha256, ticket_id,"
                    " uploaded_by_id) VALUES ('a', 'b', 1, repeat('0', 64), :ticket, :person)"
                ),
                {"ticket": ticket.id, "person": ticket.creator_id},
            )
        await sql(desk.factory, f"UPDATE tickets SET title = 'two' WHERE id = {ticket.id}")
        few = await cost(ticket)
        async with transaction(desk.factory, acting()) as session:
            for number in range(60):
                author = await make_user(session)
                await make_comment(session, ticket=ticket, author=author, content=f"Said {number}.")
        assert await cost(ticket) == few
        page = main_of(await agent.get(f"/admin/ticket/past/{ticket.id}"))
        assert "Comments 61 The 50 newest of 61 are shown." in page
        assert [f"Said {number}." in page for number in (9, 10, 59)] == [False, True, True]
