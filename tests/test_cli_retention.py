"""`audit partitions` and `audit retain`, as somebody at a terminal meets them."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from click.testing import CliRunner, Result

from backoffice.audit.proof.keys import SigningKey
from backoffice.audit.proof.sealer import seal
from backoffice.cli import cli
from backoffice.database import create_engine, session_factory
from tests.audit.proof.aged import age
from tests.audit.proof.conftest import KEY
from tests.databases import Database

Invoke = Callable[..., Result]


@pytest.fixture
def invoke(database: Database, tmp_path: Path) -> Invoke:
    """The command line on the test's own database, with a key that signs."""

    def invoke(*arguments: str, env: dict[str, str] | None = None, typed: str | None = None) -> Result:
        variables = {
            "BACKOFFICE_DATABASE_URL": database.app_url,
            "BACKOFFICE_OWNER_DATABASE_URL": database.owner_url,
            "BACKOFFICE_SECRET_KEY": "a secret that only the tests know",
            "BACKOFFICE_AUDIT_KEY": KEY,
            "BACKOFFICE_VAR_DIR": str(tmp_path / "var"),
        }
        return CliRunner().invoke(cli, ["audit", *arguments], env=variables | (env or {}), input=typed)

    return invoke


@pytest.fixture
def aged(database: Database) -> None:
    """Two old months and the one under way, sealed."""

    async def prepare() -> None:
        owner = await asyncpg.connect(database.owner_url)
        await age(owner)
        await owner.close()
        engine = create_engine(database.app_url)
        await seal(session_factory(engine), SigningKey(KEY))
        await engine.dispose()

    asyncio.run(prepare())


def months(database: Database) -> list[str]:
    rows = database.fetch("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' ORDER BY 1")
    return [row[0].removeprefix("audit_logs_") for row in rows]


class TestPartitions:
    def test_moves_strays_and_makes_months(self, invoke: Invoke, database: Database) -> None:
        month = f"{datetime.now(UTC):%Y_%m}"
        database.fetch(f"DROP TABLE audit_logs_{month}")
        database.fetch("INSERT INTO tags (name) VALUES ('vip')")
        result = invoke("partitions")
        assert (result.exit_code, result.output) == (
            0,
            "Entries moved into months of their own: 1. Months made ahead: 0.\n",
        )
        assert month in months(database)

    def test_needs_the_tables_owner(self, invoke: Invoke) -> None:
        result = invoke("partitions", env={"BACKOFFICE_OWNER_DATABASE_URL": ""})
        assert result.exit_code == 1
        assert "Set BACKOFFICE_OWNER_DATABASE_URL" in result.output
