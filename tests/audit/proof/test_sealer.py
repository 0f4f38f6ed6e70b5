import asyncio
import base64
from collections.abc import Callable
from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy import select
from sqlalchemy.orm import undefer

from backoffice.audit.leaf import LEAF
from backoffice.audit.proof.keys import KeyRing, SigningKey
from backoffice.audit.proof.sealer import LONGEST_WAIT, WAITING_CAP, Sealed, SealStatus, seal, seal_status
from backoffice.audit.proof.seals import LARGEST_SEAL, entries_of, faults_between, faults_of
from backoffice.database import SessionFactory
from backoffice.errors import Conflict
from models import AuditSeal
from tests.audit.proof.conftest import KEY
from tests.databases import Database

pytestmark = pytest.mark.usefixtures("empty_log")

ADD = "INSERT INTO tags (name) SELECT $1 || n FROM generate_series(1, $2::int) AS n"


async def add(owner: asyncpg.Connection, name: str, count: int = 1) -> None:
    """As many entries as that, in one transaction."""
    await owner.execute(ADD, f"{name} ", count)


async def seals_of(factory: SessionFactory) -> list[AuditSeal]:
    async with factory() as session:
        chain = select(AuditSeal).order_by(AuditSeal.number).options(undefer(AuditSeal.entries))
        return list(await session.scalars(chain))


async def sealed_ids(factory: SessionFactory) -> list[int]:
    return [number for one in await seals_of(factory) for number, _ in entries_of(one.entries)]


async def status(factory: SessionFactory) -> SealStatus:
    async with factory() as session:
        return await seal_status(session)


async def assert_whole(factory: SessionFactory, *keys: SigningKey) -> None:
    """Each seal is without fault, and follows the one before it."""
    ring = KeyRing([key.public for key in keys])
    seals = await seals_of(factory)
    for one, before in zip(seals, [None, *seals], strict=False):
        assert (faults_of(one, ring), faults_between(one, before)) == ([], [])


class EndingKey(SigningKey):
    """The key of these tests, with which a run ends at its third seal."""

    def __init__(self, *, run_ends: Callable[[], object]) -> None:
        super().__init__(KEY)
        self._loop = asyncio.get_running_loop()
        self._run_ends = run_ends
        self._seals = 0

    def sign(self, message: bytes) -> bytes:
        self._seals += 1
        if self._seals == 3:
            self._loop.call_soon_threadsafe(self._run_ends)
        return super().sign(message)


class TestSeal:
    async def test_makes_nothing_of_nothing(self, factory: SessionFactory, key: SigningKey) -> None:
        assert await seal(factory, key) == Sealed(0, 0)
        assert await seals_of(factory) == []

    async def test_has_the_entries_as_they_are(
        self, factory: SessionFactory, key: SigningKey, owner: asyncpg.Connection
    ) -> None:
        await add(owner, "vip", 3)
        assert await seal(factory, key) == Sealed(1, 3)
        [made] = await seals_of(factory)
        rows = await owner.fetch(f"SELECT id, {LEAF} AS leaf FROM audit_logs AS entry ORDER BY id")
        assert list(entries_of(made.entries)) == [(row["id"], row["leaf"]) for row in rows]
        await assert_whole(factory, key)

    async def test_goes_on_where_it_was(
        self, factory: SessionFactory, key: SigningKey, owner: asyncpg.Connection
    ) -> None:
        await add(owner, "first", 2)
        await seal(factory, key)
        await add(owner, "second", 3)
        assert await seal(factory, key) == Sealed(1, 3)
        assert await seal(factory, key) == Sealed(0, 0)
        assert await sealed_ids(factory) == [1, 2, 3, 4, 5]
        await assert_whole(factory, key)

    async def test_cuts_one_large_transaction(
        self, factory: SessionFactory, key: SigningKey, owner: asyncpg.Connection
    ) -> None:
        await add(owner, "many", 3 * LARGEST_SEAL + 1)
        assert await seal(factory, key) == Sealed(4, 3 * LARGEST_SEAL + 1)
        assert [one.entry_count for one in await seals_of(factory)] == [LARGEST_SEAL] * 3 + [1]
        assert await sealed_ids(factory) == list(range(1, 3 * LARGEST_SEAL + 2))
        await assert_whole(factory, key)

    async def test_has_entries_from_before_transactions_were_noted(
        self, factory: SessionFactory, key: SigningKey, owner: asyncpg.Connection
    ) -> None:
        await owner.execute(
            "INSERT INTO audit_logs (xid, table_name, action, database_user, changes)"
            " SELECT 0, 'tags', 'VIEW', 'somebody', '{}' FROM generate_series(1, 3)"
        )
        await add(owner, "new")
        assert await seal(factory, key) == Sealed(1, 4)
        assert await sealed_ids(factory) == [1, 2, 3, 4]

    async def test_orders_by_transaction(
        self, factory: SessionFactory, key: SigningKey, owner: asyncpg.Connection, database: Database
    ) -> None:
        other = await asyncpg.connect(database.owner_url)
        async with owner.transaction(), other.transaction():
            await add(owner, "begun first")
            await add(other, "begun second")
            await add(owner, "by the first")
        await other.close()
        await seal(factory, key)
        assert await sealed_ids(factory) == [1, 3, 2]

    async def test_goes_on_with_another_key(
        self, factory: SessionFactory, key: SigningKey, owner: asyncpg.Connection
    ) -> None:
        await add(owner, "first")
        await seal(factory, key)
        await add(owner, "second")
        new_key = SigningKey(base64.b64encode(bytes(32)).decode())
        await seal(factory, new_key)
        assert [one.key_id for one in await seals_of(factory)] == [key.key_id, new_key.key_id]
        await assert_whole(factory, key, new_key)

    async def test_refuses_transaction_numbers_that_went_back(
        self, factory: SessionFactory, key: SigningKey, owner: asyncpg.Connection
    ) -> None:
        await add(owner, "first")
        await seal(factory, key)
        await owner.execute("ALTER TABLE audit_seals DISABLE TRIGGER audit_guard")
        await owner.execute("UPDATE audit_seals SET next_xid = next_xid + 1000000")
        with pytest.raises(Conflict, match="transaction numbers have gone back"):
            await seal(factory, key)


class TestOpenTransaction:
    async def test_holds_back_what_comes_after_it(
        self, factory: SessionFactory, key: SigningKey, owner: asyncpg.Connection, database: Database
    ) -> None:
        late = await asyncpg.connect(database.owner_url)
        await add(owner, "before")
        async with late.transaction():
            await add(late, "open")
            await add(owner, "after")
            assert await seal(factory, key) == Sealed(1, 1)
            waiting = await status(factory)
            assert (waiting.waiting, waiting.number) == (1, 1)
        await late.close()
        assert await seal(factory, key) == Sealed(1, 2)
        assert await sealed_ids(factory) == [1, 2, 3]
        await assert_whole(factory, key)

    async def test_that_had_begun_lies_below_the_next_number(
        self, factory: SessionFactory, key: SigningKey, owner: asyncpg.Connection, database: Database
    ) -> None:
        # Nothing ends after it began: the upper end of a snapshot would be its very number.
        late = await asyncpg.connect(database.owner_url)
        await add(owner, "before")
        async with late.transaction():
            await add(late, "open")
            begun = await late.fetchval("SELECT pg_current_xact_id()::text::bigint")
            await seal(factory, key)
        await late.close()
        [made] = await seals_of(factory)
        assert made.horizon_xid <= begun < made.next_xid

    async def test_that_is_taken_back_leaves_nothing(
        self, factory: SessionFactory, key: SigningKey, owner: asyncpg.Connection
    ) -> None:
        transaction = owner.transaction()
        await transaction.start()
        await add(owner, "never", 5)
        await transaction.rollback()
        await add(owner, "kept")
        assert await seal(factory, key) == Sealed(1, 1)
        assert await sealed_ids(factory) == [6]


class TestTogether:
    async def test_one_seals_and_the_others_leave_it(
        self, factory: SessionFactory, key: SigningKey, owner: asyncpg.Connection
    ) -> None:
        await add(owner, "many", 2 * LARGEST_SEAL)
        runs = await asyncio.gather(*(seal(factory, key) for _ in range(5)))
        assert sorted(runs) == [Sealed(0, 0)] * 4 + [Sealed(2, 2 * LARGEST_SEAL)]
        await assert_whole(factory, key)

    async def test_after_a_crash_the_next_goes_on(
        self, factory: SessionFactory, key: SigningKey, owner: asyncpg.Connection
    ) -> None:
        await add(owner, "many", 5 * LARGEST_SEAL)
        run = asyncio.create_task(seal(factory, EndingKey(run_ends=lambda: run.cancel())))
        await asyncio.gather(run, return_exceptions=True)
        assert run.cancelled()
        kept = await owner.fetchval("SELECT count(*) FROM audit_seals")
        assert 0 < kept < 5
        assert await seal(factory, key) == Sealed(5 - kept, (5 - kept) * LARGEST_SEAL)
        assert await sealed_ids(factory) == list(range(1, 5 * LARGEST_SEAL + 1))
        await assert_whole(factory, key)


class TestStatus:
    async def test_before_the_first_seal(self, factory: SessionFactory, owner: asyncpg.Connection) -> None:
        await add(owner, "new", 2)
        now = await status(factory)
        assert (now.number, now.through, now.waiting, now.is_late) == (None, None, 2, False)

    async def test_is_now_when_nothing_waits(
        self, factory: SessionFactory, key: SigningKey, owner: asyncpg.Connection
    ) -> None:
        await add(owner, "new")
        await seal(factory, key)
        now = await status(factory)
        assert (now.number, now.key_id, now.waiting) == (1, key.key_id, 0)
        assert now.sealed_at is not None
        assert now.through == now.checked_at > now.sealed_at

    async def test_is_the_oldest_entry_that_waits(
        self, factory: SessionFactory, key: SigningKey, owner: asyncpg.Connection
    ) -> None:
        await add(owner, "sealed")
        await seal(factory, key)
        await add(owner, "first")
        await add(owner, "second")
        now = await status(factory)
        assert now.through == await owner.fetchval("SELECT created_at FROM audit_logs WHERE id = 2")
        assert now.waiting == 2

    async def test_counts_no_further_than_it_must(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        await add(owner, "many", WAITING_CAP + 5)
        now = await status(factory)
        assert (now.waiting, now.is_capped) == (WAITING_CAP + 1, True)

    @pytest.mark.parametrize(("beyond", "is_late"), [(-30, False), (30, True)])
    async def test_is_late_when_entries_wait_for_long(
        self, factory: SessionFactory, owner: asyncpg.Connection, beyond: int, is_late: bool
    ) -> None:
        await owner.execute(
            "INSERT INTO audit_logs (created_at, table_name, action, database_user, changes)"
            " VALUES (now() - $1::interval, 'tags', 'VIEW', 'somebody', '{}')",
            LONGEST_WAIT + timedelta(seconds=beyond),
        )
        assert (await status(factory)).is_late == is_late
