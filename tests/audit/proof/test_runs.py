import asyncio

import asyncpg
import pytest

from backoffice.audit.proof.report import FindingKind, Report
from backoffice.audit.proof.runs import (
    BEAT_SECONDS,
    FAILED,
    Period,
    Progress,
    begin_run,
    find_running,
    finish_run,
)
from backoffice.database import SessionFactory, transaction
from backoffice.errors import Conflict
from tests.factories import arranging, make_staff

A_MOMENT = 0.5


async def begin(factory: SessionFactory) -> int:
    async with transaction(factory, arranging()) as session:
        person = await make_staff(session)
        assert await find_running(session) is None
        return (await begin_run(session, user_id=person.id, period=Period())).id


async def row(owner: asyncpg.Connection, run: int) -> asyncpg.Record:
    found = await owner.fetchrow("SELECT *, state::text AS word FROM audit_verifications WHERE id = $1", run)
    assert found is not None
    return found


class TestFindRunning:
    async def test_waits_for_whoever_begins_one_at_this_moment(self, factory: SessionFactory) -> None:
        async def found() -> int | None:
            async with transaction(factory, arranging()) as session:
                running = await find_running(session)
                return running and running.id

        async with transaction(factory, arranging()) as session:
            person = await make_staff(session)
            await find_running(session)
            other = asyncio.create_task(found())
            await asyncio.sleep(A_MOMENT)
            assert not other.done()
            run = await begin_run(session, user_id=person.id, period=Period())
        assert await other == run.id

    async def test_is_none_once_it_has_ended(self, factory: SessionFactory) -> None:
        async def prove(progress: Progress) -> Report:
            return Report()

        await finish_run(factory, await begin(factory), prove)
        await begin(factory)


class TestFinishRun:
    async def test_says_how_far_it_is(self, factory: SessionFactory, owner: asyncpg.Connection) -> None:
        run = await begin(factory)
        goes_on = asyncio.Event()

        async def prove(progress: Progress) -> Report:
            progress(3, 10)
            await goes_on.wait()
            return Report()

        began = (await row(owner, run))["seen_at"]
        task = asyncio.create_task(finish_run(factory, run, prove))
        await asyncio.sleep(1.5 * BEAT_SECONDS)
        now = await row(owner, run)
        assert now["seen_at"] > began
        assert (now["word"], now["entries_done"], now["entries_total"]) == ("running", 3, 10)
        goes_on.set()
        await task
        assert (await row(owner, run))["word"] == "whole"

    async def test_with_findings(self, factory: SessionFactory, owner: asyncpg.Connection) -> None:
        async def prove(progress: Progress) -> Report:
            report = Report()
            report.add(FindingKind.EDITED, "Entry 7 is not what was sealed.", entry_id=7)
            return report

        run = await begin(factory)
        await finish_run(factory, run, prove)
        ended = await row(owner, run)
        assert ended["word"] == "broken"
        assert "Entry 7 is not what was sealed." in ended["report"]

    @pytest.mark.parametrize(
        ("error", "told"),
        [(Conflict("The key was taken away."), "The key was taken away."), (OSError(), FAILED)],
    )
    async def test_that_fails(
        self, factory: SessionFactory, owner: asyncpg.Connection, error: Exception, told: str
    ) -> None:
        async def prove(progress: Progress) -> Report:
            raise error

        run = await begin(factory)
        await finish_run(factory, run, prove)
        ended = await row(owner, run)
        assert ended["word"] == "interrupted"
        assert told in ended["report"]

    async def test_that_is_cancelled(self, factory: SessionFactory, owner: asyncpg.Connection) -> None:
        begun = asyncio.Event()

        async def prove(progress: Progress) -> Report:
            progress(4, 10)
            begun.set()
            await asyncio.sleep(3600)
            return Report()

        run = await begin(factory)
        task = asyncio.create_task(finish_run(factory, run, prove))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        ended = await row(owner, run)
        assert (ended["word"], ended["entries_done"]) == ("interrupted", 4)
        assert ended["ended_at"] is not None
