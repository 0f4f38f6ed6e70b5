import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from sqlalchemy import text

from backoffice.audit.proof.keys import KeyRing, SigningKey
from backoffice.audit.proof.report import FindingKind
from backoffice.audit.proof.sealer import seal
from backoffice.audit.proof.seals import LARGEST_SEAL
from backoffice.audit.proof.verify import verify
from backoffice.database import SessionFactory, transaction
from tests.audit.proof.tampering import Sealed, found, only, sealed_history
from tests.databases import Database
from tests.performing import acting, sql


@pytest.fixture
async def sealed(factory: SessionFactory, owner: asyncpg.Connection, key: SigningKey) -> Sealed:
    return await sealed_history(factory, owner, key)


class TestWhole:
    async def test_says_what_was_checked(self, sealed: Sealed, owner: asyncpg.Connection) -> None:
        report = await sealed.verify()
        entries = await owner.fetchval("SELECT count(*) FROM audit_logs")
        newest = await owner.fetchval("SELECT max(sealed_at) FROM audit_seals")
        assert (report.entries, report.beside, report.unsealed) == (entries, 0, 0)
        assert (report.sealed_through, report.keys, report.source) == (
            newest,
            [sealed.key.key_id],
            "the database",
        )
        assert report.ended_at is not None
        assert report.ended_at > report.began_at

    async def test_of_nothing(self, factory: SessionFactory, key: SigningKey) -> None:
        report = await verify(factory, KeyRing([key.public]))
        assert (report.is_whole, report.seals, report.entries) == (True, 0, 0)

    async def test_counts_what_is_not_sealed(self, sealed: Sealed) -> None:
        await sql(sealed.factory, "INSERT INTO tags (name) VALUES ('new'), ('newer')")
        report = await sealed.verify()
        # Each, and the operation.
        assert (report.findings, report.unsealed) == ([], 3)

    async def test_takes_every_trusted_key(self, sealed: Sealed, key: SigningKey) -> None:
        other = SigningKey("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHiA=")
        await sql(sealed.factory, "INSERT INTO tags (name) VALUES ('new')")
        await sealed.seal(other)
        both = await verify(sealed.factory, KeyRing([key.public, other.public]))
        assert (both.findings, both.keys) == ([], [key.key_id, other.key_id])
        assert only(await sealed.verify()).seal == 4

    async def test_says_how_far_it_is(self, sealed: Sealed) -> None:
        seen: list[tuple[int, int]] = []
        report = await sealed.verify(progress=lambda done, total: seen.append((done, total)))
        assert seen[-1] == (report.entries, report.entries)
        assert [done for done, _ in seen] == sorted(done for done, _ in seen)

    async def test_is_of_one_moment(self, sealed: Sealed, database: Database) -> None:
        """What is done while it runs is not looked at, be it entries or records."""

        class Meanwhile(KeyRing):
            def has_signed(self, key_id: str, message: bytes, signature: bytes) -> bool:
                database.fetch("ALTER TABLE tags DISABLE TRIGGER audit_capture")
                database.fetch("UPDATE tags SET name = gen_random_uuid()::text")
                return super().has_signed(key_id, message, signature)

        report = await verify(sealed.factory, Meanwhile([sealed.key.public]))
        assert (report.findings, report.unsealed) == ([], 0)
        assert set((await sealed.verify()).counts) == {FindingKind.RECORD}

    async def test_beside_writers_and_the_sealer(self, sealed: Sealed) -> None:
        async def write() -> None:
            for number in range(20):
                await sql(sealed.factory, f"INSERT INTO tags (name) VALUES ('meanwhile {number}')")
                await sealed.seal()

        writing = asyncio.create_task(write())
        for _ in range(5):
            assert (await sealed.verify()).findings == []
        await writing

    async def test_can_be_cut_off(self, sealed: Sealed, owner: asyncpg.Connection) -> None:
        begun = asyncio.Event()
        running = asyncio.create_task(sealed.verify(progress=lambda *_: begun.set()))
        await begun.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        open_transactions = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
        assert await owner.fetchval(f"{open_transactions} AND datname = current_database()") == 0


class TestManySeals:
    async def test_a_transaction_that_does_not_fit_one(
        self, factory: SessionFactory, owner: asyncpg.Connection, key: SigningKey
    ) -> None:
        many = f"INSERT INTO tags (name) SELECT 'tag ' || n FROM generate_series(1, {LARGEST_SEAL + 500}) n"
        await owner.execute(many)
        await seal(factory, key)
        sealed = Sealed(factory, owner, key)
        report = await sealed.verify()
        assert (report.findings, report.seals, report.entries > LARGEST_SEAL) == ([], 2, True)
        first, last = await sealed.ids(2, "tags"), await sealed.ids(1, "tags")
        await sealed.tamper(f"UPDATE audit_logs SET user_id = 9 WHERE id IN ({first[0]}, {last[-1]})")
        assert found(await sealed.verify(rows=False)) == [
            (FindingKind.EDITED, last[-1]),
            (FindingKind.EDITED, first[0]),
        ]

    async def test_an_entry_that_was_sealed_long_after_it_was_written(self, sealed: Sealed) -> None:
        """A transaction that stays open holds the horizon back; others go on."""
        async with transaction(sealed.factory, acting()) as session:
            await session.execute(text("INSERT INTO tags (name) VALUES ('slow')"))
            await sql(sealed.factory, "INSERT INTO tags (name) VALUES ('quick')")
            await sealed.seal()
            assert (await sealed.verify()).findings == []
        await sealed.seal()
        report = await sealed.verify()
        assert (report.findings, report.unsealed) == ([], 0)


class TestRange:
    async def test_takes_the_seals_that_cover_it(self, sealed: Sealed, owner: asyncpg.Connection) -> None:
        first, second = await owner.fetch("SELECT sealed_at FROM audit_seals ORDER BY number LIMIT 2")
        report = await sealed.verify(until=first["sealed_at"])
        assert (report.findings, report.first_seal) == ([], 1)
        assert report.beside == 0 or report.last_seal == 2
        assert report.entries + report.beside < (await sealed.verify()).entries
        report = await sealed.verify(since=second["sealed_at"] + timedelta(seconds=1))
        assert report.findings == []

    async def test_after_everything(self, sealed: Sealed) -> None:
        report = await sealed.verify(since=datetime.now(UTC) + timedelta(days=1))
        assert (report.findings, report.seals, report.entries) == ([], 0, 0)

    async def test_before_everything(self, sealed: Sealed) -> None:
        report = await sealed.verify(until=datetime(2000, 1, 1, tzinfo=UTC))
        assert (report.findings, report.seals, report.entries, report.unsealed) == ([], 1, 0, 0)

    async def test_finds_what_is_wrong_within(self, sealed: Sealed) -> None:
        entry, *_ = await sealed.ids(seal=1)
        await sealed.tamper(f"UPDATE audit_logs SET user_id = 9 WHERE id = {entry}")
        moment = await sealed.owner.fetchval("SELECT created_at FROM audit_logs WHERE id = $1", entry)
        until = moment + timedelta(microseconds=1)
        report = await sealed.verify(since=moment, until=until, rows=False)
        assert (found(report), report.entries) == ([(FindingKind.EDITED, entry)], 1)

    async def test_has_what_was_sealed_long_after_it_was_written(self, sealed: Sealed) -> None:
        await sql(sealed.factory, "INSERT INTO tags (name) VALUES ('early')")
        async with transaction(sealed.factory, acting()) as session:
            await session.execute(text("INSERT INTO tags (name) VALUES ('slow')"))
            until = datetime.now(UTC)
            await sealed.seal()
        await sealed.seal()
        slow = await sealed.owner.fetchval(
            "SELECT id FROM audit_logs WHERE changes -> 'name' ->> 'new' = 'slow'"
        )
        await sealed.tamper(f"UPDATE audit_logs SET user_id = 9 WHERE id = {slow}")
        assert found(await sealed.verify(until=until, rows=False)) == [(FindingKind.EDITED, slow)]

    async def test_the_seal_before_it_is_checked_too(self, sealed: Sealed) -> None:
        await sealed.tamper(
            "UPDATE audit_seals SET sealed_at = sealed_at - interval '1 day' WHERE number < 3"
        )
        since = await sealed.owner.fetchval("SELECT sealed_at FROM audit_seals WHERE number = 3")
        finding = only(await sealed.verify(since=since, rows=False))
        assert (finding.kind, finding.seal) == (FindingKind.SEAL, 2)
        assert "which the first one checked stands on" in finding.sentence
