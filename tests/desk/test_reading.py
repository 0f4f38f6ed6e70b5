"""Records with what belongs to them, in a fixed number of queries."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.database import INCLUDE_TRASHED, SessionFactory, transaction
from backoffice.desk import get_tickets_with_details, get_user_with_tickets, move_to_trash
from backoffice.desk.reading import attachments_of, comments_of
from models import Attachment, Comment, Ticket, TicketStatus
from tests.factories import (
    arranging,
    make_attachment,
    make_comment,
    make_staff,
    make_tag,
    make_ticket,
    make_user,
)
from tests.performing import acting, perform


@contextmanager
def counted(session: AsyncSession) -> Iterator[list[str]]:
    statements: list[str] = []

    def count(*call: object) -> None:
        statements.append(str(call[2]))

    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", count)
    yield statements
    event.remove(engine, "before_cursor_execute", count)


class TestGetTicketsWithDetails:
    @pytest.mark.parametrize("number", [1, 5])
    async def test_loads_everything_in_four_queries(self, factory: SessionFactory, number: int) -> None:
        async with transaction(factory, arranging()) as session:
            tag, agent = await make_tag(session), await make_staff(session)
            for _ in range(number):
                ticket = await make_ticket(session, tags=[tag], assignee=agent)
                await make_comment(session, ticket=ticket)
                await make_attachment(session, ticket=ticket)
        async with transaction(factory, acting(read_only=True)) as session:
            await session.connection()
            with counted(session) as statements:
                tickets = await get_tickets_with_details(session)
                for ticket in tickets:
                    assert ticket.creator.full_name
                    assert ticket.assignee is not None
                    assert ticket.comments[0].author.full_name
                    assert ticket.attachments[0].filename
                    assert ticket.tags[0].name == tag.name
            assert (len(tickets), len(statements)) == (number, 4)

    async def test_newest_first_by_status_and_up_to_a_limit(self, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            made = [(await make_ticket(session)).id for _ in range(3)]
            await make_ticket(session, status=TicketStatus.CLOSED)
        async with transaction(factory, acting()) as session:
            tickets = await get_tickets_with_details(session, TicketStatus.OPEN, limit=2)
        assert [ticket.id for ticket in tickets] == [made[2], made[1]]

    async def test_leaves_trashed_comments_out(self, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            ticket = await make_ticket(session)
            kept, trashed = [await make_comment(session, ticket=ticket) for _ in range(2)]
        await perform(factory, move_to_trash(Comment), [trashed.id])
        async with transaction(factory, acting()) as session:
            (found,) = await get_tickets_with_details(session)
        assert [comment.id for comment in found.comments] == [kept.id]


class TestGetUserWithTickets:
    async def test_loads_both_kinds_of_tickets(self, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            person = await make_staff(session)
            created = await make_ticket(session, creator=person)
            await make_comment(session, ticket=created)
            assigned = await make_ticket(session, assignee=person)
        async with transaction(factory, acting()) as session:
            found = await get_user_with_tickets(session, person.id)
        assert found is not None
        assert [ticket.id for ticket in found.tickets_created] == [created.id]
        assert len(found.tickets_created[0].comments) == 1
        assert [ticket.id for ticket in found.tickets_assigned] == [assigned.id]

    async def test_nobody_is_none(self, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            await make_user(session)
            assert await get_user_with_tickets(session, 10**15) is None


class TestConversation:
    async def test_leaves_out_what_is_in_the_trash_unless_the_ticket_is(
        self, factory: SessionFactory
    ) -> None:
        async with transaction(factory, arranging()) as session:
            ticket = await make_ticket(session)
            comments = [(await make_comment(session, ticket=ticket)).id for _ in range(2)]
            files = [(await make_attachment(session, ticket=ticket)).id for _ in range(2)]
            await make_comment(session, ticket=await make_ticket(session))
        await perform(factory, move_to_trash(Comment), comments[1:])
        await perform(factory, move_to_trash(Attachment), files[1:])
        assert await _around(factory, ticket.id) == (comments[:1], files[:1])
        await perform(factory, move_to_trash(), [ticket.id])
        assert await _around(factory, ticket.id) == (comments, files)

    async def test_tells_who_wrote_and_who_uploaded(self, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            ticket, sue = await make_ticket(session), await make_staff(session, full_name="Sue")
            await make_comment(session, ticket=ticket, author_id=sue.id)
            await make_attachment(session, ticket=ticket, uploaded_by_id=sue.id)
            said, files = await comments_of(session, ticket), await attachments_of(session, ticket)
        (comment,), (file,) = said.rows, files.rows
        assert (comment.author, comment.is_staff, file.uploader) == ("Sue", True, "Sue")


async def _around(factory: SessionFactory, ticket_id: int) -> tuple[list[int], list[int]]:
    async with transaction(factory, acting()) as session:
        ticket = await session.get_one(Ticket, ticket_id, execution_options=INCLUDE_TRASHED)
        comments, files = await comments_of(session, ticket), await attachments_of(session, ticket)
    return [comment.id for comment in comments.rows], [file.id for file in files.rows]
