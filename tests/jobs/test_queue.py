"""The queue behind the jobs: its tables, and items that come again, or late."""

import asyncio
from datetime import timedelta

import asyncpg
from pgqueuer import Queries

from backoffice.database import SessionFactory
from backoffice.jobs import JobKind, Worker
from backoffice.settings import Settings
from models import JobState
from tests.databases import Database
from tests.jobs.conftest import FindJob, Submit, until


async def test_our_migrations_make_what_the_library_would(owner: asyncpg.Connection) -> None:
    plan = await Queries.from_asyncpg_connection(owner).plan_upgrade()
    assert list(plan.statements) == []


class TestHeldChunk:
    async def test_is_done_when_its_holder_is_dead(
        self,
        settings: Settings,
        factory: SessionFactory,
        kinds: list[JobKind],
        submit_bulk: Submit,
        find_job: FindJob,
        ids: list[int],
        database: Database,
        owner: asyncpg.Connection,
    ) -> None:
        worker = Worker(settings.app_url, factory, kinds, presumed_dead=timedelta(seconds=1))
        job = await submit_bulk("ticket.trash", ids)
        frozen = await asyncpg.connect(database.owner_url)
        holding = frozen.transaction()
        await holding.start()
        await frozen.execute("SELECT FROM job_chunks WHERE job_id = $1 AND number = 3 FOR UPDATE", job.id)
        working = asyncio.create_task(worker.drain())
        await until(owner, f"SELECT rows_done = 6 FROM jobs WHERE id = '{job.id}'")
        await asyncio.sleep(0.5)
        assert not working.done()
        await frozen.close()
        await asyncio.wait_for(working, 20)
        assert (await find_job(job.id)).state is JobState.DONE


class TestLostConnection:
    async def test_the_worker_comes_back(
        self,
        worker: Worker,
        submit_bulk: Submit,
        find_job: FindJob,
        ids: list[int],
        database: Database,
        owner: asyncpg.Connection,
    ) -> None:
        same_role = await asyncpg.connect(database.app_url)
        working = asyncio.create_task(worker.run())
        await until(same_role, _CUT_OFF)
        await same_role.close()
        job = await submit_bulk("ticket.trash", ids)
        await until(owner, f"SELECT ended_at IS NOT NULL FROM jobs WHERE id = '{job.id}'")
        worker.stop()
        await working
        assert (await find_job(job.id)).outcome["changed"] == len(ids)


# Once it listens: before that it would only begin later.
_CUT_OFF = """
SELECT count(pg_terminate_backend(pid)) > 0 FROM pg_stat_activity
WHERE application_name = 'backoffice worker' AND datname = current_database() AND state = 'idle'
  AND backend_start < clock_timestamp() - interval '1 second'
"""
