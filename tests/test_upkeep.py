import asyncio
import base64
import logging

import asyncpg
import pytest

from backoffice import upkeep as module
from backoffice.audit.proof.anchor import known_anchors
from backoffice.database import SessionFactory
from backoffice.errors import Conflict
from backoffice.settings import Settings
from backoffice.upkeep import Chore, chores_of, upkeep
from main import create_app

OFTEN = 0.02
#: What every deployment does.
ALWAYS = [
    "prepare the history's months",
    "summarize the history's newest entries",
    "forget the rows of old jobs",
    "remove old exports",
    "keep imports in order",
]


@pytest.fixture
def sealing(settings: Settings) -> Settings:
    """A deployment that seals its history."""
    key = base64.b64encode(bytes(32)).decode()
    return Settings(**{**settings.model_dump(), "audit_key": key, "audit_seal_seconds": 3600})


class Count:
    """A chore's work: it counts, and does with the count what it was made for."""

    def __init__(self, *, fails: type[Exception] | None = None, seconds: float = 0) -> None:
        self.begun = self.ended = 0
        self.first, self.again = asyncio.Event(), asyncio.Event()
        self._fails = fails
        self._seconds = seconds

    async def __call__(self) -> None:
        self.begun += 1
        self.first.set()
        if self.begun == 3:
            self.again.set()
        await asyncio.sleep(self._seconds)
        self.ended += 1
        if self._fails:
            raise self._fails("it is not possible")


class TestUpkeep:
    async def test_repeats_until_the_end(self) -> None:
        work = Count()
        async with upkeep([Chore("count", OFTEN, work)]):
            assert work.begun == 0
            await asyncio.wait_for(work.again.wait(), 5)
        done = work.begun
        await asyncio.sleep(5 * OFTEN)
        assert work.begun == done

    async def test_begins_nothing_at_once(self) -> None:
        work = Count()
        async with upkeep([Chore("count", 3600, work)]):
            await asyncio.sleep(5 * OFTEN)
        assert work.begun == 0

    async def test_does_once_more_in_the_end_what_asks_for_it(self) -> None:
        work, other = Count(), Count()
        async with upkeep([Chore("count", 3600, work, at_end=True), Chore("count", 3600, other)]):
            pass
        assert (work.begun, other.begun) == (1, 0)

    @pytest.mark.parametrize(
        ("error", "level"),
        [(Conflict, logging.WARNING), (ConnectionError, logging.WARNING), (RuntimeError, logging.ERROR)],
    )
    async def test_tries_again_what_failed(
        self, caplog: pytest.LogCaptureFixture, error: type[Exception], level: int
    ) -> None:
        work = Count(fails=error)
        async with upkeep([Chore("count on", OFTEN, work)]):
            await asyncio.wait_for(work.again.wait(), 5)
        assert {record.levelno for record in caplog.records} == {level}
        assert caplog.records[0].getMessage().startswith("Could not count on")

    async def test_one_that_fails_leaves_the_others_alone(self) -> None:
        work = Count()
        async with upkeep([Chore("fail", OFTEN, Count(fails=RuntimeError)), Chore("count", OFTEN, work)]):
            await asyncio.wait_for(work.again.wait(), 5)

    async def test_lets_what_is_under_way_end(self) -> None:
        work = Count(seconds=0.2)
        async with upkeep([Chore("count", OFTEN, work)]):
            await asyncio.wait_for(work.first.wait(), 5)
        assert work.ended == work.begun == 1

    async def test_cancels_what_does_not_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "PATIENCE", 0.1)
        work = Count(seconds=3600)
        async with upkeep([Chore("count", OFTEN, work)]):
            await asyncio.wait_for(work.first.wait(), 5)
        assert (work.begun, work.ended) == (1, 0)


class TestChores:
    async def test_without_a_key_nothing_is_sealed_and_that_is_said(
        self, settings: Settings, factory: SessionFactory, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert [chore.name for chore in chores_of(settings, factory)] == ALWAYS
        assert [record.getMessage() for record in caplog.records] == [
            "The history is not sealed: there is no BACKOFFICE_AUDIT_KEY."
        ]

    async def test_sealing_can_be_left_to_others(
        self, sealing: Settings, factory: SessionFactory, caplog: pytest.LogCaptureFixture
    ) -> None:
        settings = sealing.model_copy(update={"audit_seal_seconds": 0})
        assert [chore.name for chore in chores_of(settings, factory)] == ALWAYS
        assert caplog.records == []

    async def test_make_the_months_that_are_missing(
        self, settings: Settings, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        newest = "SELECT max(relname) FROM pg_class WHERE relname ~ '^audit_logs_\\d{4}_\\d\\d$'"
        month = await owner.fetchval(newest)
        months, *_ = chores_of(settings, factory)
        await months.run()
        made = await owner.fetchval(newest)
        assert made > month
        await owner.execute(f"DROP TABLE {made}")
        await months.run()
        assert await owner.fetchval(newest) == made

    async def test_let_the_index_find_what_is_new(
        self, settings: Settings, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        await owner.execute("INSERT INTO tags (name) SELECT 'tag ' || n FROM generate_series(1, 5000) AS n")
        _, summaries, *_ = chores_of(settings, factory)
        await summaries.run()
        assert await owner.fetchval("SELECT audit_summarize()") == 0


class TestApplication:
    async def test_seals_and_anchors_when_it_stops(
        self, sealing: Settings, owner: asyncpg.Connection
    ) -> None:
        app = create_app(sealing)
        async with app.router.lifespan_context(app):
            await owner.execute("INSERT INTO tags (name) VALUES ('vip')")
        written = await owner.fetchval("SELECT count(*) FROM audit_logs")
        assert await owner.fetchval("SELECT sum(entry_count) FROM audit_seals") == written > 0
        assert [anchor.number for anchor in known_anchors(sealing)] == [1]

    async def test_seals_while_it_serves(self, sealing: Settings, owner: asyncpg.Connection) -> None:
        app = create_app(sealing.model_copy(update={"audit_seal_seconds": 1}))
        async with app.router.lifespan_context(app):
            await owner.execute("INSERT INTO tags (name) VALUES ('vip')")
            await becomes_true(owner, "SELECT count(*) = 1 FROM audit_seals")

    async def test_leaves_no_connection_open(self, sealing: Settings, owner: asyncpg.Connection) -> None:
        app = create_app(sealing.model_copy(update={"audit_seal_seconds": 1}))
        async with app.router.lifespan_context(app):
            await asyncio.sleep(1.2)
        await becomes_true(
            owner,
            "SELECT count(*) = 0 FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )


async def becomes_true(owner: asyncpg.Connection, query: str) -> None:
    async with asyncio.timeout(10):
        while True:
            if await owner.fetchval(query):
                return
            await asyncio.sleep(0.05)
