"""Reads on record: soon, together, each once; and none lost but those that are counted."""

import asyncio
import json
from typing import Any

import asyncpg
import pytest

from backoffice.audit.reads import BATCH, Read, Reads
from backoffice.database import SessionFactory
from models import AuditAction
from tests.databases import Database

BOTH = (AuditAction.VIEW, AuditAction.SEARCH)


def view(record_id: int = 1, *, user_id: int | None = 7, **fields: Any) -> Read:
    return Read(AuditAction.VIEW, "tickets", record_id, user_id, **fields)


async def recorded(owner: asyncpg.Connection) -> list[asyncpg.Record]:
    return list(await owner.fetch("SELECT * FROM audit_logs WHERE action IN ('VIEW', 'SEARCH') ORDER BY id"))


async def until_recorded(owner: asyncpg.Connection, number: int) -> list[asyncpg.Record]:
    async with asyncio.timeout(20):
        while len(found := await recorded(owner)) < number:  # noqa: ASYNC110 - a database has no events
            await asyncio.sleep(0.05)
    return found


class TestRead:
    async def test_is_an_entry_with_who_what_and_whence(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        reads = Reads(factory, BOTH)
        async with reads.writing():
            reads.note(view(5, request_id="r-1", address="192.0.2.9"))
        (entry,) = await recorded(owner)
        assert (entry["table_name"], entry["record_id"], entry["user_id"]) == ("tickets", 5, 7)
        assert (entry["request_id"], str(entry["address"])) == ("r-1", "192.0.2.9")
        assert entry["operation_id"] is None
        assert set(json.loads(entry["changes"])) == {"at"}
        assert entry["salt"] is not None

    async def test_says_what_of_it_is_personal(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        reads = Reads(factory, BOTH)
        async with reads.writing():
            facts = {"for": "all entries by Ana"}
            reads.note(Read(AuditAction.SEARCH, "audit_logs", None, 7, facts=facts, personal=["for"]))
        (entry,) = await recorded(owner)
        assert entry["personal"] == ["for"]
        assert json.loads(entry["changes"])["for"] == {"new": "all entries by Ana"}

    async def test_is_written_within_seconds_without_waiting_for_more(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        reads = Reads(factory, BOTH)
        async with reads.writing():
            reads.note(view())
            assert len(await until_recorded(owner, 1)) == 1

    async def test_of_another_kind_is_not_recorded(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        reads = Reads(factory, [AuditAction.SEARCH])
        async with reads.writing():
            reads.note(view())
        assert await recorded(owner) == []


class TestAgain:
    async def test_within_a_minute_is_no_second_one(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        reads = Reads(factory, BOTH)
        async with reads.writing():
            for read in (view(1), view(1), view(2), view(1, user_id=8), view(1)):
                reads.note(read)
        assert [(one["record_id"], one["user_id"]) for one in await recorded(owner)] == [
            (1, 7),
            (2, 7),
            (1, 8),
        ]

    async def test_later_is_one(self, factory: SessionFactory, owner: asyncpg.Connection) -> None:
        reads = Reads(factory, BOTH, again_after=0.2)
        async with reads.writing():
            reads.note(view())
            await asyncio.sleep(0.3)
            reads.note(view())
        assert len(await recorded(owner)) == 2

    async def test_is_always_one_without_a_limit(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        reads = Reads(factory, BOTH, again_after=0)
        async with reads.writing():
            reads.note(view())
            reads.note(view())
        assert len(await recorded(owner)) == 2


class TestMany:
    async def test_are_all_written_in_order_at_the_end(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        reads = Reads(factory, BOTH)
        async with reads.writing():
            for number in range(BATCH * 2 + 10):
                reads.note(view(number))
        assert [one["record_id"] for one in await recorded(owner)] == list(range(BATCH * 2 + 10))

    async def test_are_held_up_to_a_limit_and_counted_beyond(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        reads = Reads(factory, BOTH, capacity=3)
        for number in range(8):
            reads.note(view(number))
        async with reads.writing():
            pass
        *kept, told = await recorded(owner)
        assert [one["record_id"] for one in kept] == [0, 1, 2]
        assert (told["table_name"], told["user_id"]) == ("audit_logs", None)
        assert json.loads(told["changes"])["not_recorded"] == {"new": 5}

    async def test_from_many_tasks_are_each_written_once(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        reads = Reads(factory, BOTH)

        async def look(person: int) -> None:
            for number in range(60):
                reads.note(view(number, user_id=person))
                await asyncio.sleep(0.002)

        async with reads.writing():
            await asyncio.gather(*(look(person) for person in range(10)))
        assert len({(one["user_id"], one["record_id"]) for one in await recorded(owner)}) == 600
        assert len(await recorded(owner)) == 600


class TestDatabaseAway:
    async def test_keeps_them_until_it_is_back(
        self, factory: SessionFactory, owner: asyncpg.Connection, database: Database
    ) -> None:
        superuser = await asyncpg.connect(database.superuser_url)
        try:
            await superuser.execute("REVOKE EXECUTE ON FUNCTION audit_reads(jsonb) FROM backoffice_app")
            reads = Reads(factory, BOTH)
            async with reads.writing():
                reads.note(view(1))
                await asyncio.sleep(1.5)
                reads.note(view(2))
                assert await recorded(owner) == []
                await superuser.execute("GRANT EXECUTE ON FUNCTION audit_reads(jsonb) TO backoffice_app")
                found = await until_recorded(owner, 2)
            assert [one["record_id"] for one in found] == [1, 2]
        finally:
            await superuser.close()

    async def test_survives_connections_that_were_cut(
        self, factory: SessionFactory, owner: asyncpg.Connection, database: Database
    ) -> None:
        superuser = await asyncpg.connect(database.superuser_url)
        reads = Reads(factory, BOTH)
        try:
            async with reads.writing():
                reads.note(view(1))
                await until_recorded(owner, 1)
                await superuser.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'backoffice_app'"
                    " AND datname = current_database()"
                )
                reads.note(view(2))
                assert len(await until_recorded(owner, 2)) == 2
        finally:
            await superuser.close()

    async def test_is_not_waited_for_when_it_ends(
        self,
        factory: SessionFactory,
        owner: asyncpg.Connection,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("backoffice.audit.reads.PATIENCE", 0.5)
        reads = Reads(factory, BOTH)
        await owner.execute("BEGIN; LOCK TABLE audit_logs IN SHARE MODE")
        async with asyncio.timeout(5), reads.writing():
            reads.note(view())
        await owner.execute("ROLLBACK")
        assert "1 reads were not put on record" in caplog.text


class TestFunction:
    @pytest.mark.parametrize("action", ["CREATE", "UPDATE", "DELETE", "LOGIN", "ERASE", "EXPORT"])
    async def test_writes_no_other_kind(self, database: Database, action: str) -> None:
        connection = await asyncpg.connect(database.app_url)
        try:
            rows = json.dumps([{**view().as_json(), "action": action}])
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute("SELECT audit_reads($1)", rows)
        finally:
            await connection.close()
