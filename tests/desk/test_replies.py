"""Replies and notes."""

import asyncpg
import pytest

from backoffice.database import SessionFactory, transaction
from backoffice.desk import delete_forever, move_to_trash, reply
from backoffice.errors import BadInput, Conflict, NotFound
from models import AuditAction, Ticket, User
from tests.factories import arranging, make_staff, make_ticket
from tests.performing import acting, perform, written_by


@pytest.fixture
async def ticket(factory: SessionFactory) -> Ticket:
    async with transaction(factory, arranging()) as session:
        return await make_ticket(session)


@pytest.fixture
async def agent(factory: SessionFactory) -> User:
    async with transaction(factory, arranging()) as session:
        return await make_staff(session)


class TestReply:
    @pytest.mark.parametrize("is_internal", [True, False])
    async def test_adds_a_comment(
        self,
        factory: SessionFactory,
        owner: asyncpg.Connection,
        ticket: Ticket,
        agent: User,
        is_internal: bool,
    ) -> None:
        change = acting(agent, verb="ticket.reply")
        async with transaction(factory, change) as session:
            comment = await reply(
                session, ticket, author_id=agent.id, content="  One\r\nTwo ", is_internal=is_internal
            )
        assert (comment.content, comment.is_internal, comment.ticket_id) == (
            "One\nTwo",
            is_internal,
            ticket.id,
        )
        (entry,) = await written_by(owner, change)
        assert (entry.table, entry.action, entry.user_id) == ("comments", AuditAction.CREATE, agent.id)

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [(" \n", "Write something"), ("x" * 100_001, "100,000 characters"), ("a\x00b", "NUL")],
    )
    async def test_refuses_what_is_no_reply(
        self, factory: SessionFactory, ticket: Ticket, agent: User, content: str, sentence: str
    ) -> None:
        async with transaction(factory, acting()) as session:
            with pytest.raises(BadInput, match=sentence) as error:
                await reply(session, ticket, author_id=agent.id, content=content, is_internal=False)
        assert "content" in error.value.fields

    async def test_refuses_a_trashed_ticket_and_one_that_is_gone(
        self, factory: SessionFactory, owner: asyncpg.Connection, ticket: Ticket, agent: User
    ) -> None:
        for verb, refusal in ((move_to_trash(), Conflict), (delete_forever(), NotFound)):
            await perform(factory, verb, [ticket.id])
            async with transaction(factory, acting()) as session:
                with pytest.raises(refusal):
                    await reply(session, ticket, author_id=agent.id, content="Hello?", is_internal=False)
        assert await owner.fetchval("SELECT count(*) FROM comments") == 0
