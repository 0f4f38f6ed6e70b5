"""`backoffice job …`, from the outside."""

import json
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from click.testing import CliRunner, Result

from backoffice.cli import cli
from tests.databases import Database

Invoke = Callable[..., Result]


@pytest.fixture
def invoke(database: Database, tmp_path: Path) -> Invoke:
    def invoke(*arguments: str) -> Result:
        variables = {
            "BACKOFFICE_DATABASE_URL": database.app_url,
            "BACKOFFICE_SECRET_KEY": "a secret that only the tests know",
            "BACKOFFICE_VAR_DIR": str(tmp_path / "var"),
        }
        return CliRunner().invoke(cli, ["job", *arguments], env=variables)

    return invoke


@pytest.fixture
def add_job(database: Database) -> Callable[..., UUID]:
    def add(state: str, done: int = 4) -> UUID:
        job = uuid4()
        outcome = json.dumps({"changed": done, "refused": {"already closed": 1}})
        database.execute(
            "INSERT INTO users (id, email, full_name, password_hash, is_staff, is_active)"
            " OVERRIDING SYSTEM VALUE VALUES (77, 'sam@example.com', 'Sam Supervisor', '', true, true)"
            " ON CONFLICT DO NOTHING"
        )
        database.execute(
            "INSERT INTO jobs (id, user_id, state, kind, verb, page, title, rows_total, rows_done,"
            f" chunks_total, ended_at, outcome) VALUES ('{job}', 77, '{state}', 'bulk', 'ticket.assign',"
            f" 'ticket', 'Assign', 8, {done}, 0, CASE WHEN '{state}' <> 'queued' THEN now() END, '{outcome}')"
        )
        return job

    return add


class TestList:
    def test_what_goes_on_comes_first(self, invoke: Invoke, add_job: Callable[..., UUID]) -> None:
        going, ended = add_job("queued"), add_job("done", 8)
        result = invoke("list")
        assert result.exit_code == 0, result.output
        first, second = result.output.splitlines()
        assert first.split()[:5] == [str(going), "queued", "50", "%", "of"]
        assert second.startswith(str(ended))
        assert second.endswith("Sam Supervisor: Assign")

    def test_nothing(self, invoke: Invoke) -> None:
        assert invoke("list").output == "There are no jobs.\n"


class TestWatch:
    @pytest.mark.parametrize(
        ("state", "code"), [("done", 0), ("failed", 1), ("cancelled", 1), ("rejected", 1)]
    )
    def test_says_how_it_ended(
        self, invoke: Invoke, add_job: Callable[..., UUID], state: str, code: int
    ) -> None:
        result = invoke("watch", str(add_job(state)))
        assert result.exit_code == code
        assert f"{state.capitalize()}: 4 changed, 1 refused." in result.output

    def test_one_that_is_not_there(self, invoke: Invoke) -> None:
        result = invoke("watch", str(uuid4()))
        assert result.exit_code == 1
        assert "There is no such job" in result.output


class TestCancel:
    def test_ends_what_nobody_has_begun(
        self, invoke: Invoke, add_job: Callable[..., UUID], database: Database
    ) -> None:
        job = add_job("queued", 0)
        assert invoke("cancel", str(job)).output.endswith("Cancelled: 0 changed, 1 refused.\n")
        assert database.fetch("SELECT state FROM jobs")[0][0] == "cancelled"
        assert "It has ended already." in invoke("cancel", str(job)).output
