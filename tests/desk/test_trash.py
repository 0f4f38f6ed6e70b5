"""The trash: what goes along, what comes back, what is gone for good."""

import asyncio

import asyncpg
import pytest

from backoffice.audit.context import Change
from backoffice.database import SessionFactory, transaction
from backoffice.desk import delete_forever, move_to_trash, purge_trash, reply, restore, unreferenced_files
from backoffice.errors import BadInput, Conflict
from backoffice.operations import Counts, chosen, run
from models import Attachment, AuditAction, Comment, Ticket, User
from tests.factories import (
    arranging,
    make_attachment,
    make_comment,
    make_staff,
    make_tag,
    make_ticket,
)
from tests.performing import acting, perform, take_back, written_by


@pytest.fixture
async def sue(factory: SessionFactory) -> User:
    async with transaction(factory, arranging()) as session:
        return await make_staff(session, full_name="Sue Supervisor")


@pytest.fixture
async def ticket(factory: SessionFactory) -> Ticket:
    """With two comments, two attachments and a tag."""
    async with transaction(factory, arranging()) as session:
        ticket = await make_ticket(session, tags=[await make_tag(session)])
        for _ in range(2):
            await make_comment(session, ticket=ticket)
            await make_attachment(session, ticket=ticket)
        return ticket


async def ids_in(owner: asyncpg.Connection, table: str, *, trashed: bool) -> list[int]:
    rows = await owner.fetch(
        f"SELECT id FROM {table} WHERE (deleted_at IS NOT NULL) = $1 ORDER BY id", trashed
    )
    return [row["id"] for row in rows]


async def marks(owner: asyncpg.Connection, table: str) -> set[tuple[object, ...]]:
    rows = await owner.fetch(f"SELECT deleted_at IS NULL, deleted_by_id, deleted_operation FROM {table}")
    return {tuple(row) for row in rows}


class TestMoveToTrash:
    async def test_takes_what_hangs_on_the_ticket_along(
        self, factory: SessionFactory, owner: asyncpg.Connection, ticket: Ticket, sue: User
    ) -> None:
        counts, change = await perform(factory, move_to_trash(), [ticket.id], acting(sue))
        assert counts == Counts(1)
        for table in ("tickets", "comments", "attachments"):
            assert await marks(owner, table) == {(False, sue.id, change.operation_id)}
        assert len(await written_by(owner, change)) == 5

    async def test_leaves_what_was_trashed_before_as_it_is(
        self, factory: SessionFactory, owner: asyncpg.Connection, ticket: Ticket
    ) -> None:
        first, *_ = await ids_in(owner, "comments", trashed=False)
        _, earlier = await perform(factory, move_to_trash(Comment), [first])
        await perform(factory, move_to_trash(), [ticket.id])
        kept = await owner.fetchval("SELECT deleted_operation FROM comments WHERE id = $1", first)
        assert kept == earlier.operation_id

    async def test_counts_what_is_there_already(self, factory: SessionFactory, ticket: Ticket) -> None:
        await perform(factory, move_to_trash(), [ticket.id])
        assert (await perform(factory, move_to_trash(), [ticket.id]))[0] == Counts(0, 1)

    @pytest.mark.parametrize("model", [Comment, Attachment])
    async def test_takes_single_comments_and_attachments(
        self,
        factory: SessionFactory,
        owner: asyncpg.Connection,
        ticket: Ticket,
        model: type[Comment] | type[Attachment],
    ) -> None:
        table = model.__tablename__
        first, second = await ids_in(owner, table, trashed=False)
        assert (await perform(factory, move_to_trash(model), [first]))[0] == Counts(1)
        assert await ids_in(owner, table, trashed=False) == [second]
        assert await ids_in(owner, "tickets", trashed=True) == []

    async def test_a_reply_under_way_waits_and_is_then_refused(
        self, factory: SessionFactory, ticket: Ticket
    ) -> None:
        async with transaction(factory, acting()) as session:
            await run(session, move_to_trash(), chosen([ticket.id]))
            replying = asyncio.create_task(_reply(factory, ticket))
            await asyncio.sleep(0.2)
            assert not replying.done()
        with pytest.raises(Conflict, match="in the trash"):
            await replying

    async def test_undo_brings_everything_back(
        self, factory: SessionFactory, owner: asyncpg.Connection, ticket: Ticket, sue: User
    ) -> None:
        _, change = await perform(factory, move_to_trash(), [ticket.id], acting(sue))
        result, _ = await take_back(factory, change)
        assert result.changed == {"tickets": 1, "attachments": 2, "comments": 2}
        for table in ("tickets", "comments", "attachments"):
            assert await marks(owner, table) == {(True, None, None)}


async def _reply(factory: SessionFactory, ticket: Ticket) -> None:
    async with transaction(factory, acting()) as session:
        await reply(session, ticket, author_id=ticket.creator_id, content="Too late?", is_internal=False)


class TestRestore:
    async def test_brings_back_exactly_what_the_same_operation_took(
        self, factory: SessionFactory, owner: asyncpg.Connection, ticket: Ticket
    ) -> None:
        first, second = await ids_in(owner, "comments", trashed=False)
        await perform(factory, move_to_trash(Comment), [first])
        await perform(factory, move_to_trash(), [ticket.id])
        assert (await perform(factory, restore(), [ticket.id]))[0] == Counts(1)
        assert await ids_in(owner, "comments", trashed=False) == [second]
        assert await ids_in(owner, "attachments", trashed=True) == []
        assert await marks(owner, "tickets") == {(True, None, None)}

    async def test_refuses_what_is_not_in_the_trash(self, factory: SessionFactory, ticket: Ticket) -> None:
        assert (await perform(factory, restore(), [ticket.id]))[0] == Counts(0, 0, {"not in the trash": 1})

    @pytest.mark.parametrize("model", [Comment, Attachment])
    async def test_refuses_what_is_on_a_trashed_ticket(
        self,
        factory: SessionFactory,
        owner: asyncpg.Connection,
        ticket: Ticket,
        model: type[Comment] | type[Attachment],
    ) -> None:
        await perform(factory, move_to_trash(), [ticket.id])
        ids = await ids_in(owner, model.__tablename__, trashed=True)
        counts, _ = await perform(factory, restore(model), ids)
        assert counts == Counts(0, 0, {"on a ticket that is in the trash": 2})

    async def test_restores_a_comment_on_a_live_ticket(
        self, factory: SessionFactory, owner: asyncpg.Connection, ticket: Ticket
    ) -> None:
        ids = await ids_in(owner, "comments", trashed=False)
        await perform(factory, move_to_trash(Comment), ids)
        assert (await perform(factory, restore(Comment), ids[:1]))[0] == Counts(1)
        assert await ids_in(owner, "comments", trashed=False) == ids[:1]

    async def test_waits_for_whoever_is_trashing_the_ticket(
        self, factory: SessionFactory, owner: asyncpg.Connection, ticket: Ticket
    ) -> None:
        ids = await ids_in(owner, "comments", trashed=False)
        await perform(factory, move_to_trash(Comment), ids)
        async with owner.transaction():
            await owner.execute("UPDATE tickets SET deleted_at = now()")
            restoring = asyncio.create_task(perform(factory, restore(Comment), ids))
            await asyncio.sleep(0.2)
            assert not restoring.done()
        assert (await restoring)[0] == Counts(0, 0, {"on a ticket that is in the trash": 2})

    async def test_undo_trashes_it_again(
        self, factory: SessionFactory, owner: asyncpg.Connection, ticket: Ticket, sue: User
    ) -> None:
        _, trashed = await perform(factory, move_to_trash(), [ticket.id], acting(sue))
        _, restored = await perform(factory, restore(), [ticket.id])
        await take_back(factory, restored)
        for table in ("tickets", "comments", "attachments"):
            assert await marks(owner, table) == {(False, sue.id, trashed.operation_id)}


class TestDeleteForever:
    async def test_deletes_the_ticket_and_all_that_hangs_on_it(
        self, factory: SessionFactory, owner: asyncpg.Connection, ticket: Ticket
    ) -> None:
        first, _ = await ids_in(owner, "comments", trashed=False)
        await perform(factory, move_to_trash(Comment), [first])
        await perform(factory, move_to_trash(), [ticket.id])
        counts, change = await perform(factory, delete_forever(), [ticket.id])
        assert counts == Counts(1)
        for table in ("tickets", "comments", "attachments", "ticket_tags"):
            assert await owner.fetchval(f"SELECT count(*) FROM {table}") == 0
        entries = await written_by(owner, change)
        assert {entry.action for entry in entries} == {AuditAction.DELETE}
        assert len(entries) == 6
        assert entries[-1].changes["title"] == {"old": ticket.title}

    @pytest.mark.parametrize("model", [Ticket, Comment, Attachment])
    async def test_refuses_what_is_not_in_the_trash(
        self,
        factory: SessionFactory,
        owner: asyncpg.Connection,
        ticket: Ticket,
        model: type[Ticket] | type[Comment] | type[Attachment],
    ) -> None:
        ids = await ids_in(owner, model.__tablename__, trashed=False)
        counts, _ = await perform(factory, delete_forever(model), ids)
        assert counts == Counts(0, 0, {"not in the trash": len(ids)})

    @pytest.mark.parametrize("model", [Comment, Attachment])
    async def test_deletes_single_comments_and_attachments(
        self,
        factory: SessionFactory,
        owner: asyncpg.Connection,
        ticket: Ticket,
        model: type[Comment] | type[Attachment],
    ) -> None:
        first, second = await ids_in(owner, model.__tablename__, trashed=False)
        await perform(factory, move_to_trash(model), [first])
        assert (await perform(factory, delete_forever(model), [first]))[0] == Counts(1)
        assert await ids_in(owner, model.__tablename__, trashed=False) == [second]


class TestUnreferencedFiles:
    async def test_names_the_files_that_no_attachment_uses_any_more(
        self, factory: SessionFactory, ticket: Ticket
    ) -> None:
        async with transaction(factory, arranging()) as session:
            other = await make_ticket(session)
            trashed = await make_ticket(session)
            for sha256, holder in (("a" * 64, other), ("b" * 64, trashed)):
                await make_attachment(session, ticket=ticket, sha256=sha256)
                await make_attachment(session, ticket=holder, sha256=sha256)
            await make_attachment(session, ticket=ticket, sha256="c" * 64)
            await make_attachment(session, ticket=ticket, sha256="c" * 64)
        await perform(factory, move_to_trash(), [trashed.id, ticket.id])
        _, change = await perform(factory, delete_forever(), [ticket.id])
        async with transaction(factory, acting()) as session:
            files = await unreferenced_files(session, change.operation_id)
        assert "c" * 64 in files
        assert not {"a" * 64, "b" * 64} & {*files}
        assert len(files) == 3


class TestPurgeTrash:
    async def test_deletes_what_has_been_there_for_longer(
        self, factory: SessionFactory, owner: asyncpg.Connection, ticket: Ticket
    ) -> None:
        async with transaction(factory, arranging()) as session:
            recent, live = await make_ticket(session), await make_ticket(session)
            lone = await make_comment(session, ticket=live)
        await perform(factory, move_to_trash(), [ticket.id, recent.id])
        await perform(factory, move_to_trash(Comment), [lone.id])
        long_ago = "SET deleted_at = now() - interval '31 days' WHERE id = $1"
        await owner.execute(f"UPDATE tickets {long_ago}", ticket.id)
        await owner.execute(f"UPDATE comments {long_ago}", lone.id)
        change = Change(verb="system.purge", actor="system:purge")
        async with transaction(factory, change) as session:
            assert await purge_trash(session, older_than_days=30) == Counts(2)
        assert change.outcome == Counts(2).as_json()
        assert await ids_in(owner, "tickets", trashed=True) == [recent.id]
        assert await ids_in(owner, "tickets", trashed=False) == [live.id]
        assert await owner.fetchval("SELECT count(*) FROM comments") == 0

    async def test_goes_through_more_than_a_batch(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        await owner.execute(
            "INSERT INTO users (email, full_name) VALUES ('c@example.com', 'C');"
            "INSERT INTO tickets (title, description, creator_id, deleted_at)"
            " SELECT 'Old', '', u.id, now() FROM generate_series(1, 1500), users u"
        )
        async with transaction(factory, acting()) as session:
            assert await purge_trash(session, older_than_days=0) == Counts(1500)

    @pytest.mark.parametrize("days", [-1, 10**12])
    async def test_refuses_a_senseless_age(self, factory: SessionFactory, days: int) -> None:
        async with transaction(factory, acting()) as session:
            with pytest.raises(BadInput):
                await purge_trash(session, older_than_days=days)
