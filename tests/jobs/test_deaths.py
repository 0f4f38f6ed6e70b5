"""A chunk of which workers die, as in a process that the system ends for its memory."""

import asyncio

import asyncpg

from backoffice.database import SessionFactory
from backoffice.jobs import BULK, ChunkOutcome, JobKind
from backoffice.jobs.deaths import KILLED, MOST
from backoffice.jobs.work import do_next
from models import Job, JobChunk, JobState, User
from tests.jobs.conftest import FindJob, Submit


class _Killed(BaseException):
    """Nothing of ours runs afterwards that knows of it."""


def deadly(number: int, kind: JobKind) -> JobKind:
    """The kind, but that nobody survives its chunk of that number."""

    async def do(session: object, job: Job, chunk: JobChunk) -> ChunkOutcome:
        if chunk.number == number:
            raise _Killed
        return await kind.do(session, job, chunk)  # type: ignore[arg-type]

    return JobKind(name=kind.name, do=do)


async def work(factory: SessionFactory, kind: JobKind, job: Job) -> int:
    """Begin what there is until nothing is left; how many died of it."""
    dead = 0
    while True:
        try:
            if not await do_next(factory, {BULK: kind}, job.id):
                return dead
        except _Killed:
            dead += 1


class TestDying:
    async def test_its_rows_are_left_and_the_job_goes_on(
        self,
        factory: SessionFactory,
        kinds: list[JobKind],
        submit_bulk: Submit,
        find_job: FindJob,
        requester: User,
        ids: list[int],
        owner: asyncpg.Connection,
    ) -> None:
        job = await submit_bulk("ticket.assign", ids[:7], assignee=requester.id)
        async with asyncio.timeout(20):
            assert await work(factory, deadly(1, kinds[0]), job) == MOST
        job = await find_job(job.id)
        assert (job.state, job.rows_done, job.outcome["changed"]) == (JobState.FAILED, 7, 4)
        assert job.outcome["errors"] == {KILLED: 3}
        assert "begun" not in job.outcome
        assert await owner.fetchval("SELECT count(assignee_id) FROM tickets") == 4

    async def test_fewer_deaths_are_forgotten_once_it_is_done(
        self,
        factory: SessionFactory,
        kinds: list[JobKind],
        submit_bulk: Submit,
        find_job: FindJob,
        requester: User,
        ids: list[int],
    ) -> None:
        job = await submit_bulk("ticket.assign", ids[:7], assignee=requester.id)
        for _ in range(MOST - 1):
            try:
                await do_next(factory, {BULK: deadly(1, kinds[0])}, job.id)
            except _Killed:
                continue
        assert (await find_job(job.id)).outcome == {"begun": {"1": MOST - 1}}
        assert await work(factory, kinds[0], job) == 0
        job = await find_job(job.id)
        assert (job.state, job.outcome["changed"], "begun" in job.outcome) == (JobState.DONE, 7, False)
