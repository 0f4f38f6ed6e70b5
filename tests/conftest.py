"""One PostgreSQL a run, one migrated database a test: real commits, real triggers, nothing faked.

The server is the embedded one, in a throw-away folder, in memory where there is room;
`BACKOFFICE_TEST_DATABASE_URL`, a superuser's URL, puts a server of one's own in its place.
"""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from httpx import ASGITransport, AsyncClient
from sqlalchemy.engine import make_url
from starlette.applications import Starlette

from backoffice.database import SessionFactory, create_engine, migrate, session_factory
from backoffice.database.roles import OWNER
from backoffice.embedded import EmbeddedPostgres
from backoffice.settings import Settings
from tests.applications import new_app
from tests.databases import FAR_MONTHS, Database, Server, folder_of_server

TEST_SERVER = "BACKOFFICE_TEST_DATABASE_URL"
NAMED_FOR_TESTS = "backoffice_test_"


@pytest.fixture(scope="session", autouse=True)
def _nothing_from_outside() -> Iterator[None]:
    """Settings of the person who runs the tests must not reach them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("BACKOFFICE_")]:
            if name not in {TEST_SERVER, "BACKOFFICE_CHROMIUM"}:
                patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def superuser_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if given := os.environ.get(TEST_SERVER):
        yield make_url(given).set(drivername="postgresql").render_as_string(hide_password=False)
        return
    with (
        folder_of_server(tmp_path_factory.mktemp("server")) as folder,
        EmbeddedPostgres(folder / "postgres", durable=False) as postgres,
    ):
        # The roles were made with it; the tests' own databases are what is used.
        yield postgres.superuser_url()


@pytest.fixture(scope="session")
def server(superuser_url: str) -> Iterator[Server]:
    server = Server(superuser_url)
    if os.environ.get(TEST_SERVER):
        _refuse_a_server_in_use(server)
    yield server
    server.close()


def _refuse_a_server_in_use(server: Server) -> None:
    others = [name for name in server.names_of_databases(OWNER) if not name.startswith(NAMED_FOR_TESTS)]
    if others:
        pytest.exit(
            f"{TEST_SERVER} leads to a server in use ({', '.join(others)}): its passwords would change", 2
        )


@pytest.fixture(scope="session")
def template(server: Server) -> Iterator[str]:
    """The name of a migrated database without rows of ours, for copies."""
    name = f"{NAMED_FOR_TESTS}template_{uuid4().hex[:12]}"
    server.bootstrap(name)
    migrate.upgrade(server.database(name).owner_url)
    server.database(name).execute(FAR_MONTHS)
    yield name
    server.drop(name)


@pytest.fixture
def database(server: Server, template: str) -> Iterator[Database]:
    """A migrated database of this test's own."""
    name = f"{NAMED_FOR_TESTS}{uuid4().hex[:12]}"
    server.copy(template, name)
    yield server.database(name)
    server.drop(name)


@pytest.fixture
def empty_database(server: Server) -> Iterator[Database]:
    """A database with roles and rights, but before its first migration."""
    name = f"{NAMED_FOR_TESTS}{uuid4().hex[:12]}"
    server.bootstrap(name)
    yield server.database(name)
    server.drop(name)


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> Settings:
    return Settings(
        database_url=database.app_url,
        owner_database_url=database.owner_url,
        secret_key="a secret that only the tests know",
        var_dir=tmp_path / "var",
        job_workers=0,
        # Written beside, whenever; tests of reads turn them on.
        record_reads="none",
    )


@pytest.fixture
async def factory(database: Database) -> AsyncIterator[SessionFactory]:
    """Sessions as the role that serves requests."""
    engine = create_engine(database.app_url)
    yield session_factory(engine)
    await engine.dispose()


@pytest.fixture
async def owner(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the role that owns the tables."""
    connection = await asyncpg.connect(database.owner_url)
    yield connection
    await connection.close()


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[Starlette]:
    """The application, started up."""
    app = new_app(settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app: Starlette) -> AsyncIterator[AsyncClient]:
    """Somebody's browser, signed in nowhere yet, that follows no redirect by itself."""
    transport = ASGITransport(app=app, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client
