import asyncio
import base64
import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from backoffice.accounts.passwords import hash_password, verify_password
from backoffice.cli import cli
from backoffice.demo import DEMO_PASSWORD
from backoffice.embedded import EmbeddedPostgres
from tests.databases import Database

ROOT = Path(__file__).parents[1]
PASSWORD = "a-sentence-nobody-guesses"
Invoke = Callable[..., Result]


def environment(database: Database, var_dir: Path) -> dict[str, str]:
    return {
        "BACKOFFICE_DATABASE_URL": database.app_url,
        "BACKOFFICE_OWNER_DATABASE_URL": database.owner_url,
        "BACKOFFICE_SECRET_KEY": "a secret that only the tests know",
        "BACKOFFICE_AUDIT_KEY": base64.b64encode(bytes(32)).decode(),
        "BACKOFFICE_VAR_DIR": str(var_dir),
    }


@pytest.fixture
def invoke(database: Database, tmp_path: Path) -> Invoke:
    """The command line on the test's own database."""

    def invoke(*arguments: str, env: dict[str, str] | None = None, typed: str | None = None) -> Result:
        variables = environment(database, tmp_path / "var") | (env or {})
        return CliRunner().invoke(cli, arguments, env=variables, input=typed)

    return invoke


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


class TestCreatesuperuser:
    def test_makes_an_administrator_who_can_sign_in(self, invoke: Invoke, database: Database) -> None:
        result = self._create(invoke)
        assert (result.exit_code, result.output) == (
            0,
            "ada@example.com can sign in and may do everything.\n",
        )
        (row,) = database.fetch(
            "SELECT u.*, g.name AS group FROM users u JOIN user_groups ug ON ug.user_id = u.id"
            " JOIN groups g ON g.id = ug.group_id WHERE email = 'ada@example.com'"
        )
        assert (row["full_name"], row["group"]) == ("Ada Lovelace", "Administrators")
        assert (row["is_staff"], row["is_active"]) == (True, True)
        assert asyncio.run(verify_password(row["password_hash"], PASSWORD))

    def test_is_in_the_history(self, invoke: Invoke, database: Database) -> None:
        self._create(invoke)
        (operation,) = database.fetch("SELECT verb, actor FROM operations")
        assert tuple(operation) == ("account.create-superuser", "command line")
        ((changes,),) = database.fetch("SELECT changes::text FROM audit_logs WHERE table_name = 'users'")
        assert PASSWORD not in changes
        assert "ada@example.com" in changes

    def test_asks_for_what_is_missing(self, invoke: Invoke) -> None:
        result = invoke("createsuperuser", typed=f"ada@example.com\nAda Lovelace\n{PASSWORD}\n{PASSWORD}\n")
        assert result.exit_code == 0
        assert PASSWORD not in result.output

    def test_asks_nothing_with_noinput(self, invoke: Invoke) -> None:
        result = invoke("createsuperuser", "--noinput", "--email", "ada@example.com", "--name", "Ada")
        assert result.exit_code == 2
        assert "BACKOFFICE_SUPERUSER_PASSWORD is needed" in result.output
        result = invoke("createsuperuser", "--noinput", env={"BACKOFFICE_SUPERUSER_PASSWORD": PASSWORD})
        assert (result.exit_code, "--email is needed" in result.output) == (2, True)

    def test_refuses_a_weak_password(self, invoke: Invoke) -> None:
        self._refused(self._create(invoke, password="short"), "at least")

    def test_refuses_an_email_twice(self, invoke: Invoke) -> None:
        self._create(invoke)
        self._refused(self._create(invoke), "ada@example.com")

    def test_refuses_a_database_without_tables(self, empty_database: Database, invoke: Invoke) -> None:
        result = self._create(invoke, BACKOFFICE_DATABASE_URL=empty_database.app_url)
        self._refused(result, "Run `backoffice migrate`")

    @staticmethod
    def _create(invoke: Invoke, password: str = PASSWORD, **env: str) -> Result:
        options = ("--noinput", "--email", "Ada@example.com", "--name", "Ada Lovelace")
        return invoke("createsuperuser", *options, env={"BACKOFFICE_SUPERUSER_PASSWORD": password} | env)

    @staticmethod
    def _refused(result: Result, reason: str) -> None:
        assert result.exit_code == 1
        assert re.fullmatch(rf"Error: .*{re.escape(reason)}.*\n", result.output)


class TestChangepassword:
    def test_gives_a_new_password(self, invoke: Invoke, database: Database) -> None:
        TestCreatesuperuser._create(invoke)
        changed = PASSWORD[::-1]
        result = invoke("changepassword", "ada@example.com", typed=f"{changed}\n{changed}\n")
        assert result.exit_code == 0
        ((stored,),) = database.fetch("SELECT password_hash FROM users WHERE email = 'ada@example.com'")
        assert asyncio.run(verify_password(stored, changed))

    def test_refuses_somebody_unknown(self, invoke: Invoke) -> None:
        result = invoke(
            "changepassword", "nobody@example.com", env={"BACKOFFICE_SUPERUSER_PASSWORD": PASSWORD}
        )
        assert (result.exit_code, result.output) == (1, "Error: There is no account nobody@example.com.\n")


class TestMigrate:
    def test_makes_the_tables(self, empty_database: Database, invoke: Invoke) -> None:
        urls = {
            "BACKOFFICE_DATABASE_URL": empty_database.app_url,
            "BACKOFFICE_OWNER_DATABASE_URL": empty_database.owner_url,
        }
        assert invoke("check", env=urls).exit_code == 1
        result = invoke("migrate", env=urls)
        assert (result.exit_code, result.output) == (0, "The database is at this version.\n")
        assert invoke("check", env=urls).exit_code == 0

    def test_needs_the_owner(self, invoke: Invoke) -> None:
        result = invoke("migrate", env={"BACKOFFICE_OWNER_DATABASE_URL": ""})
        assert result.exit_code == 1
        assert result.output.startswith("Error: Set BACKOFFICE_OWNER_DATABASE_URL")


class TestSeed:
    def test_adds_tickets(self, invoke: Invoke, database: Database) -> None:
        assert invoke("seed", "--tickets", "50").exit_code == 0
        assert database.fetch("SELECT count(*) FROM tickets") == [(50,)]

    @pytest.mark.parametrize("count", ["0", "-1", "many"])
    def test_refuses_nonsense(self, invoke: Invoke, count: str) -> None:
        assert invoke("seed", "--tickets", count).exit_code == 2


class TestPurgeTrash:
    def test_deletes_what_has_been_there_for_long(self, invoke: Invoke, database: Database) -> None:
        database.fetch("INSERT INTO users (email, full_name) VALUES ('c@example.com', 'C')")
        database.fetch(
            "INSERT INTO tickets (title, description, creator_id, deleted_at) SELECT title, '', users.id, at"
            " FROM users, (VALUES ('old', now() - interval '31 days'), ('young', now()), ('live', NULL))"
            " AS rows (title, at)"
        )
        result = invoke("purge-trash")
        assert (result.exit_code, result.output) == (0, "Deleted forever: 1 records and 0 files.\n")
        left = database.fetch("SELECT title FROM tickets ORDER BY title")
        assert [row["title"] for row in left] == ["live", "young"]

    def test_takes_other_days(self, invoke: Invoke) -> None:
        assert invoke("purge-trash", "--days", "0").exit_code == 0
        assert invoke("purge-trash", "--days", "-1").exit_code == 2


class TestCheck:
    @pytest.fixture(autouse=True)
    def _sealed(self, invoke: Invoke) -> None:
        # What the migration wrote waits since the database that this one is a copy of was made.
        assert invoke("audit", "seal").exit_code == 0

    def test_finds_nothing_wrong(self, invoke: Invoke) -> None:
        result = invoke("check")
        assert (result.exit_code, result.output) == (0, "Nothing is wrong.\n")

    def test_finds_a_database_out_of_reach(self, invoke: Invoke) -> None:
        url = f"postgresql://app:pw@127.0.0.1:{free_port()}/desk"
        result = invoke("check", env={"BACKOFFICE_DATABASE_URL": url})
        self._found(result, "The database cannot be reached as the application's role")
        result = invoke("check", env={"BACKOFFICE_OWNER_DATABASE_URL": url})
        self._found(result, "The database cannot be reached as the tables' owner")

    def test_finds_a_wrong_password(self, invoke: Invoke, database: Database) -> None:
        url = re.sub(r":\w+@", ":guessed@", database.app_url)
        result = invoke("check", env={"BACKOFFICE_DATABASE_URL": url})
        self._found(result, "cannot be reached as the application's role: password authentication failed")

    def test_finds_triggers_that_were_touched(self, invoke: Invoke, database: Database) -> None:
        database.fetch("ALTER TABLE tickets DISABLE TRIGGER audit_capture")
        self._found(invoke("check"), "Run `backoffice migrate`")

    def test_finds_an_application_with_too_many_rights(self, invoke: Invoke, database: Database) -> None:
        result = invoke("check", env={"BACKOFFICE_DATABASE_URL": database.owner_url})
        self._found(result, "The application's role may make tables.")
        assert "The application's role owns tables." in result.output
        result = invoke("check", env={"BACKOFFICE_DATABASE_URL": database.superuser_url})
        assert "The application's role is a superuser." in result.output

    def test_finds_a_history_that_can_be_written(self, invoke: Invoke, database: Database) -> None:
        database.fetch("GRANT UPDATE ON audit_logs TO backoffice_app")
        self._found(invoke("check"), "The application's role may write to the history.")

    def test_finds_a_secret_that_can_be_guessed(self, invoke: Invoke) -> None:
        self._found(invoke("check", env={"BACKOFFICE_SECRET_KEY": "secret" * 8}), "can be guessed")

    def test_finds_a_history_that_nobody_seals(self, invoke: Invoke, database: Database) -> None:
        self._found(invoke("check", env={"BACKOFFICE_AUDIT_KEY": ""}), "The history is not sealed")
        database.fetch(
            "INSERT INTO audit_logs (created_at, table_name, action, database_user, changes)"
            " SELECT now() - minutes * interval '1 minute', 'tags', 'VIEW', 'somebody', '{}'"
            " FROM unnest('{9, 11}'::int[]) AS minutes"
        )
        self._found(invoke("check"), "Entries of the history wait to be sealed since")

    def test_finds_a_demo_password_in_production_until_it_is_changed(
        self, invoke: Invoke, database: Database
    ) -> None:
        password = {"BACKOFFICE_SUPERUSER_PASSWORD": PASSWORD}
        options = ("--noinput", "--email", "admin@example.com", "--name", "Ada Lovelace")
        assert invoke("createsuperuser", *options, env=password).exit_code == 0
        database.fetch(f"UPDATE users SET password_hash = '{asyncio.run(hash_password(DEMO_PASSWORD))}'")
        self._found(invoke("check"), "The demo account admin@example.com can sign in.")
        assert invoke("changepassword", "admin@example.com", env=password).exit_code == 0
        assert invoke("check").exit_code == 0

    @staticmethod
    def _found(result: Result, sentence: str) -> None:
        assert result.exit_code == 1
        assert sentence in result.output
        assert all(line.startswith("- ") for line in result.output.splitlines())


class TestDatabaseUrl:
    def test_is_for_psql(self, invoke: Invoke, database: Database) -> None:
        assert invoke("database-url").output == f"{database.app_url}\n"
        assert invoke("database-url", "--owner").output == f"{database.owner_url}\n"

    def test_of_an_embedded_server_is_known_while_it_runs(self, tmp_path: Path) -> None:
        env = {"BACKOFFICE_VAR_DIR": str(tmp_path)}
        with EmbeddedPostgres(tmp_path / "postgres", durable=False) as postgres:
            result = CliRunner().invoke(cli, ["database-url"], env=env)
            assert result.output == postgres.url(driver="postgresql") + "\n"
        result = CliRunner().invoke(cli, ["database-url"], env=env)
        assert result.exit_code == 1
        assert "is not running" in result.output


class TestUsage:
    def test_wrong_settings_are_named(self, invoke: Invoke) -> None:
        result = invoke("check", env={"BACKOFFICE_PORT": "http"})
        assert result.exit_code == 2
        assert result.output.startswith("Error: BACKOFFICE_PORT is wrong:")

    def test_a_database_without_a_secret_is_refused(self, invoke: Invoke) -> None:
        result = invoke("serve", env={"BACKOFFICE_SECRET_KEY": ""})
        assert (result.exit_code, "BACKOFFICE_SECRET_KEY must be set" in result.output) == (2, True)

    def test_an_unknown_command_is_refused(self, invoke: Invoke) -> None:
        assert invoke("fly").exit_code == 2

    def test_every_command_has_a_sentence_of_help(self) -> None:
        assert all(command.get_short_help_str() for command in cli.commands.values())
