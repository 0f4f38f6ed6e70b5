import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from backoffice.attachments import FileStore, remove_unreferenced, sweep
from backoffice.database import SessionFactory
from tests.attachments.test_store import chunks_of

A_WEEK_AGO = datetime.now(UTC) - timedelta(days=7)


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "attachments")


async def save(store: FileStore, content: bytes, *, at: datetime = A_WEEK_AGO) -> str:
    stored = await store.save(chunks_of(content), limit=1000)
    os.utime(store.path(stored.sha256), (at.timestamp(), at.timestamp()))
    return stored.sha256


async def attach(owner: asyncpg.Connection, sha256: str, *, trashed: bool = False) -> None:
    await owner.execute(
        """
        WITH person AS (INSERT INTO users (email, full_name)
            VALUES ($1 || '@example.com', 'Ada') RETURNING id),
          ticket AS (INSERT INTO tickets (title, description, creator_id) SELECT 't', 'd', id FROM person
            RETURNING id, creator_id)
        INSERT INTO attachments
          (filename, content_type, size_bytes, sha256, ticket_id, uploaded_by_id, deleted_at)
        SELECT 'a.txt', 'text/plain', 1, $1, id, creator_id, CASE WHEN $2 THEN now() END FROM ticket
        """,
        sha256,
        trashed,
    )


class TestSweep:
    async def test_takes_files_without_an_attachment(self, factory: SessionFactory, store: FileStore) -> None:
        await save(store, b"forgotten")

        async with factory() as session:
            assert await sweep(session, store) == 1

        assert list(store.hashes(saved_before=datetime.now(UTC))) == []

    async def test_leaves_what_an_attachment_needs(
        self, factory: SessionFactory, owner: asyncpg.Connection, store: FileStore
    ) -> None:
        live, trashed = await save(store, b"live"), await save(store, b"trashed")
        await attach(owner, live)
        await attach(owner, trashed, trashed=True)

        async with factory() as session:
            assert await sweep(session, store) == 0

        assert set(store.hashes(saved_before=datetime.now(UTC))) == {live, trashed}

    async def test_leaves_what_may_not_be_committed_yet(
        self, factory: SessionFactory, store: FileStore
    ) -> None:
        await save(store, b"young", at=datetime.now(UTC) - timedelta(minutes=1))

        async with factory() as session:
            assert await sweep(session, store, timedelta(hours=1)) == 0
            assert await sweep(session, store, timedelta(seconds=30)) == 1

    async def test_clears_up_after_a_killed_upload(self, factory: SessionFactory, store: FileStore) -> None:
        await save(store, b"any")
        draft = store.directory / "incoming" / "half"
        draft.write_bytes(b"ha")
        os.utime(draft, (0, 0))

        async with factory() as session:
            await sweep(session, store)

        assert not draft.exists()


class TestRemoveUnreferenced:
    async def test_looks_at_the_given_files_alone(self, factory: SessionFactory, store: FileStore) -> None:
        purged, other = await save(store, b"purged"), await save(store, b"other")

        async with factory() as session:
            moment = datetime.now(UTC)
            assert await remove_unreferenced(session, store, [purged, "0" * 64], saved_before=moment) == 1

        assert list(store.hashes(saved_before=moment)) == [other]

    async def test_waits_for_what_was_saved_just_now(self, factory: SessionFactory, store: FileStore) -> None:
        fresh = await save(store, b"fresh", at=datetime.now(UTC) - timedelta(seconds=10))

        async with factory() as session:
            assert await remove_unreferenced(session, store, [fresh]) == 0
