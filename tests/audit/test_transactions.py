"""A dump that was restored on another server: its transactions go on after those of the history."""

import asyncio
import base64

import asyncpg
import pytest

from backoffice.audit.proof.keys import SigningKey
from backoffice.audit.proof.sealer import seal, seal_status
from backoffice.database import SessionFactory, migrate
from backoffice.errors import Conflict
from tests.databases import Database

AHEAD = 5_000_000


@pytest.fixture
def key() -> SigningKey:
    return SigningKey(base64.b64encode(bytes(range(32))).decode())


async def xids(owner: asyncpg.Connection) -> list[int]:
    return [row["xid"] for row in await owner.fetch("SELECT xid FROM audit_logs WHERE xid > 0 ORDER BY id")]


async def as_if_from_elsewhere(owner: asyncpg.Connection) -> None:
    """An entry as the other server wrote it, whose transactions were far ahead of ours."""
    await owner.execute("INSERT INTO tags (name) VALUES ('elsewhere')")
    await owner.execute(
        "ALTER TABLE audit_logs DISABLE TRIGGER audit_guard;"
        f"UPDATE audit_logs SET xid = xid + {AHEAD} WHERE table_name = 'tags';"
        "ALTER TABLE audit_logs ENABLE ALWAYS TRIGGER audit_guard"
    )


class TestMigrate:
    async def test_lets_them_go_on(
        self, database: Database, owner: asyncpg.Connection, factory: SessionFactory, key: SigningKey
    ) -> None:
        await as_if_from_elsewhere(owner)
        await _migrate(database)
        await owner.execute("INSERT INTO tags (name) VALUES ('here')")
        *_, elsewhere, here = await xids(owner)
        assert elsewhere < here < elsewhere + AHEAD
        await seal(factory, key)
        async with factory() as session:
            assert (await seal_status(session)).waiting == 0

    async def test_lets_sealing_go_on(
        self, database: Database, owner: asyncpg.Connection, factory: SessionFactory, key: SigningKey
    ) -> None:
        await owner.execute("INSERT INTO tags (name) VALUES ('first')")
        await seal(factory, key)
        await owner.execute(
            "ALTER TABLE audit_seals DISABLE TRIGGER audit_guard;"
            f"UPDATE audit_seals SET next_xid = next_xid + {AHEAD}, horizon_xid = horizon_xid + {AHEAD},"
            f" through_xid = through_xid + {AHEAD};"
            "ALTER TABLE audit_seals ENABLE ALWAYS TRIGGER audit_guard"
        )
        with pytest.raises(Conflict, match="backoffice migrate"):
            await seal(factory, key)
        await _migrate(database)
        await owner.execute("INSERT INTO tags (name) VALUES ('second')")
        assert (await seal(factory, key)).entries == 1

    async def test_changes_nothing_on_the_same_server(
        self, database: Database, owner: asyncpg.Connection
    ) -> None:
        await owner.execute("INSERT INTO tags (name) VALUES ('first')")
        await _migrate(database)
        assert await owner.fetchval("SELECT history_xid_base()") == 0

    async def test_again_goes_on_from_there(self, database: Database, owner: asyncpg.Connection) -> None:
        await as_if_from_elsewhere(owner)
        await _migrate(database)
        base = await owner.fetchval("SELECT history_xid_base()")
        await owner.execute("INSERT INTO tags (name) VALUES ('second')")
        await _migrate(database)
        assert await owner.fetchval("SELECT history_xid_base()") == base > 0


async def _migrate(database: Database) -> None:
    # The migrations have an event loop of their own.
    await asyncio.to_thread(migrate.upgrade, database.owner_url)
