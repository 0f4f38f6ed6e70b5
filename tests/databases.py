"""The databases of a test run: who makes them, and how each role reaches them."""

import asyncio
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
from sqlalchemy.engine import make_url

from backoffice.database.roles import APP, LOGINS, OWNER, READER, bootstrap, database_statements

#: Where Linux keeps files in memory: a database is made there in a fifth of the processor's time.
MEMORY = Path("/dev/shm")
MEMORY_NEEDED = 1 << 30
#: Databases of tests begin with the months that are near.
ALL_MONTHS = "SELECT audit_partitions_ahead(12)"
# Those that no test comes to would be copied for each, and known to each connection.
FAR_MONTHS = """
DO $$
DECLARE
  month regclass;
BEGIN
  FOR month IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'audit_logs'::regclass
    AND inhrelid <> 'audit_logs_default'::regclass ORDER BY inhrelid::regclass::text OFFSET 2
  LOOP
    EXECUTE format('DROP TABLE %s', month);
  END LOOP;
END
$$
"""


@dataclass(frozen=True)
class Database:
    """One database, by its name and the URL (`postgresql://…`) of each role."""

    name: str
    superuser_url: str
    owner_url: str
    app_url: str
    reader_url: str

    def execute(self, statements: str) -> None:
        """Run `statements` as the owner."""

        async def execute() -> None:
            connection = await asyncpg.connect(self.owner_url)
            try:
                await connection.execute(statements)
            finally:
                await connection.close()

        asyncio.run(execute())

    def fetch(self, query: str) -> list[asyncpg.Record]:
        """What `query` gives the owner; for tests without an event loop, whose subject has its own."""

        async def fetch() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(self.owner_url)
            try:
                return list(await connection.fetch(query))
            finally:
                await connection.close()

        return asyncio.run(fetch())


@contextmanager
def folder_of_server(otherwise: Path) -> Iterator[Path]:
    """A folder for the files of a run: in memory where there is room, and else `otherwise`."""
    if not _has_memory():
        yield otherwise
        return
    with TemporaryDirectory(prefix="backoffice-test-", dir=MEMORY) as folder:
        yield Path(folder)


def _has_memory() -> bool:
    return os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= MEMORY_NEEDED


class Server:
    """The server of a test run. Its roles get passwords that every run on this server works out alike."""

    def __init__(self, superuser_url: str) -> None:
        self.superuser_url = superuser_url
        self.passwords = {
            role: hashlib.sha256(f"{role} {superuser_url}".encode()).hexdigest() for role in LOGINS
        }
        # A loop and a connection for the whole run: connecting costs more than making a database.
        self._runner = asyncio.Runner()
        self._connection = self._runner.run(asyncpg.connect(superuser_url))

    def close(self) -> None:
        self._runner.run(self._connection.close())
        self._runner.close()

    def database(self, name: str) -> Database:
        as_superuser = make_url(self.superuser_url).set(database=name)
        owner, app, reader = (
            as_superuser.set(username=role, password=self.passwords[role]).render_as_string(
                hide_password=False
            )
            for role in (OWNER, APP, READER)
        )
        return Database(name, as_superuser.render_as_string(hide_password=False), owner, app, reader)

    def bootstrap(self, name: str) -> None:
        self._runner.run(bootstrap(self.superuser_url, database=name, passwords=self.passwords))

    def copy(self, template: str, name: str) -> None:
        # Copying files was faster than logging every page: 16 ms against 23 ms, with nothing synced.
        self.execute(f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE {template} STRATEGY file_copy")
        self.execute(*database_statements(name))

    def drop(self, name: str) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def execute(self, *statements: str) -> None:
        for statement in statements:
            self._runner.run(self._connection.execute(statement))

    def names_of_databases(self, owner: str) -> list[str]:
        owned = "SELECT datname FROM pg_database WHERE pg_get_userbyid(datdba) = $1"
        return [row["datname"] for row in self._runner.run(self._connection.fetch(owned, owner))]
