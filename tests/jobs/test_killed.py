"""Workers that are killed for real, in the middle of whatever they do, again and again."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from pathlib import Path

import asyncpg

from backoffice.database import SessionFactory, transaction
from backoffice.jobs.deaths import MOST
from backoffice.settings import Settings
from models import User
from tests.factories import arranging, make_ticket
from tests.jobs.conftest import Submit

TICKETS = 600
# One more, and a chunk may be given up by the bad luck that it was each one's.
VICTIMS = MOST - 1
PROJECT = Path(__file__).parents[2]


async def test_each_row_is_changed_once_whoever_is_killed(
    settings: Settings,
    factory: SessionFactory,
    submit_bulk: Submit,
    requester: User,
    owner: asyncpg.Connection,
) -> None:
    async with transaction(factory, arranging()) as session:
        ids = [(await make_ticket(session, creator=requester)).id for _ in range(TICKETS)]
    # Slow enough that each is in the middle of something.
    await owner.execute(
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_sleep(0.01); RETURN NEW; END $$"
    )
    await owner.execute(
        "CREATE TRIGGER dawdle BEFORE UPDATE ON tickets FOR EACH ROW EXECUTE FUNCTION dawdle()"
    )
    environment = _environment(settings)
    workers = [await _start(environment) for _ in range(VICTIMS + 1)]
    job = await submit_bulk("ticket.assign", ids, assignee=requester.id)
    done_at_a_kill = []
    try:
        async with asyncio.timeout(90):
            for _ in range(VICTIMS):
                await asyncio.sleep(0.15)
                victim = workers.pop(0)
                victim.kill()
                await victim.wait()
                done_at_a_kill.append(
                    await owner.fetchval("SELECT rows_done FROM jobs WHERE id = $1", job.id)
                )
            has_ended = "SELECT ended_at IS NOT NULL FROM jobs WHERE id = $1"
            while not await owner.fetchval(has_ended, job.id):  # noqa: ASYNC110 - only the database knows
                await asyncio.sleep(0.1)
    finally:
        for worker in workers:
            worker.terminate()
        endings = [await worker.wait() for worker in workers]
    assert max(done_at_a_kill) < TICKETS
    assert endings == [0]
    row = await owner.fetchrow("SELECT * FROM jobs WHERE id = $1", job.id)
    assert row is not None
    assert (row["state"], row["rows_done"]) == ("done", TICKETS)
    counts = "SELECT outcome -> 'changed' FROM operations WHERE id = $1"
    assert await owner.fetchval(counts, job.id) == str(TICKETS)
    assert (
        await owner.fetchval("SELECT count(*) FROM tickets WHERE assignee_id = $1", requester.id) == TICKETS
    )
    entries = await owner.fetchrow(
        "SELECT count(*), count(DISTINCT record_id) FROM audit_logs"
        " WHERE operation_id = $1 AND table_name = 'tickets'",
        job.id,
    )
    assert entries is not None
    assert (*entries,) == (TICKETS, TICKETS)


def _environment(settings: Settings) -> Mapping[str, str]:
    return {
        **os.environ,
        "BACKOFFICE_DATABASE_URL": settings.app_url,
        "BACKOFFICE_SECRET_KEY": settings.secret_key.get_secret_value(),
        "BACKOFFICE_VAR_DIR": str(settings.var_dir),
        "PYTHONUNBUFFERED": "1",
    }


async def _start(environment: Mapping[str, str]) -> Process:
    """A worker that works."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "main.py", "worker", "--presumed-dead", "1"),
        cwd=PROJECT,
        env=environment,
        stdout=PIPE,
    )
    assert process.stdout is not None
    assert b"Working" in await process.stdout.readline()
    return process
