"""The desk of the tests of the admin, for the pages that are declared on it; and one with sealed history."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from backoffice.settings import Settings
from tests.admin.conftest import cheap_hashes, desk, desk_database
from tests.admin.desk import open_desk
from tests.admin_views.proved import Proved
from tests.audit.proof.conftest import KEY
from tests.databases import Database

__all__ = ["cheap_hashes", "desk", "desk_database"]


@pytest.fixture
def proof_settings(database: Database, tmp_path: Path) -> Settings:
    return Settings(
        database_url=database.app_url,
        secret_key=SecretStr("a secret that only the tests know"),
        audit_key=SecretStr(KEY),
        job_workers=0,
        audit_seal_seconds=0,
        var_dir=tmp_path / "var",
    )


@pytest.fixture
async def proved(database: Database, proof_settings: Settings) -> AsyncIterator[Proved]:
    """A desk of this test's own."""
    async with open_desk(database, proof_settings) as desk:
        yield Proved(desk, await desk.visitor("auditor"))
