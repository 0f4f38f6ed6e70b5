import asyncio
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from backoffice import embedded
from backoffice.embedded import EmbeddedPostgres
from backoffice.errors import ConfigurationError

AS_ROOT = os.geteuid() == 0
# Uses the server of a directory until it is killed, or told by a line on its standard input to leave.
USER = """
import sys
from pathlib import Path
from backoffice.embedded import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1]), durable=False) as postgres:
    print("ready", flush=True)
    sys.stdin.readline()
"""


class User:
    """A process that uses the server of `directory`."""

    def __init__(self, directory: Path, *prefix: str) -> None:
        command = [*prefix, sys.executable, "-c", USER, str(directory)]
        environment = {"PATH": os.defpath, "PYTHONPATH": str(Path(__file__).parents[1])}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True
        )

    def __enter__(self) -> "User":
        assert self.process.stdout is not None
        if self.process.stdout.readline() != "ready\n":
            pytest.fail(self.process.communicate()[1])
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.leave()

    def leave(self) -> None:
        self.process.communicate("\n")

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "var" / "postgres"
    yield directory
    if directory.exists():
        with EmbeddedPostgres(directory, durable=False):
            pass  # whatever a test left running is stopped with this, its last user


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A server for the tests that only look."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("looked-at") / "postgres", durable=False) as postgres:
        yield postgres


def fetch(url: str, query: str) -> object:
    async def _fetch() -> object:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(_fetch())


def setting(postgres: EmbeddedPostgres, name: str) -> object:
    return fetch(postgres.superuser_url(), f"SHOW {name}")


def postmaster(directory: Path) -> int:
    return int((directory / "data" / "postmaster.pid").read_text().split()[0])


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def wheel_below(folder: Path) -> Path:
    """A copy of the wheel's PostgreSQL 18 in `folder`; where its programs are."""
    package = embedded._binary("postgres").parents[2]
    for part in (Path(package.name, "pginstall18"), Path(f"{package.name}.libs")):
        shutil.copytree(package.parent / part, folder / part, symlinks=True)
    return folder / package.name / "pginstall18" / "bin"


def modes_outside(directory: Path, folder: Path) -> dict[Path, tuple[int, int, int]]:
    """Mode and owner of everything on the way to `directory`, and of everything else in `folder`."""
    inside = [path for path in folder.rglob("*") if not path.is_relative_to(directory)]
    states = {path: path.lstat() for path in [*directory.parents, *inside]}
    return {path: (state.st_mode, state.st_uid, state.st_gid) for path, state in states.items()}


class TestAccess:
    def test_every_connection_needs_a_password(self, postgres: EmbeddedPostgres) -> None:
        for role in ("postgres", "backoffice_owner", "backoffice_app"):
            url = make_url(postgres.url(role, "postgres", driver="postgresql"))
            with pytest.raises(asyncpg.InvalidPasswordError):
                fetch(url.set(password="guessed").render_as_string(hide_password=False), "SELECT 1")

    def test_only_the_loopback_interface_listens(self, postgres: EmbeddedPostgres) -> None:
        port = make_url(postgres.url()).port
        assert setting(postgres, "listen_addresses") == "127.0.0.1"
        assert setting(postgres, "unix_socket_directories") == ""
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.2", port))

    def test_passwords_and_data_are_closed_to_others(self, postgres: EmbeddedPostgres) -> None:
        assert mode(postgres.directory / "passwords.json") == 0o600
        assert mode(postgres.directory / "data") == 0o700
        assert mode(postgres.directory / "log") == 0o600
        assert mode(postgres.directory) == (0o711 if AS_ROOT else 0o700)

    def test_roles_are_ready(self, postgres: EmbeddedPostgres) -> None:
        for role in ("backoffice_owner", "backoffice_app", "backoffice_reader"):
            assert fetch(postgres.url(role, driver="postgresql"), "SELECT session_user") == role

    def test_the_database_is_in_utf8_and_utc(self, postgres: EmbeddedPostgres) -> None:
        url = postgres.url(driver="postgresql")
        assert fetch(url, "SHOW server_encoding") == "UTF8"
        assert fetch(url, "SHOW timezone") == "UTC"


class TestSafety:
    def test_a_durable_server_syncs(self, tmp_path: Path) -> None:
        with EmbeddedPostgres(tmp_path / "postgres") as postgres:
            assert setting(postgres, "fsync") == "on"

    def test_a_forgetful_server_does_not(self, postgres: EmbeddedPostgres) -> None:
        assert setting(postgres, "fsync") == "off"


class TestSurroundings:
    def test_nothing_outside_changes_mode_or_owner_below_a_closed_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        home = tmp_path / "home"
        home.mkdir(mode=0o700)
        binaries = wheel_below(home)
        monkeypatch.setattr(embedded, "_binary", binaries.joinpath)
        directory = home / "checkout" / "var" / "postgres"
        directory.parent.mkdir(parents=True)
        before = modes_outside(directory, home)
        with EmbeddedPostgres(directory, durable=False) as postgres:
            assert fetch(postgres.superuser_url(), "SELECT 1") == 1
        assert modes_outside(directory, home) == before

    @pytest.mark.skipif(not AS_ROOT, reason="only root can become somebody else")
    def test_an_ordinary_user_runs_it_as_themselves(self, tmp_path: Path) -> None:
        own = tmp_path / "own"
        own.mkdir()
        somebody = pwd.getpwnam("nobody")
        os.chown(own, somebody.pw_uid, somebody.pw_gid)
        # The interpreter of the tests may be in a closed folder: that much is granted.
        caps = ("--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search")
        become = ("setpriv", f"--reuid={somebody.pw_uid}", f"--regid={somebody.pw_gid}", "--clear-groups")
        with User(own / "postgres", *become, *caps):
            assert (own / "postgres" / "passwords.json").stat().st_uid == somebody.pw_uid
            assert mode(own / "postgres") == 0o700

    @pytest.mark.skipif(not AS_ROOT, reason="only root can become somebody else")
    def test_root_locks_nobody_out_of_their_own(self, tmp_path: Path) -> None:
        own = tmp_path / "own"
        own.mkdir()
        somebody = pwd.getpwnam("nobody")
        os.chown(own, somebody.pw_uid, somebody.pw_gid)
        with EmbeddedPostgres(own, durable=False):
            private = [path for path in own.iterdir() if path.name in {"passwords.json", "port"}]
            assert [path.stat().st_uid for path in private] == [somebody.pw_uid] * 2

    @pytest.mark.skipif(not AS_ROOT, reason="only root needs it")
    def test_root_without_setpriv_is_told_what_to_do(
        self, directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", "/nowhere")
        with pytest.raises(
            ConfigurationError, match="Run as an ordinary user, or set BACKOFFICE_DATABASE_URL"
        ):
            EmbeddedPostgres(directory).__enter__()
        shutil.rmtree(directory)

    @pytest.mark.skipif(not AS_ROOT, reason="only root runs as somebody else")
    def test_root_runs_it_with_one_capability_at_most(self, postgres: EmbeddedPostgres) -> None:
        status = Path(f"/proc/{postmaster(postgres.directory)}/status").read_text()
        fields = dict(line.split(":\t", 1) for line in status.splitlines())
        assert fields["Uid"].split()[0] != "0"
        assert int(fields["CapEff"], 16) in {0, 1 << 2}
        assert fields["NoNewPrivs"] == "1"


class TestUsers:
    def test_two_directories_run_side_by_side(self, postgres: EmbeddedPostgres, directory: Path) -> None:
        with EmbeddedPostgres(directory, durable=False) as other:
            assert other.url() != postgres.url()
            assert fetch(other.superuser_url(), "SELECT 1") == fetch(postgres.superuser_url(), "SELECT 1")

    def test_the_last_user_stops_it(self, directory: Path) -> None:
        first, second = EmbeddedPostgres(directory, durable=False), EmbeddedPostgres(directory, durable=False)
        with first:
            server = postmaster(directory)
            with second:
                assert postmaster(directory) == server
            assert first.is_listening()
        assert not first.is_listening()

    def test_another_process_keeps_it_running(self, directory: Path) -> None:
        with User(directory) as other:
            with EmbeddedPostgres(directory, durable=False) as postgres:
                pass
            assert postgres.is_listening()
            other.leave()
            assert not postgres.is_listening()

    def test_many_may_start_at_once(self, directory: Path) -> None:
        users = [User(directory) for _ in range(4)]
        for user in users:
            user.__enter__()
        server = postmaster(directory)
        for user in users:
            assert postmaster(directory) == server
            user.__exit__()
        assert not EmbeddedPostgres(directory).is_listening()

    def test_an_interrupted_terminal_reaches_the_user_alone(self, directory: Path) -> None:
        with User(directory):
            assert os.getsid(postmaster(directory)) != os.getsid(0)


class TestRestart:
    def test_data_and_port_stay(self, directory: Path) -> None:
        with EmbeddedPostgres(directory, durable=False) as postgres:
            url = postgres.url("backoffice_owner", driver="postgresql")
            fetch(url, "CREATE TABLE kept AS SELECT 7 AS seven")
        with EmbeddedPostgres(directory, durable=False):
            assert fetch(url, "SELECT seven FROM kept") == 7

    def test_a_taken_port_is_given_up(self, directory: Path) -> None:
        with EmbeddedPostgres(directory, durable=False) as postgres:
            port = make_url(postgres.url()).port
        with (
            socket.create_server(("127.0.0.1", port)),
            EmbeddedPostgres(directory, durable=False) as postgres,
        ):
            assert make_url(postgres.url()).port != port
            assert fetch(postgres.superuser_url(), "SELECT 1") == 1

    def test_a_server_that_outlived_its_user_is_adopted(self, directory: Path) -> None:
        with User(directory) as user:
            server = postmaster(directory)
            user.kill()
        with EmbeddedPostgres(directory, durable=False) as postgres:
            assert postmaster(directory) == server
            assert fetch(postgres.superuser_url(), "SELECT 1") == 1
        assert not postgres.is_listening()

    def test_a_killed_server_recovers(self, directory: Path) -> None:
        with EmbeddedPostgres(directory) as postgres:
            fetch(
                postgres.url("backoffice_owner", driver="postgresql"),
                "CREATE TABLE kept AS SELECT 7 AS seven",
            )
            os.kill(postmaster(directory), signal.SIGKILL)
            while postgres.is_listening():
                time.sleep(0.01)
        assert (directory / "data" / "postmaster.pid").exists()
        with EmbeddedPostgres(directory) as postgres:
            assert fetch(postgres.url("backoffice_owner", driver="postgresql"), "SELECT seven FROM kept") == 7

    def test_an_interrupted_setup_is_begun_anew(self, directory: Path) -> None:
        (directory / "data.new" / "base").mkdir(parents=True)
        with EmbeddedPostgres(directory, durable=False) as postgres:
            assert fetch(postgres.superuser_url(), "SELECT 1") == 1

    def test_a_server_that_cannot_start_says_why(
        self, directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(embedded, "START_ATTEMPTS", 1)
        with EmbeddedPostgres(directory, durable=False):
            pass
        configuration = directory / "data" / "postgresql.conf"
        right = configuration.read_text()
        configuration.write_text("nonsense = 1\n")
        with pytest.raises(ConfigurationError, match='unrecognized configuration parameter "nonsense"'):
            EmbeddedPostgres(directory, durable=False).__enter__()
        configuration.write_text(right)
