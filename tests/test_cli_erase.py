"""`backoffice erase-user`, from the outside."""

import asyncio
import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from backoffice.cli import cli
from backoffice.database import create_engine, session_factory, transaction
from tests.databases import Database
from tests.factories import arranging, make_ticket, make_user

KEY = base64.b64encode(bytes(range(32))).decode()
Erase = Callable[..., Result]


@pytest.fixture
def erase(database: Database, tmp_path: Path) -> Erase:
    """The command on the test's own database, with a key unless `key` is empty."""

    def erase(*arguments: str, key: str = KEY, typed: str | None = None) -> Result:
        variables = {
            "BACKOFFICE_DATABASE_URL": database.app_url,
            "BACKOFFICE_SECRET_KEY": "a secret that only the tests know",
            "BACKOFFICE_VAR_DIR": str(tmp_path / "var"),
            "BACKOFFICE_AUDIT_KEY": key,
        }
        return CliRunner().invoke(cli, ["erase-user", *arguments], env=variables, input=typed)

    return erase


@pytest.fixture
def customer(database: Database) -> int:
    """Somebody with a ticket."""

    async def make() -> int:
        engine = create_engine(database.app_url)
        async with transaction(session_factory(engine), arranging()) as session:
            person = await make_user(session, full_name="Quincy Fandango", email="quincy@example.com")
            await make_ticket(session, creator_id=person.id, title="bandicoot")
        await engine.dispose()
        return person.id

    return asyncio.run(make())


def name_in(database: Database) -> str:
    return str(database.fetch("SELECT full_name FROM users ORDER BY id")[0][0])


def test_erases_and_says_what(erase: Erase, database: Database, customer: int) -> None:
    result = erase(str(customer), "--basis", "Request of 12 May", "--yes")
    assert result.exit_code == 0, result.output
    assert "Quincy Fandango <quincy@example.com>: tickets 1, comments 0" in result.output
    assert "Erased: tickets 1, comments 0" in result.output
    assert name_in(database) == f"Erased person {customer}"
    (operation,) = database.fetch("SELECT verb, actor, reason FROM operations WHERE verb = 'user.erase'")
    assert tuple(operation) == ("user.erase", "command line", "Request of 12 May")


@pytest.mark.parametrize(("typed", "is_erased"), [("y\n", True), ("n\n", False), ("", False)])
def test_asks_first(erase: Erase, database: Database, customer: int, typed: str, is_erased: bool) -> None:
    result = erase(str(customer), "--basis", "Request of 12 May", typed=typed)
    assert result.exit_code == (0 if is_erased else 1)
    assert (name_in(database) != "Quincy Fandango") == is_erased


@pytest.mark.parametrize(
    ("arguments", "key", "sentence", "code"),
    [
        (["{customer}", "--basis", "x", "--yes"], "", "BACKOFFICE_AUDIT_KEY", 1),
        (["999999", "--basis", "x", "--yes"], KEY, "There is no person #999999.", 1),
        (["{customer}", "--basis", " ", "--yes"], KEY, "Say on what basis", 1),
        (["{customer}", "--basis", "quincy@example.com asked", "--yes"], KEY, "must not contain", 1),
        (["{customer}", "--yes"], KEY, "--basis", 2),
        (["quincy", "--basis", "x"], KEY, "not a valid integer", 2),
        (["9" * 30, "--basis", "x"], KEY, "not in the range", 2),
    ],
)
def test_refuses(
    erase: Erase,
    database: Database,
    customer: int,
    arguments: list[str],
    key: str,
    sentence: str,
    code: int,
) -> None:
    result = erase(*(argument.format(customer=customer) for argument in arguments), key=key)
    assert (result.exit_code, sentence in result.output) == (code, True), result.output
    assert name_in(database) == "Quincy Fandango"


def test_a_second_time_is_refused(erase: Erase, customer: int) -> None:
    erase(str(customer), "--basis", "Request of 12 May", "--yes")
    result = erase(str(customer), "--basis", "Request of 12 May", "--yes")
    assert result.exit_code == 1
    assert "erased already" in result.output
