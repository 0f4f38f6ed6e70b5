"""Undo as a job: the same end as the undo at once, some records at a time."""

from uuid import UUID

import asyncpg
import pytest

from backoffice.audit.context import Change
from backoffice.database import SessionFactory, transaction
from backoffice.errors import Conflict
from backoffice.jobs import JobKind, Worker, submit_undo, submitting, undo_kind
from models import Job, JobState, User
from tests.factories import arranging, make_comment, make_tag, make_ticket
from tests.jobs.conftest import DONE_AT_ONCE, FindJob, Submit


@pytest.fixture
def kinds(kinds: list[JobKind]) -> list[JobKind]:
    return [*kinds, undo_kind()]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submitting.parts_of, "__kwdefaults__", {"stage": 0, "size": DONE_AT_ONCE})


async def ask_to_undo(factory: SessionFactory, requester: User, operation_id: UUID) -> Job:
    change = Change(verb="operation.undo", actor=requester.full_name, actor_id=requester.id)
    async with transaction(factory, change) as session:
        return await submit_undo(session, operation_id, page="operation")


class TestUndo:
    async def test_brings_back_tickets_before_what_hangs_on_them(
        self,
        factory: SessionFactory,
        worker: Worker,
        submit_bulk: Submit,
        find_job: FindJob,
        requester: User,
        ids: list[int],
        owner: asyncpg.Connection,
    ) -> None:
        async with transaction(factory, arranging()) as session:
            for _ in range(2):
                ticket = await make_ticket(session)
                ids.append(ticket.id)
                for _ in range(4):
                    await make_comment(session, ticket=ticket)
        trashed = await submit_bulk("ticket.trash", ids)
        await worker.drain()
        live = "SELECT (SELECT count(*) FROM tickets WHERE deleted_at IS NULL),"
        live += " (SELECT count(*) FROM comments WHERE deleted_at IS NULL)"
        assert [*await owner.fetchrow(live)] == [0, 0]
        undone = await ask_to_undo(factory, requester, trashed.id)
        await worker.drain()
        undone = await find_job(undone.id)
        assert (undone.state, undone.outcome["changed"]) == (JobState.DONE, 18)
        assert [*await owner.fetchrow(live)] == [10, 8]
        reverts = await owner.fetchval("SELECT reverts_id FROM operations WHERE id = $1", undone.id)
        assert reverts == trashed.id

    async def test_of_links_and_then_of_that_undo(
        self,
        factory: SessionFactory,
        worker: Worker,
        submit_bulk: Submit,
        requester: User,
        ids: list[int],
        owner: asyncpg.Connection,
    ) -> None:
        async with transaction(factory, arranging()) as session:
            tag = await make_tag(session)
        tagged = await submit_bulk("ticket.add-tags", ids, tags=[tag.id])
        await worker.drain()
        first = await ask_to_undo(factory, requester, tagged.id)
        await worker.drain()
        assert await owner.fetchval("SELECT count(*) FROM ticket_tags") == 0
        await ask_to_undo(factory, requester, first.id)
        await worker.drain()
        assert await owner.fetchval("SELECT count(*) FROM ticket_tags") == len(ids)

    async def test_leaves_what_was_changed_since_and_lists_it(
        self,
        factory: SessionFactory,
        worker: Worker,
        submit_bulk: Submit,
        find_job: FindJob,
        requester: User,
        ids: list[int],
        owner: asyncpg.Connection,
    ) -> None:
        done = await submit_bulk("ticket.set-priority", ids, priority="urgent")
        await worker.drain()
        await owner.execute("UPDATE tickets SET priority = 'low' WHERE id = ANY($1)", [ids[0], ids[5]])
        undone = await ask_to_undo(factory, requester, done.id)
        await worker.drain()
        outcome = (await find_job(undone.id)).outcome
        assert (outcome["changed"], outcome["refused"]) == (6, {"changed since": 2})
        assert outcome["conflict_count"] == 2
        assert sorted(found["record_id"] for found in outcome["conflicts"]) == [ids[0], ids[5]]

    async def test_waits_for_the_end_of_what_it_undoes_and_is_asked_for_once(
        self,
        factory: SessionFactory,
        worker: Worker,
        submit_bulk: Submit,
        requester: User,
        ids: list[int],
    ) -> None:
        done = await submit_bulk("ticket.set-priority", ids, priority="urgent")
        with pytest.raises(Conflict, match="under way"):
            await ask_to_undo(factory, requester, done.id)
        await worker.drain()
        await ask_to_undo(factory, requester, done.id)
        with pytest.raises(Conflict, match="undone already"):
            await ask_to_undo(factory, requester, done.id)
