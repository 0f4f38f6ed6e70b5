"""What tests of the proof begin with: a key that signs, and a history without entries."""

import asyncio
import base64
from collections.abc import Iterator
from uuid import uuid4

import asyncpg
import pytest

from backoffice.audit.proof.keys import SigningKey
from backoffice.database import create_engine, session_factory
from tests.audit.proof.tampering import sealed_history
from tests.conftest import NAMED_FOR_TESTS
from tests.databases import Database, Server

#: A key like any other: it protects nothing.
KEY = base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def key() -> SigningKey:
    return SigningKey(KEY)


@pytest.fixture
async def empty_log(owner: asyncpg.Connection) -> None:
    """No entry is there, as before the migrations: the next one is the first."""
    await owner.execute(
        "ALTER TABLE audit_logs DISABLE TRIGGER audit_guard; DELETE FROM audit_logs;"
        "ALTER TABLE audit_logs ENABLE ALWAYS TRIGGER audit_guard, ALTER id RESTART"
    )


@pytest.fixture(scope="session")
def sealed_template(server: Server, template: str) -> Iterator[str]:
    """The name of a database with a sealed history, for copies: sealing takes several times as long."""
    name = f"{NAMED_FOR_TESTS}sealed_{uuid4().hex[:12]}"
    server.copy(template, name)
    asyncio.run(_seal(server.database(name)))
    yield name
    server.drop(name)


async def _seal(database: Database) -> None:
    engine = create_engine(database.app_url)
    owner = await asyncpg.connect(database.owner_url)
    await sealed_history(session_factory(engine), owner, SigningKey(KEY))
    await owner.close()
    await engine.dispose()


@pytest.fixture
def sealed_database(server: Server, sealed_template: str) -> Iterator[Database]:
    """A database of this test's own, with three seals."""
    name = f"{NAMED_FOR_TESTS}{uuid4().hex[:12]}"
    server.copy(sealed_template, name)
    yield server.database(name)
    server.drop(name)
