import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backoffice.attachments import FileStore
from backoffice.errors import NotFound, TooLarge

LIMIT = 1000


async def chunks_of(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def files_in(store: FileStore) -> list[Path]:
    return sorted(path for path in store.directory.rglob("*") if path.is_file() and path.name != "lock")


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "var" / "attachments")


class TestSave:
    async def test_stores_the_bytes_under_their_hash(self, store: FileStore) -> None:
        stored = await store.save(chunks_of(b"hello ", b"", b"world"), limit=LIMIT)

        assert stored.size_bytes == 11
        assert stored.sha256 == hashlib.sha256(b"hello world").hexdigest()
        with store.open(stored.sha256) as file:
            assert file.read() == b"hello world"
        assert files_in(store) == [store.directory / stored.sha256[:2] / stored.sha256[2:4] / stored.sha256]

    async def test_equal_files_share_one(self, store: FileStore) -> None:
        first = await store.save(chunks_of(b"same"), limit=LIMIT)
        second = await store.save(chunks_of(b"sa", b"me"), limit=LIMIT)

        assert first == second
        assert len(files_in(store)) == 1

    async def test_takes_a_file_of_exactly_the_limit(self, store: FileStore) -> None:
        assert (await store.save(chunks_of(b"x" * LIMIT), limit=LIMIT)).size_bytes == LIMIT

    async def test_refuses_more_than_the_limit_and_leaves_nothing(self, store: FileStore) -> None:
        with pytest.raises(TooLarge, match=r"larger than the limit of 1 kB\."):
            await store.save(chunks_of(b"x" * LIMIT, b"x"), limit=LIMIT)

        assert files_in(store) == []

    async def test_leaves_nothing_of_a_stream_that_breaks_off(self, store: FileStore) -> None:
        async def half_a_file() -> AsyncIterator[bytes]:
            yield b"half"
            raise ConnectionError

        with pytest.raises(ConnectionError):
            await store.save(half_a_file(), limit=LIMIT)

        assert files_in(store) == []

    async def test_leaves_nothing_when_cancelled(self, store: FileStore) -> None:
        waiting = asyncio.Event()

        async def slow_file() -> AsyncIterator[bytes]:
            yield b"first"
            waiting.set()
            await asyncio.sleep(60)

        upload = asyncio.create_task(store.save(slow_file(), limit=LIMIT))
        await waiting.wait()
        upload.cancel()

        with pytest.raises(asyncio.CancelledError):
            await upload
        assert files_in(store) == []

    async def test_keeps_others_out(self, store: FileStore) -> None:
        stored = await store.save(chunks_of(b"private"), limit=LIMIT)

        path = store.path(stored.sha256)
        assert path.stat().st_mode & 0o777 == 0o600
        folders = [path.parent, path.parent.parent, store.directory, store.directory.parent]
        assert [folder.stat().st_mode & 0o777 for folder in folders] == [0o700] * 4

    @settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
    @given(chunks=st.lists(st.binary(max_size=400), max_size=6))
    def test_gives_back_any_bytes_or_refuses_them(self, store: FileStore, chunks: list[bytes]) -> None:
        whole = b"".join(chunks)
        before = files_in(store)

        if len(whole) > LIMIT:
            with pytest.raises(TooLarge):
                asyncio.run(store.save(chunks_of(*chunks), limit=LIMIT))
            assert files_in(store) == before
        else:
            stored = asyncio.run(store.save(chunks_of(*chunks), limit=LIMIT))
            assert store.path(stored.sha256).read_bytes() == whole


class TestPath:
    @pytest.mark.parametrize(
        "name", ["", "..", "../../../etc/passwd", "a" * 63, "A" * 64, "g" * 64, "a" * 64 + "\n", "a" * 64]
    )
    def test_finds_nothing_but_stored_files(self, store: FileStore, name: str) -> None:
        with pytest.raises(NotFound):
            store.path(name)


class TestDelete:
    async def test_deletes_the_file(self, store: FileStore) -> None:
        stored = await store.save(chunks_of(b"gone"), limit=LIMIT)

        assert store.delete(stored.sha256)
        assert not store.delete(stored.sha256)
        assert files_in(store) == []

    async def test_spares_a_file_saved_again_since(self, store: FileStore) -> None:
        moment = datetime.now(UTC) - timedelta(hours=1)
        stored = await store.save(chunks_of(b"wanted"), limit=LIMIT)
        os.utime(store.path(stored.sha256), (0, 0))
        await store.save(chunks_of(b"wanted"), limit=LIMIT)

        assert not store.delete(stored.sha256, saved_before=moment)
        assert store.path(stored.sha256).is_file()
