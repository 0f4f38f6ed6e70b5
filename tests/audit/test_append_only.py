"""The history can be added to, by the database alone, and never taken from; what weakens it is found."""

from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest
from anyio import to_thread
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice.audit.triggers import drift
from backoffice.database import create_engine, migrate
from tests.databases import Database

Url = Callable[[Database], str]

ROLES: dict[str, Url] = {
    "app": lambda database: database.app_url,
    "reader": lambda database: database.reader_url,
    "owner": lambda database: database.owner_url,
    "superuser": lambda database: database.superuser_url,
}

ATTACKS = {
    "update": "UPDATE audit_logs SET user_id = 1",
    "delete": "DELETE FROM audit_logs",
    "truncate": "TRUNCATE audit_logs",
}


@pytest.fixture
async def with_history(owner: asyncpg.Connection) -> None:
    await owner.execute("INSERT INTO tags (name) VALUES ('vip')")


@pytest.mark.usefixtures("with_history")
class TestAppendOnly:
    @pytest.mark.parametrize("attack", ATTACKS)
    @pytest.mark.parametrize("role", ROLES)
    async def test_nobody_changes_it(self, database: Database, role: str, attack: str) -> None:
        connection = await asyncpg.connect(ROLES[role](database))
        try:
            before = await connection.fetchval("SELECT count(*) FROM audit_logs")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(ATTACKS[attack])
            assert await connection.fetchval("SELECT count(*) FROM audit_logs") == before > 0
        finally:
            await connection.close()

    @pytest.mark.parametrize("attack", ATTACKS)
    async def test_not_even_where_replication_turns_triggers_off(
        self, database: Database, attack: str
    ) -> None:
        connection = await asyncpg.connect(database.superuser_url)
        try:
            await connection.execute("SET session_replication_role = replica")
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="take history away"):
                await connection.execute(ATTACKS[attack])
        finally:
            await connection.close()

    @pytest.mark.parametrize("role", ["app", "reader"])
    async def test_the_application_adds_nothing_by_itself(self, database: Database, role: str) -> None:
        connection = await asyncpg.connect(ROLES[role](database))
        try:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(
                    "INSERT INTO audit_logs (table_name, action, changes, database_user)"
                    " VALUES ('tickets', 'LOGIN', '{}', 'somebody')"
                )
        finally:
            await connection.close()

    async def test_the_application_cannot_become_the_writer(self, database: Database) -> None:
        connection = await asyncpg.connect(database.app_url)
        try:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute("SET ROLE backoffice_audit")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute("ALTER TABLE tickets DISABLE TRIGGER audit_capture")
        finally:
            await connection.close()


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[AsyncConnection]:
    engine = create_engine(database.app_url)
    async with engine.connect() as connection:
        yield connection
    await engine.dispose()


DRIFTS = {
    "ALTER TABLE tickets DISABLE TRIGGER audit_capture": "audit_capture on tickets is switched off",
    "ALTER TABLE tickets ENABLE TRIGGER audit_capture": "audit_capture on tickets is switched off",
    "DROP TRIGGER audit_capture ON ticket_tags": "audit_capture on ticket_tags is missing",
    "DROP TRIGGER audit_guard ON audit_logs": "audit_guard on audit_logs is missing",
    "SET ROLE backoffice_audit; CREATE OR REPLACE FUNCTION audit_guard() RETURNS trigger LANGUAGE plpgsql"
    " AS 'BEGIN RETURN NULL; END'": "audit_guard is not what the models ask for",
    "SET ROLE backoffice_audit; ALTER FUNCTION audit_capture_users() SECURITY INVOKER": (
        "audit_capture_users is not what the models ask for"
    ),
    "CREATE OR REPLACE TRIGGER audit_capture AFTER INSERT OR UPDATE OR DELETE ON tickets FOR EACH ROW"
    " WHEN (false) EXECUTE FUNCTION audit_capture_tickets();"
    " ALTER TABLE tickets ENABLE ALWAYS TRIGGER audit_capture": "audit_capture on tickets is switched off",
    "CREATE OR REPLACE TRIGGER audit_capture AFTER INSERT ON tickets FOR EACH ROW"
    " EXECUTE FUNCTION audit_capture_tickets();"
    " ALTER TABLE tickets ENABLE ALWAYS TRIGGER audit_capture": "audit_capture on tickets is switched off",
    "CREATE OR REPLACE TRIGGER audit_capture AFTER INSERT OR DELETE OR UPDATE OF id ON tickets FOR EACH ROW"
    " EXECUTE FUNCTION audit_capture_tickets();"
    " ALTER TABLE tickets ENABLE ALWAYS TRIGGER audit_capture": "audit_capture on tickets is switched off",
    "CREATE OR REPLACE TRIGGER audit_guard BEFORE TRUNCATE ON audit_logs_default FOR EACH STATEMENT"
    " EXECUTE FUNCTION audit_guard();"
    " ALTER TABLE audit_logs_default ENABLE ALWAYS TRIGGER audit_guard": (
        "audit_logs_default of the history has no guard"
    ),
    "DROP FUNCTION audit_capture_tags() CASCADE": "audit_capture_tags is missing",
}


class TestDrift:
    async def test_a_migrated_database_has_none(self, connection: AsyncConnection) -> None:
        assert await drift(connection) == []

    @pytest.mark.parametrize("weakening", DRIFTS)
    async def test_finds(
        self, owner: asyncpg.Connection, connection: AsyncConnection, weakening: str
    ) -> None:
        if "DROP FUNCTION" in weakening:
            await owner.execute("SET ROLE backoffice_audit")
        await owner.execute(weakening)
        assert any(DRIFTS[weakening] in finding for finding in await drift(connection))

    async def test_migrating_mends_it(
        self, owner: asyncpg.Connection, connection: AsyncConnection, database: Database
    ) -> None:
        await owner.execute("DROP TRIGGER audit_capture ON tickets")
        await to_thread.run_sync(migrate.upgrade, database.owner_url)
        assert await drift(connection) == []
