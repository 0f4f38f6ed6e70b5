"""Letting go of old months: each into a bundle that proves itself, and what remains still proved."""

import asyncio
import hashlib
import json
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import select, text

from backoffice.audit import exclusive
from backoffice.audit.browse import history_of
from backoffice.audit.proof import retention as retention_module
from backoffice.audit.proof.bundle import export_bundle, verify_bundle
from backoffice.audit.proof.keys import KeyRing, SigningKey
from backoffice.audit.proof.removals import removed_entries
from backoffice.audit.proof.report import Report
from backoffice.audit.proof.retention import DueMonth, Retained, Retention, due_months
from backoffice.audit.proof.sealer import seal
from backoffice.audit.proof.verify import verify
from backoffice.database import SessionFactory, create_engine, session_factory
from backoffice.errors import Conflict
from models import AuditRemoval, RemovalKind
from tests.audit.proof.aged import FEBRUARY, JANUARY, age
from tests.databases import Database
from tests.performing import acting, sql, take_back

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PARTITIONS = "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' ORDER BY 1"


@pytest.fixture
async def owner_factory(database: Database) -> AsyncIterator[SessionFactory]:
    """Sessions as the role that owns the tables."""
    engine = create_engine(database.owner_url)
    yield session_factory(engine)
    await engine.dispose()


@pytest.fixture
async def aged(owner: asyncpg.Connection, factory: SessionFactory, key: SigningKey) -> None:
    """Two old months and the one under way, sealed."""
    await age(owner)
    await seal(factory, key)


@pytest.fixture
def retention(owner_factory: SessionFactory, key: SigningKey, tmp_path: Path) -> Retention:
    keys = KeyRing([key.public])
    return Retention(owner_factory, key, keys, tmp_path / "kept", reason="Kept for 2 years.", actor="test")


async def due(factory: SessionFactory, keep_months: int = 24) -> list[DueMonth]:
    async with factory() as session:
        return await due_months(session, keep_months=keep_months, now=NOW)


async def retain(
    retention: Retention,
    month: str = JANUARY,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Retained:
    (chosen,) = [one for one in await due(retention.factory) if one.partition.month == month]
    async with retention.alone():
        return await retention.retain(chosen, progress)


async def is_there(owner: asyncpg.Connection, month: str = JANUARY) -> bool:
    """Whether the month lies in the database, with neither removal nor entry that says otherwise."""
    said = await owner.fetchval(
        "SELECT count(*) FROM audit_removals WHERE statement::jsonb ->> 'month' = $1", month
    ) + await owner.fetchval(
        "SELECT count(*) FROM audit_logs WHERE action = 'RETAIN' AND changes #>> '{month,new}' = $1", month
    )
    partitions = [row[0] for row in await owner.fetch(PARTITIONS)]
    there = f"audit_logs_{month.replace('-', '_')}" in partitions
    assert there == (said == 0)
    return there


@pytest.mark.usefixtures("aged")
class TestDueMonths:
    async def test_are_whole_months_before_those_to_keep(self, owner_factory: SessionFactory) -> None:
        months = await due(owner_factory)
        assert [(month.partition.month, month.entries) for month in months] == [(JANUARY, 2), (FEBRUARY, 1)]

    @pytest.mark.parametrize(("keep", "found"), [(32, [JANUARY, FEBRUARY]), (33, [JANUARY]), (34, [])])
    async def test_end_before_the_first_that_is_kept(
        self, owner_factory: SessionFactory, keep: int, found: list[str]
    ) -> None:
        # November 2026 is under way; 32 months before it are those from March 2024 on.
        assert [month.partition.month for month in await due(owner_factory, keep)] == found

    async def test_are_refused_while_entries_lie_in_no_month(
        self, owner: asyncpg.Connection, owner_factory: SessionFactory
    ) -> None:
        await owner.execute(
            "INSERT INTO audit_logs (created_at, table_name, action, changes, database_user)"
            " VALUES ('2020-01-01', 'tags', 'CREATE', '{}', 'somebody')"
        )
        with pytest.raises(Conflict, match=r"1 entry lies in .* `backoffice audit partitions`"):
            await due(owner_factory)


@pytest.mark.usefixtures("aged")
class TestRetain:
    async def test_takes_the_month_into_a_bundle_that_proves_itself(
        self, retention: Retention, owner: asyncpg.Connection
    ) -> None:
        retained = await retain(retention)
        assert (retained.month, retained.entries) == (JANUARY, 2)
        assert not await is_there(owner)
        assert retained.file == retention.folder / "history-2024-01.zip"
        assert [file.name for file in retention.folder.iterdir()] == ["history-2024-01.zip"]
        report = await asyncio.to_thread(verify_bundle, retained.file, retention.keys)
        assert report.is_whole
        assert report.entries == 2

    async def test_what_remains_is_whole(self, retention: Retention, factory: SessionFactory) -> None:
        await retain(retention)
        await retain(retention, FEBRUARY)
        await seal(factory, retention.key)
        report = await verify(factory, retention.keys)
        assert report.findings == []
        assert report.retained == 3

    async def test_is_signed_with_what_went_where_and_why(
        self, retention: Retention, owner: asyncpg.Connection
    ) -> None:
        ids = [row["id"] for row in await owner.fetch("SELECT id FROM audit_logs_2024_01 ORDER BY id")]
        retained = await retain(retention)
        assert retained.file is not None
        async with retention.factory() as session:
            removal = (await session.scalars(select(AuditRemoval))).one()
        assert removal.kind is RemovalKind.RETENTION
        assert removed_entries(removal, retention.keys) == [range(ids[0], ids[-1] + 1)]
        facts = json.loads(removal.statement)
        assert facts["file"] == "history-2024-01.zip"
        assert facts["sha256"] == hashlib.sha256(retained.file.read_bytes()).hexdigest()
        assert (facts["month"], facts["count"], facts["reason"]) == (JANUARY, 2, "Kept for 2 years.")

    async def test_is_in_the_history(self, retention: Retention, owner: asyncpg.Connection) -> None:
        await retain(retention)
        row = await owner.fetchrow("SELECT table_name, changes FROM audit_logs WHERE action = 'RETAIN'")
        assert row is not None
        assert row["table_name"] == "audit_logs"
        assert json.loads(row["changes"])["month"] == {"new": JANUARY}

    async def test_without_the_signed_statement_the_entries_are_missing(
        self, retention: Retention, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        await retain(retention)
        await owner.execute("ALTER TABLE audit_removals DISABLE TRIGGER audit_guard")
        await owner.execute("DELETE FROM audit_removals")
        assert (await verify(factory, retention.keys, rows=False)).found == 2

    async def test_a_month_without_entries_just_goes(
        self, retention: Retention, owner: asyncpg.Connection
    ) -> None:
        await owner.execute("SELECT audit_partition('2023-05-01')")
        retained = await retain(retention, "2023-05")
        assert (retained.entries, retained.file) == (0, None)
        assert "audit_logs_2023_05" not in [row[0] for row in await owner.fetch(PARTITIONS)]

    async def test_takes_no_other_file_s_place(self, retention: Retention) -> None:
        retention.folder.mkdir()
        (other := retention.folder / "history-2024-01.zip").write_text("somebody else's")
        retained = await retain(retention)
        assert retained.file == retention.folder / "history-2024-01-2.zip"
        assert other.read_text() == "somebody else's"

    async def test_a_record_whose_beginning_is_gone_can_still_be_read(
        self, retention: Retention, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        late = await owner.fetchval("SELECT id FROM tags WHERE name = 'very late'")
        await retain(retention)
        async with factory() as session:
            (entry,) = await history_of(session, "tags", late)
        assert [(change.old, change.new) for change in entry.changes] == [("late", "very late")]

    async def test_an_operation_of_then_cannot_be_undone_in_part(
        self, retention: Retention, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        # It began in January, and changed a tag in February.
        change = acting(verb="tag.rename")
        await owner.execute("ALTER TABLE audit_logs ALTER created_at SET DEFAULT '2024-02-01 00:00:01Z'")
        await sql(factory, "UPDATE tags SET name = 'louder' WHERE name = 'loud'", change=change)
        await owner.execute(
            "INSERT INTO operations (id, verb, actor, created_at)"
            " VALUES ($1, 'tag.rename', 'test', '2024-01-31 23:59:59Z')",
            change.operation_id,
        )
        await retain(retention)
        with pytest.raises(Conflict, match="taken out of the database"):
            await take_back(factory, change)


async def age_again(owner: asyncpg.Connection) -> None:
    """An entry that says it is from January 2024, by a clock that went wrong."""
    await owner.execute("SELECT audit_partition('2024-01-01')")
    await owner.execute(
        "INSERT INTO audit_logs (created_at, table_name, action, changes, database_user)"
        " VALUES ('2024-01-20', 'tags', 'VIEW', '{}', 'somebody')"
    )


@pytest.mark.usefixtures("aged")
class TestRefusal:
    async def test_of_what_is_not_sealed(self, retention: Retention, owner: asyncpg.Connection) -> None:
        await age_again(owner)
        with pytest.raises(
            Conflict,
            match=r"2024-01 has entries that are not sealed yet \(1 of 3\): run `backoffice audit seal`",
        ):
            await retain(retention)
        assert await is_there(owner)

    async def test_of_what_was_tampered_with(self, retention: Retention, owner: asyncpg.Connection) -> None:
        await owner.execute("ALTER TABLE audit_logs_2024_01 DISABLE TRIGGER audit_guard")
        await owner.execute("UPDATE audit_logs_2024_01 SET user_id = 1")
        with pytest.raises(Conflict, match="2024-01 is not whole, and was kept"):
            await retain(retention)
        assert await is_there(owner)
        assert not retention.folder.exists()

    async def test_of_what_changes_once_it_was_verified(
        self, retention: Retention, owner: asyncpg.Connection, database: Database
    ) -> None:
        def erase(done: int, total: int) -> None:
            # The bundle is verified in a thread, after the month itself.
            if threading.current_thread() is not threading.main_thread():
                database.fetch("SELECT audit_redact(array_agg(id)) FROM audit_logs_2024_01")

        with pytest.raises(Conflict, match="2024-01 has changed since it was verified"):
            await retain(retention, progress=erase)
        assert await is_there(owner)

    async def test_while_somebody_else_retains(self, retention: Retention) -> None:
        async with retention.alone():
            with pytest.raises(Conflict, match="Somebody else is retaining"):
                await retain(retention)

    async def test_of_waiting_forever(
        self, retention: Retention, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(exclusive, "ATTEMPTS", 2)
        async with owner.transaction():
            await owner.fetch("SELECT FROM audit_logs")
            with pytest.raises(Conflict, match="in use all the time"):
                await retain(retention)
        assert await is_there(owner)


@pytest.mark.usefixtures("aged")
class TestInterruption:
    async def test_before_the_end_leaves_the_month_and_the_next_run_does_it(
        self, retention: Retention, owner: asyncpg.Connection
    ) -> None:
        async with owner.transaction():
            await owner.fetch("SELECT FROM audit_logs")
            task = asyncio.create_task(retain(retention))
            while not (retention.folder / "history-2024-01.zip").exists():
                await asyncio.wait({task}, timeout=0.05)
            await asyncio.sleep(0.5)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        assert await is_there(owner)
        await retain(retention)
        assert not await is_there(owner)


@pytest.mark.usefixtures("aged")
class TestWhileOthersWrite:
    async def test_nobody_fails_and_nothing_is_lost(
        self, retention: Retention, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        done = asyncio.Event()

        async def write(number: int) -> int:
            step = 0
            while not done.is_set():
                async with factory.begin() as session:
                    await session.execute(
                        text("INSERT INTO tags (name) VALUES (:name)"), {"name": f"tag-{number}-{step}"}
                    )
                    await session.execute(text("SELECT count(*) FROM audit_logs WHERE user_id = 1"))
                    step += 1
            return step

        writers = [asyncio.create_task(write(number)) for number in range(6)]
        try:
            await retain(retention)
            await retain(retention, FEBRUARY)
        finally:
            done.set()
        written = sum(await asyncio.gather(*writers))
        assert written > 20
        assert (
            await owner.fetchval("SELECT count(*) FROM audit_logs WHERE table_name = 'tags'") == 1 + written
        )
        await seal(factory, retention.key)
        assert (await verify(factory, retention.keys)).findings == []

    async def test_what_was_begun_meanwhile_finds_nothing_missing(
        self, retention: Retention, factory: SessionFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun: list[asyncio.Task[object]] = []
        bundle, record = tmp_path / "meanwhile.zip", retention_module.record_event

        async def begin_others(*arguments: Any, **facts: Any) -> None:
            # The month is gone by now, and nobody else can see that yet.
            begun.append(asyncio.create_task(verify(factory, retention.keys)))
            begun.append(asyncio.create_task(export_bundle(factory, bundle, retention.keys)))
            await asyncio.sleep(0.5)
            await record(*arguments, **facts)

        monkeypatch.setattr(retention_module, "record_event", begin_others)
        await retain(retention)
        report, _ = await asyncio.gather(*begun)
        assert isinstance(report, Report)
        assert (report.findings, report.retained) == ([], 2)
        assert (await asyncio.to_thread(verify_bundle, bundle, retention.keys)).findings == []
