import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from backoffice.audit.proof.keys import SigningKey
from backoffice.cli import cli
from tests.audit.proof.conftest import KEY
from tests.databases import Database
from tests.test_cli import environment

Invoke = Callable[..., Result]
PUBLIC_KEY = SigningKey(KEY).public.text


@pytest.fixture
def invoke(database: Database, tmp_path: Path) -> Invoke:
    """`backoffice audit …` on the test's own database."""

    def invoke(*arguments: str, **env: str) -> Result:
        variables = {**environment(database, tmp_path / "var"), "BACKOFFICE_AUDIT_KEY": KEY, **env}
        return CliRunner().invoke(cli, ["audit", *arguments], env=variables)

    return invoke


@pytest.fixture
def sealed(invoke: Invoke, database: Database) -> Database:
    database.fetch("INSERT INTO tags (name) VALUES ('vip'), ('later')")
    assert invoke("seal").exit_code == 0
    return database


def tamper(database: Database) -> None:
    database.fetch("ALTER TABLE audit_logs DISABLE TRIGGER audit_guard")
    database.fetch("UPDATE audit_logs SET action = 'DELETE' WHERE table_name = 'tags'")


class TestPublicKey:
    def test_is_printed(self, invoke: Invoke) -> None:
        assert invoke("public-key").output == f"{PUBLIC_KEY}\n"

    def test_is_missed(self, invoke: Invoke) -> None:
        result = invoke("public-key", BACKOFFICE_AUDIT_KEY="")
        assert (result.exit_code, "Set BACKOFFICE_AUDIT_KEY" in result.output) == (1, True)


class TestSeal:
    def test_seals_what_is_new(self, invoke: Invoke, database: Database) -> None:
        entries = database.fetch("SELECT count(*) FROM audit_logs")[0][0]
        assert invoke("seal").output == f"Sealed {entries:,} entries, in 1 seal.\n"
        assert invoke("seal").output == "Sealed 0 entries, in 0 seals.\n"

    def test_is_anchored(self, sealed: Database, tmp_path: Path) -> None:
        [anchor] = (tmp_path / "var" / "audit-anchors.ndjson").read_text().splitlines()
        assert json.loads(anchor)["number"] == 1

    def test_needs_a_key(self, invoke: Invoke) -> None:
        assert invoke("seal", BACKOFFICE_AUDIT_KEY="").exit_code == 1


@pytest.mark.usefixtures("sealed")
class TestVerify:
    def test_whole(self, invoke: Invoke) -> None:
        result = invoke("verify")
        assert result.exit_code == 0
        assert "in 1 seal (1 to 1" in result.stdout
        assert "1 anchor compared with the chain." in result.stdout
        assert result.stdout.endswith("Nothing was found: the history is whole.\n")

    def test_names_what_is_not(self, invoke: Invoke, database: Database) -> None:
        tamper(database)
        first, second = (
            row["id"]
            for row in database.fetch("SELECT id FROM audit_logs WHERE table_name = 'tags' ORDER BY id")
        )
        result = invoke("verify", "--no-rows")
        assert result.exit_code == 1
        assert f"2 findings: 2 edited.\nThe first: Entry {first} was edited" in result.stdout
        assert f"- Entry {second} was edited: it is not what seal 1 has.\n" in result.stdout

    def test_finds_dropped_seals_by_the_anchor_that_it_kept(self, invoke: Invoke, database: Database) -> None:
        database.fetch("ALTER TABLE audit_seals DISABLE TRIGGER audit_guard")
        database.fetch("DELETE FROM audit_seals")
        result = invoke("verify")
        assert (result.exit_code, "The anchor knows seal 1, the chain ends at 0." in result.stdout) == (
            1,
            True,
        )

    def test_takes_anchors_from_elsewhere(self, invoke: Invoke, tmp_path: Path) -> None:
        anchors = tmp_path / "elsewhere.ndjson"
        anchors.write_text((tmp_path / "var" / "audit-anchors.ndjson").read_text())
        result = invoke("verify", "--anchor", str(anchors))
        assert "2 anchors compared with the chain." in result.stdout
        anchors.write_text("nonsense\n")
        result = invoke("verify", "--anchor", str(anchors))
        assert (result.exit_code, "line 1, is no anchor" in result.output) == (1, True)

    def test_as_json(self, invoke: Invoke) -> None:
        result = invoke("verify", "--json")
        assert json.loads(result.stdout)["seals"] == 1

    def test_a_range(self, invoke: Invoke) -> None:
        result = invoke("verify", "--from", "2000-01-01", "--to", "2000-01-31")
        assert "0 entries from 2000-01-01T00:00:00+00:00 to 2000-02-01T00:00:00+00:00" in result.stdout
        result = invoke("verify", "--from", "2000-01-01T00:00+02:00")
        assert "from 1999-12-31T22:00:00+00:00" in result.stdout

    @pytest.mark.parametrize("arguments", [("--from", "soon"), ("--key", "abc"), ("--bundle", "missing.zip")])
    def test_what_is_not_understood(self, invoke: Invoke, arguments: tuple[str, ...]) -> None:
        assert invoke("verify", *arguments).exit_code == 2

    def test_without_a_key_it_cannot(self, invoke: Invoke) -> None:
        result = invoke("verify", BACKOFFICE_AUDIT_KEY="")
        assert (result.exit_code, "No key is trusted" in result.output) == (2, True)
        assert invoke("verify", "--key", PUBLIC_KEY, BACKOFFICE_AUDIT_KEY="").exit_code == 0


@pytest.mark.usefixtures("sealed")
class TestExport:
    def test_is_verified_elsewhere(self, invoke: Invoke, tmp_path: Path) -> None:
        file = tmp_path / "history.zip"
        result = invoke("export", "--output", str(file))
        assert result.exit_code == 0
        assert f"with 1 seal, to {file}." in result.stdout
        elsewhere = CliRunner().invoke(cli, ["audit", "verify", "--bundle", str(file), "--key", PUBLIC_KEY])
        assert (elsewhere.exit_code, "in history.zip" in elsewhere.stdout) == (0, True)
        trusting = CliRunner().invoke(cli, ["audit", "verify", "--bundle", str(file)])
        assert (trusting.exit_code, "The keys are the bundle's own" in trusting.stdout) == (0, True)

    def test_is_on_record(self, invoke: Invoke, tmp_path: Path, database: Database) -> None:
        invoke(
            "export", "--output", str(tmp_path / "history.zip"), "--from", "2020-01-01", "--to", "2099-12-31"
        )
        [(changes,)] = database.fetch("SELECT changes FROM audit_logs WHERE action = 'EXPORT'")
        facts = json.loads(changes)
        assert facts["from"] == {"new": "2020-01-01T00:00:00+00:00"}
        assert facts["to"] == {"new": "2100-01-01T00:00:00+00:00"}
        assert facts["entries"]["new"] > 2

    def test_that_fails_leaves_nothing(self, invoke: Invoke, tmp_path: Path, database: Database) -> None:
        result = invoke("export", "--output", str(tmp_path / "missing" / "history.zip"))
        assert (result.exit_code, "cannot be written" in result.output) == (1, True)
        assert database.fetch("SELECT FROM audit_logs WHERE action = 'EXPORT'") == []

    def test_a_range_of_a_bundle_is_refused(self, invoke: Invoke, tmp_path: Path) -> None:
        file = str(tmp_path / "history.zip")
        invoke("export", "--output", file)
        assert invoke("verify", "--bundle", file, "--from", "2020-01-01").exit_code == 2
