"""What tests of the proof begin with: a key that signs, and a history without entries."""

import base64

import asyncpg
import pytest

from backoffice.audit.proof.keys import SigningKey

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
