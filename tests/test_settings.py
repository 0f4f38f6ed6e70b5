import re
import stat
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from backoffice.database.roles import bootstrap_script
from backoffice.errors import ConfigurationError
from backoffice.settings import Settings, load_settings

ROOT = Path(__file__).parents[1]
SECRET = "thirty-two characters, or rather more"
OWN_DATABASE = {"DATABASE_URL": "postgresql://app:pw@db/desk", "SECRET_KEY": SECRET}
# Read by the command line and by the tests, each in one place; documented below the table.
NOT_SETTINGS = {"BACKOFFICE_SUPERUSER_PASSWORD", "BACKOFFICE_TEST_DATABASE_URL", "BACKOFFICE_CHROMIUM"}


@pytest.fixture
def var_dir(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, var_dir: Path) -> "Environment":
    environment = Environment(monkeypatch)
    environment.set(VAR_DIR=str(var_dir))
    return environment


class Environment:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def set(self, **variables: str) -> None:
        for name, value in variables.items():
            self._monkeypatch.setenv(f"BACKOFFICE_{name}", value)


class TestDatabase:
    def test_none_is_embedded(self, environment: Environment) -> None:
        assert load_settings().embedded

    def test_the_embedded_one_becomes_known(self, environment: Environment) -> None:
        settings = load_settings().with_database(app_url="postgresql://a", owner_url="postgresql://o")
        assert (settings.app_url, settings.owner_url, settings.embedded) == (
            "postgresql://a",
            "postgresql://o",
            True,
        )

    @pytest.mark.parametrize("scheme", ["postgresql", "postgresql+asyncpg", "postgres"])
    def test_a_url_may_name_the_driver_or_not(self, environment: Environment, scheme: str) -> None:
        environment.set(DATABASE_URL=f"{scheme}://app:p%40w@db:5433/desk", SECRET_KEY=SECRET)
        settings = load_settings()
        assert settings.app_url == "postgresql+asyncpg://app:p%40w@db:5433/desk"
        assert not settings.embedded

    @pytest.mark.parametrize(
        "url", ["mysql://app:pw@db/desk", "desk", "postgresql://db", "sqlite:///desk.db"]
    )
    def test_any_other_url_is_refused(self, environment: Environment, url: str) -> None:
        environment.set(DATABASE_URL=url, SECRET_KEY=SECRET)
        with pytest.raises(
            ConfigurationError, match="BACKOFFICE_DATABASE_URL is wrong: must be postgresql://"
        ):
            load_settings()

    def test_the_owner_is_asked_for_when_needed(self, environment: Environment) -> None:
        environment.set(**OWN_DATABASE)
        with pytest.raises(ConfigurationError, match="Set BACKOFFICE_OWNER_DATABASE_URL"):
            _ = load_settings().owner_url

    def test_passwords_are_not_shown(self, environment: Environment) -> None:
        environment.set(**OWN_DATABASE, OWNER_DATABASE_URL="postgresql://owner:pw@db/desk")
        assert "pw@" not in repr(load_settings())
        assert SECRET not in repr(load_settings())


class TestSecretKey:
    def test_the_embedded_one_is_made_once_and_private(self, environment: Environment, var_dir: Path) -> None:
        first, second = load_settings(), load_settings()
        assert first.secret_key == second.secret_key
        assert len(first.secret_key.get_secret_value()) >= 32
        assert stat.S_IMODE((var_dir / "secret_key").stat().st_mode) == 0o600
        assert {path.name for path in var_dir.iterdir()} == {"secret_key", "audit_key"}

    def test_a_database_of_ones_own_needs_one(self, environment: Environment, var_dir: Path) -> None:
        environment.set(DATABASE_URL=OWN_DATABASE["DATABASE_URL"])
        with pytest.raises(ConfigurationError, match="BACKOFFICE_SECRET_KEY must be set"):
            load_settings()
        assert not var_dir.exists()

    def test_a_folder_that_cannot_be_used_is_named(self, environment: Environment, var_dir: Path) -> None:
        var_dir.write_text("a file in its place")
        with pytest.raises(ConfigurationError, match="BACKOFFICE_VAR_DIR must be a folder of yours"):
            load_settings()

    def test_a_short_one_is_refused(self, environment: Environment) -> None:
        environment.set(SECRET_KEY="x" * 31)
        with pytest.raises(ConfigurationError, match="at least 32 characters"):
            load_settings()


class TestValues:
    def test_attachments_are_below_var_unless_set(self, environment: Environment, var_dir: Path) -> None:
        assert load_settings().attachments_dir == var_dir / "attachments"
        environment.set(ATTACHMENTS_DIR="/srv/files")
        assert load_settings().attachments_dir == Path("/srv/files")

    def test_the_command_line_goes_before_the_environment(self, environment: Environment) -> None:
        environment.set(PORT="8001")
        assert load_settings(port=8002).port == 8002

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("PORT", "99999"),
            ("PORT", "http"),
            ("TIME_ZONE", "Mars/Olympus"),
            ("TIME_ZONE", "../../etc/passwd"),
            ("LOG_LEVEL", "loud"),
            ("SESSION_HOURS", "-1"),
            ("STATEMENT_TIMEOUT_MS", "1"),
            ("MAX_UPLOAD_BYTES", "25MB"),
        ],
    )
    def test_a_bad_one_is_named(self, environment: Environment, name: str, value: str) -> None:
        environment.set(**{name: value})
        with pytest.raises(ConfigurationError, match=rf"^BACKOFFICE_{name} is wrong: [a-z].*\.$"):
            load_settings()

    def test_every_mistake_is_named_at_once(self, environment: Environment) -> None:
        environment.set(PORT="0", TIME_ZONE="Mars")
        with pytest.raises(ConfigurationError) as caught:
            load_settings()
        assert [line.split()[0] for line in str(caught.value).splitlines()] == [
            "BACKOFFICE_PORT",
            "BACKOFFICE_TIME_ZONE",
        ]

    def test_an_empty_one_is_not_set(self, environment: Environment) -> None:
        environment.set(PORT="", DATABASE_URL="")
        assert load_settings().port == 8000


class TestDocumentation:
    def test_the_table_is_the_class(self) -> None:
        row = re.compile(r"^\| `(BACKOFFICE_\w+)` \| (.*?) \| (.*?) \|$", re.MULTILINE)
        table = row.findall((ROOT / "docs/configuration.md").read_text())
        assert table == [
            (f"BACKOFFICE_{name.upper()}", documented_default(name), field.description)
            for name, field in Settings.model_fields.items()
        ]

    def test_other_variables_are_documented(self) -> None:
        text = (ROOT / "docs/configuration.md").read_text()
        named = {
            name for path in sources() for name in re.findall(r"BACKOFFICE_[A-Z_]+[A-Z]", path.read_text())
        }
        settings = {f"BACKOFFICE_{name.upper()}" for name in Settings.model_fields}
        assert named - settings <= NOT_SETTINGS
        assert all(f"`{name}`" in text for name in NOT_SETTINGS)

    def test_the_script_for_ones_own_server_is_the_one_we_run(self) -> None:
        assert f"```sql\n{bootstrap_script('backoffice')}```" in (ROOT / "docs/configuration.md").read_text()

    @pytest.mark.parametrize("name", Settings.model_fields)
    def test_every_setting_is_used(self, name: str) -> None:
        use = re.compile(rf"settings\.{name}\b|self\.{name}\b")
        assert any(use.search(path.read_text()) for path in sources()), f"nothing reads settings.{name}"


def sources() -> list[Path]:
    folders = ("backoffice", "admin_views", "migrations")
    return [*ROOT.glob("*.py"), *(path for folder in folders for path in (ROOT / folder).rglob("*.py"))]


def documented_default(name: str) -> str:
    field = Settings.model_fields[name]
    if field.default is PydanticUndefined:
        return "`var/attachments`"
    return f"`{field.default}`" if field.default is not None and str(field.default) else "unset"
