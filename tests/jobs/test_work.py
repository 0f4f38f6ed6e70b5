"""Jobs on a real queue: what their chunks change, note and leave alone."""

import asyncio

import asyncpg
import pytest
from sqlalchemy import text

from backoffice.database import SessionFactory, transaction
from backoffice.errors import Conflict, NotAllowed
from backoffice.jobs import Worker, approve, cancel, reject
from backoffice.jobs.work import do_next
from models import JobState, Operation, User
from tests.factories import arranging, make_staff
from tests.jobs.conftest import FindJob, Submit, until


class TestSubmit:
    async def test_nothing_is_asked_of_workers_when_its_transaction_rolls_back(
        self, factory: SessionFactory, submit_bulk: Submit, ids: list[int], owner: asyncpg.Connection
    ) -> None:
        await submit_bulk("ticket.trash", ids)
        assert await owner.fetchval("SELECT count(*) FROM pgqueuer") == 3
        with pytest.raises(RuntimeError, match="changed my mind"):
            async with transaction(factory, arranging(actor_id=1)):
                raise RuntimeError("changed my mind")
        assert await owner.fetchval("SELECT count(*) FROM pgqueuer") == 3

    async def test_it_is_an_operation_from_the_beginning(
        self, submit_bulk: Submit, requester: User, ids: list[int], owner: asyncpg.Connection
    ) -> None:
        job = await submit_bulk("ticket.trash", ids)
        operation = await owner.fetchrow("SELECT * FROM operations WHERE id = $1", job.id)
        assert operation is not None
        assert (operation["verb"], operation["actor_id"]) == ("ticket.trash", requester.id)
        assert operation["outcome"] == "{}"


class TestDoing:
    async def test_every_row_changes_once_as_the_requesters_operation(
        self,
        worker: Worker,
        submit_bulk: Submit,
        find_job: FindJob,
        requester: User,
        ids: list[int],
        factory: SessionFactory,
        owner: asyncpg.Connection,
    ) -> None:
        job = await submit_bulk("ticket.assign", ids, assignee=requester.id)
        await worker.drain()
        job = await find_job(job.id)
        assert job.state is JobState.DONE
        assert (job.rows_done, job.chunks_done, job.chunks_total) == (8, 3, 3)
        assert job.started_at is not None
        assert job.ended_at is not None
        assert job.outcome["changed"] == 7
        assert job.outcome["refused"] == {"closed or resolved": 1}
        entries = await owner.fetch(
            "SELECT record_id, user_id, request_id FROM audit_logs"
            " WHERE operation_id = $1 AND table_name = 'tickets'",
            job.id,
        )
        assert sorted(entry["record_id"] for entry in entries) == ids[:7]
        assert {(entry["user_id"], entry["request_id"]) for entry in entries} == {(requester.id, "asked")}
        async with factory() as session:
            operation = await session.get_one(Operation, job.id)
        assert operation.outcome["changed"] == 7

    async def test_its_counts_are_in_the_history_of_the_operation(
        self, worker: Worker, submit_bulk: Submit, ids: list[int], owner: asyncpg.Connection
    ) -> None:
        job = await submit_bulk("ticket.trash", ids)
        await worker.drain()
        entry = await owner.fetchrow(
            "SELECT changes #>> '{id,new}' AS id, changes #> '{outcome,new,changed}' AS changed"
            " FROM audit_logs WHERE table_name = 'operations' AND action = 'UPDATE' AND operation_id = $1",
            job.id,
        )
        assert entry is not None
        assert (entry["id"], entry["changed"]) == (str(job.id), "8")

    async def test_a_chunk_says_which_rows_it_left_alone(
        self, worker: Worker, submit_bulk: Submit, requester: User, ids: list[int], owner: asyncpg.Connection
    ) -> None:
        job = await submit_bulk("ticket.assign", ids, assignee=requester.id)
        await worker.drain()
        rows = await owner.fetchval(
            "SELECT outcome #> '{rows,closed or resolved}' FROM job_chunks WHERE job_id = $1 AND number = 3",
            job.id,
        )
        assert rows == f"[{ids[7]}]"

    async def test_rows_that_are_in_the_trash_or_gone_by_then_are_told(
        self,
        worker: Worker,
        submit_bulk: Submit,
        find_job: FindJob,
        ids: list[int],
        owner: asyncpg.Connection,
    ) -> None:
        job = await submit_bulk("ticket.set-priority", [*ids, 987_654], priority="urgent")
        await owner.execute("UPDATE tickets SET deleted_at = now() WHERE id = $1", ids[0])
        await worker.drain()
        outcome = (await find_job(job.id)).outcome
        assert outcome["changed"] == 7
        assert outcome["refused"] == {"in the trash": 1, "gone by now": 1}

    async def test_an_item_that_is_delivered_again_does_nothing(
        self,
        worker: Worker,
        submit_bulk: Submit,
        find_job: FindJob,
        ids: list[int],
        factory: SessionFactory,
        kinds: list[object],
    ) -> None:
        job = await submit_bulk("ticket.trash", ids)
        await worker.drain()
        assert not await do_next(factory, {kind.name: kind for kind in kinds}, job.id)  # type: ignore[attr-defined]
        assert (await find_job(job.id)).rows_done == 8

    async def test_a_chunk_that_cannot_be_done_says_why_and_the_job_ends(
        self, worker: Worker, submit_bulk: Submit, find_job: FindJob, ids: list[int]
    ) -> None:
        job = await submit_bulk("ticket.assign", ids, assignee=987_654)
        await worker.drain()
        job = await find_job(job.id)
        assert job.state is JobState.FAILED
        assert job.outcome["errors"] == {"That person is not there any more.": 8}
        assert job.outcome["changed"] == 0

    async def test_two_workers_share_a_job(
        self,
        worker: Worker,
        submit_bulk: Submit,
        find_job: FindJob,
        ids: list[int],
        settings: object,
        factory: SessionFactory,
        kinds: list[object],
        owner: asyncpg.Connection,
    ) -> None:
        other = Worker(settings.app_url, factory, kinds)  # type: ignore[attr-defined,arg-type]
        job = await submit_bulk("ticket.trash", ids)
        await asyncio.gather(worker.drain(), other.drain())
        assert (await find_job(job.id)).outcome["changed"] == 8
        count = "SELECT count(*) FROM audit_logs WHERE operation_id = $1 AND table_name = 'tickets'"
        assert await owner.fetchval(count, job.id) == 8


class TestCancel:
    async def test_what_is_done_stays_and_the_rest_is_not_begun(
        self,
        factory: SessionFactory,
        worker: Worker,
        kinds: list[object],
        submit_bulk: Submit,
        find_job: FindJob,
        ids: list[int],
        owner: asyncpg.Connection,
    ) -> None:
        job = await submit_bulk("ticket.trash", ids)
        assert await do_next(factory, {kind.name: kind for kind in kinds}, job.id)  # type: ignore[attr-defined]
        async with transaction(factory, arranging()) as session:
            await cancel(session, job.id)
        await worker.drain()
        job = await find_job(job.id)
        assert job.state is JobState.CANCELLED
        assert (job.rows_done, job.outcome["changed"]) == (3, 3)
        assert await owner.fetchval("SELECT count(*) FROM tickets WHERE deleted_at IS NOT NULL") == 3
        outcome = "SELECT outcome #> '{changed}' FROM operations WHERE id = $1"
        assert await owner.fetchval(outcome, job.id) == "3"

    async def test_a_chunk_under_way_is_finished_and_counted(
        self,
        factory: SessionFactory,
        worker: Worker,
        submit_bulk: Submit,
        find_job: FindJob,
        ids: list[int],
        owner: asyncpg.Connection,
    ) -> None:
        job = await submit_bulk("ticket.trash", ids)
        async with factory.begin() as session:
            await session.execute(text("SELECT FROM tickets WHERE id = :id FOR UPDATE"), {"id": ids[0]})
            working = asyncio.create_task(worker.drain())
            await until(owner, "SELECT count(*) = 2 FROM job_chunks WHERE done_at IS NOT NULL")
            async with transaction(factory, arranging()) as other:
                assert (await cancel(other, job.id)).state is JobState.STOPPING
        await working
        job = await find_job(job.id)
        assert (job.state, job.rows_done) == (JobState.CANCELLED, 8)

    async def test_one_that_has_ended_cannot_be(
        self, factory: SessionFactory, worker: Worker, submit_bulk: Submit, ids: list[int]
    ) -> None:
        job = await submit_bulk("ticket.trash", ids)
        await worker.drain()
        async with factory() as session:
            with pytest.raises(Conflict):
                await cancel(session, job.id)


class TestApproval:
    async def test_nothing_begins_before_somebody_else_approves(
        self,
        factory: SessionFactory,
        worker: Worker,
        submit_bulk: Submit,
        find_job: FindJob,
        requester: User,
        ids: list[int],
        owner: asyncpg.Connection,
    ) -> None:
        job = await submit_bulk("ticket.trash", ids, needs_approval=True)
        await worker.drain()
        assert (await find_job(job.id)).state is JobState.WAITING
        assert not await owner.fetchval("SELECT count(*) FROM operations WHERE id = $1", job.id)
        async with transaction(factory, arranging()) as session:
            with pytest.raises(NotAllowed):
                await approve(session, job.id, approver_id=requester.id)
            second = await make_staff(session)
        async with transaction(factory, arranging(actor_id=second.id)) as session:
            await approve(session, job.id, approver_id=second.id)
        await worker.drain()
        assert (await find_job(job.id)).outcome["changed"] == 8
        operation = await owner.fetchrow("SELECT actor_id, parameters FROM operations WHERE id = $1", job.id)
        assert operation is not None
        assert operation["actor_id"] == requester.id
        assert second.full_name in operation["parameters"]

    async def test_a_rejected_one_never_begins(
        self, factory: SessionFactory, worker: Worker, submit_bulk: Submit, find_job: FindJob, ids: list[int]
    ) -> None:
        job = await submit_bulk("ticket.trash", ids, needs_approval=True)
        async with transaction(factory, arranging()) as session:
            second = await make_staff(session)
            await reject(session, job.id, approver_id=second.id)
        await worker.drain()
        assert (await find_job(job.id)).state is JobState.REJECTED
        async with transaction(factory, arranging()) as session:
            with pytest.raises(Conflict):
                await approve(session, job.id, approver_id=second.id)
