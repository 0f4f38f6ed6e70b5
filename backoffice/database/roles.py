"""The database roles and their rights, as statements for a superuser: made here and shown in the docs.

- `backoffice_owner` owns the database, its schema and tables, and runs the migrations.
- `backoffice_app` serves requests with the rights that the migrations grant, and no more.
- `backoffice_reader` reads for reports.
- `backoffice_audit` cannot log in. It owns the function that writes the history, so that the
  application can be given none of its rights.

A role with CREATEROLE and CREATEDB will do in a superuser's place. Everything may run again.
"""

from collections.abc import Mapping

import asyncpg
from sqlalchemy.engine import make_url

OWNER = "backoffice_owner"
APP = "backoffice_app"
READER = "backoffice_reader"
AUDIT = "backoffice_audit"
LOGINS = (OWNER, APP, READER)

# Two runs on one server must not create the same role at the same moment.
BOOTSTRAP_LOCK = "SELECT pg_advisory_lock(7261656)"


async def bootstrap(superuser_url: str, *, database: str, passwords: Mapping[str, str]) -> None:
    """Make the roles, and `database` with its rights, as far as they don't exist.

    `passwords` are set for the roles that it names; other roles keep theirs.
    """
    connection = await _connect(superuser_url)
    try:
        await connection.execute(BOOTSTRAP_LOCK)
        await _run(connection, cluster_statements(connection.get_server_version().major))
        await _set_passwords(connection, passwords)
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database):
            await connection.execute(create_statement(database))
        await _run(connection, database_statements(database))
    finally:
        await connection.close()
    await _inside(superuser_url, database)


def cluster_statements(server_version: int) -> list[str]:
    """What is done once a server: the roles, and the owner's right to give the audit role a function."""
    # Since 16 a grant can leave out inheritance: the owner may become the audit role, but isn't it.
    only_set = " WITH INHERIT FALSE, SET TRUE" if server_version >= 16 else ""
    return [
        *(_create_role(role, "LOGIN") for role in LOGINS),
        _create_role(AUDIT, "NOLOGIN"),
        f"GRANT {AUDIT} TO {OWNER}{only_set}",
        _grant_owner_to_ourselves(" WITH INHERIT TRUE, SET TRUE" if server_version >= 16 else ""),
    ]


def create_statement(database: str) -> str:
    """The database itself, in UTF-8, whatever the server's templates are in."""
    return f"CREATE DATABASE {_quoted(database)} OWNER {OWNER} TEMPLATE template0 ENCODING 'UTF8'"


def database_statements(database: str) -> list[str]:
    """Who may connect. Copies of a database don't inherit this, so it is separate."""
    name = _quoted(database)
    return [
        f"REVOKE ALL ON DATABASE {name} FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {name} TO {', '.join(LOGINS)}",
    ]


def schema_statements() -> list[str]:
    """What is done inside the database: only the owner makes tables, and the audit role its function."""
    return [
        f"ALTER SCHEMA public OWNER TO {OWNER}",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        f"GRANT USAGE ON SCHEMA public TO {APP}, {READER}",
        # PostgreSQL lets a function go only to a role that could have made it there.
        f"GRANT USAGE, CREATE ON SCHEMA public TO {AUDIT}",
    ]


def bootstrap_script(database: str, server_version: int = 18) -> str:
    """The same as a script for psql, for servers that somebody else administers."""
    statements = [
        *cluster_statements(server_version),
        create_statement(database),
        *database_statements(database),
        f"\\connect {_quoted(database)}",
        *schema_statements(),
    ]
    passwords = [f"\\password {role}" for role in LOGINS]
    return "\n".join([*(s if s.startswith("\\") else f"{s};" for s in statements), *passwords]) + "\n"


async def _inside(superuser_url: str, database: str) -> None:
    url = make_url(superuser_url).set(database=database)
    connection = await _connect(url.render_as_string(hide_password=False))
    try:
        await _run(connection, schema_statements())
    finally:
        await connection.close()


async def _connect(url: str) -> asyncpg.Connection:
    return await asyncpg.connect(
        make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    )


async def _run(connection: asyncpg.Connection, statements: list[str]) -> None:
    for statement in statements:
        await connection.execute(statement)


async def _set_passwords(connection: asyncpg.Connection, passwords: Mapping[str, str]) -> None:
    for role, password in passwords.items():
        # ALTER ROLE takes no parameters; the server itself quotes what goes into it.
        statement = await connection.fetchval(
            "SELECT format('ALTER ROLE %I PASSWORD %L', $1::text, $2::text)", role, password
        )
        await connection.execute(statement)


def _create_role(role: str, login: str) -> str:
    return (
        f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}')"
        f" THEN CREATE ROLE {role} {login}; END IF; END $$"
    )


def _grant_owner_to_ourselves(options: str) -> str:
    # A superuser needs no membership to give the database away; anybody else does.
    grant = f"EXECUTE format('GRANT {OWNER} TO %I{options}', current_user)"
    return f"DO $$ BEGIN IF NOT current_setting('is_superuser')::bool THEN {grant}; END IF; END $$"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
