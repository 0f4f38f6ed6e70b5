import asyncpg
import pytest

from backoffice.database import SessionFactory
from backoffice.jobs import Worker, forgetting
from backoffice.jobs.forgetting import forget_jobs
from tests.jobs.conftest import Submit

AGED = "UPDATE jobs SET created_at = now() - interval '100 days', ended_at = now() - $1::text::interval"


class TestForgetJobs:
    @pytest.mark.parametrize(("ended", "chunks"), [("89 days", 3), ("91 days", 0)])
    async def test_of_old_jobs_the_chunks_go_and_the_job_stays(
        self,
        factory: SessionFactory,
        owner: asyncpg.Connection,
        submit_bulk: Submit,
        ids: list[int],
        worker: Worker,
        monkeypatch: pytest.MonkeyPatch,
        ended: str,
        chunks: int,
    ) -> None:
        monkeypatch.setattr(forgetting, "AT_ONCE", 2)
        await submit_bulk("ticket.trash", ids)
        await worker.drain()
        await owner.execute(AGED, ended)
        await forget_jobs(factory)
        assert await owner.fetchval("SELECT count(*) FROM job_chunks") == chunks
        assert await owner.fetchval("SELECT count(*) FROM jobs") == 1

    async def test_of_jobs_that_go_on_nothing_goes(
        self, factory: SessionFactory, owner: asyncpg.Connection, submit_bulk: Submit, ids: list[int]
    ) -> None:
        await submit_bulk("ticket.trash", ids)
        await owner.execute("UPDATE jobs SET created_at = now() - interval '1 year'")
        await forget_jobs(factory)
        assert await owner.fetchval("SELECT count(*) FROM job_chunks") == 3

    async def test_the_log_of_the_queue_is_kept_for_a_week(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        add = (
            "INSERT INTO pgqueuer_log (created, job_id, status, priority, entrypoint)"
            " VALUES (now() - $1::text::interval, 1, 'queued', 0, 'chunk')"
        )
        for age in ("6 days", "8 days", "30 days"):
            await owner.execute(add, age)
        await forget_jobs(factory)
        assert await owner.fetchval("SELECT count(*) FROM pgqueuer_log") == 1
