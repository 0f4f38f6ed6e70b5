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
from tests.databases import ALL_MONTHS, Database

Invoke = Callable[..., Result]


@pytest.fixture
def database(database: Database) -> Database:
    """With all the months that `migrate` makes."""
    database.execute(ALL_MONTHS)
    return database


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


@pytest.mark.usefixtures("aged")
class TestRetain:
    def test_takes_old_months_into_bundles(self, invoke: Invoke, database: Database, tmp_path: Path) -> None:
        result = invoke("retain", "--months", "12", "--yes")
        assert result.exit_code == 0, result.output
        files = sorted(file.name for file in (tmp_path / "var" / "retained").iterdir())
        assert files == ["history-2024-01.zip", "history-2024-02.zip"]
        assert not {"2024_01", "2024_02"} & set(months(database))
        assert "2024-01 is out of the database: kept in " in result.output

    def test_puts_them_where_it_is_told_to(self, invoke: Invoke, tmp_path: Path) -> None:
        result = invoke("retain", "--months", "12", "--yes", "--output", str(tmp_path / "elsewhere"))
        assert result.exit_code == 0, result.output
        assert len(list((tmp_path / "elsewhere").iterdir())) == 2

    def test_says_what_would_go_and_asks(self, invoke: Invoke, database: Database) -> None:
        result = invoke("retain", "--months", "12", typed="n\n")
        assert result.exit_code == 1
        lines = [line.split() for line in result.output.splitlines()]
        assert [line[:3] for line in lines[:2]] == [["2024-01", "2", "entries"], ["2024-02", "1", "entries"]]
        assert "Take them out of the database? [y/N]" in result.output
        assert "2024_01" in months(database)

    def test_a_dry_run_asks_nothing_and_changes_nothing(self, invoke: Invoke, database: Database) -> None:
        result = invoke("retain", "--months", "12", "--dry-run")
        assert result.exit_code == 0
        assert "2024-01" in result.output
        assert "[y/N]" not in result.output
        assert "2024_01" in months(database)

    def test_has_nothing_to_do_where_no_month_is_that_old(self, invoke: Invoke) -> None:
        result = invoke("retain", "--months", "1200")
        assert (result.exit_code, result.output) == (0, "No month is as old as that.\n")

    @pytest.mark.parametrize("missing", ["BACKOFFICE_OWNER_DATABASE_URL", "BACKOFFICE_AUDIT_KEY"])
    def test_needs_the_tables_owner_and_the_key(self, invoke: Invoke, missing: str) -> None:
        result = invoke("retain", "--months", "12", "--yes", env={missing: ""})
        assert result.exit_code == 1
        assert f"Set {missing}" in result.output

    def test_says_so_when_there_is_no_writing(
        self, invoke: Invoke, database: Database, tmp_path: Path
    ) -> None:
        (tmp_path / "file").touch()
        result = invoke("retain", "--months", "12", "--yes", "--output", str(tmp_path / "file" / "below"))
        assert result.exit_code == 1
        assert "below cannot be written to: Not a directory." in result.output
        assert "2024_01" in months(database)

    @pytest.mark.parametrize("months", [(), ("--months", "0"), ("--months", "many")])
    def test_needs_to_be_told_how_many_months(self, invoke: Invoke, months: tuple[str, ...]) -> None:
        assert invoke("retain", *months).exit_code == 2

    def test_keeps_what_is_not_sealed(self, invoke: Invoke, database: Database) -> None:
        database.fetch("ALTER TABLE audit_logs ALTER created_at SET DEFAULT '2024-02-20'")
        database.fetch("INSERT INTO tags (name) VALUES ('unsealed')")
        result = invoke("retain", "--months", "12", "--yes")
        assert result.exit_code == 1
        assert "Error: 2024-02 has entries that are not sealed yet" in result.output
        # The month before it had gone by then.
        assert [name for name in months(database) if name < "2025"] == ["2024_02"]
