"""What can be wrong with a deployment, found before its users find it: `backoffice check`, `/readyz`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from backoffice.audit.partitions import STRAYS_MEND, stray_entries, stray_sentence
from backoffice.audit.proof.keys import find_signing_key
from backoffice.audit.proof.sealer import seal_status
from backoffice.audit.triggers import drift
from backoffice.database.engine import create_engine
from backoffice.database.migrate import head
from backoffice.demo import demo_accounts_present
from backoffice.errors import ConfigurationError
from backoffice.settings import Settings

FEWEST_DIFFERENT_CHARACTERS = 12
NOT_FOR_THE_APPLICATION = """
SELECT 'is a superuser' FROM pg_roles WHERE rolname = current_user AND rolsuper
UNION ALL
SELECT 'may make databases or roles' FROM pg_roles
WHERE rolname = current_user AND (rolcreatedb OR rolcreaterole)
UNION ALL
SELECT 'may make tables' WHERE has_schema_privilege('public', 'CREATE')
UNION ALL
SELECT 'owns tables' WHERE EXISTS (
    SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
    AND pg_has_role(relowner, 'MEMBER'))
UNION ALL
SELECT 'may write to the history' WHERE has_table_privilege(
    to_regclass('public.audit_logs'), 'INSERT, UPDATE, DELETE, TRUNCATE')
"""


@dataclass(frozen=True)
class Finding:
    """Something wrong, and what mends it; a sentence each."""

    sentence: str
    mend: str

    def __str__(self) -> str:
        return f"{self.sentence} {self.mend}"


async def run_checks(settings: Settings) -> list[Finding]:
    """Everything that `backoffice check` looks at; empty if all is well."""
    return [
        *_secret_findings(settings),
        *_key_findings(settings),
        *await _owner_findings(settings),
        *await _application_findings(settings),
    ]


async def readiness(connection: AsyncConnection) -> list[Finding]:
    """What keeps the application from serving: tables or triggers that are not the program's."""
    return await _migration_findings(connection) or await _trigger_findings(connection)


def refuse(findings: list[Finding]) -> None:
    """Raise what was found, if anything was, as the reason not to go on."""
    if findings:
        raise ConfigurationError("\n".join(map(str, findings)))


async def _application_findings(settings: Settings) -> list[Finding]:
    try:
        async with _connected(settings.app_url) as connection:
            findings = [*await readiness(connection), *await _right_findings(connection)]
            if findings:
                return findings
            demo = [] if settings.embedded else await _demo_findings(connection)
            history = [*await _partition_findings(connection), *await _sealing_findings(connection)]
            return [*demo, *history]
    except (OSError, SQLAlchemyError) as error:
        return [_unreachable("the application's role", "BACKOFFICE_DATABASE_URL", error)]


async def _owner_findings(settings: Settings) -> list[Finding]:
    if settings.owner_database_url is None:
        return []
    try:
        async with _connected(settings.owner_database_url):
            return []
    except (OSError, SQLAlchemyError) as error:
        return [_unreachable("the tables' owner", "BACKOFFICE_OWNER_DATABASE_URL", error)]


async def _migration_findings(connection: AsyncConnection) -> list[Finding]:
    migrated = await connection.scalar(text("SELECT to_regclass('public.alembic_version') IS NOT NULL"))
    if migrated:
        revisions = await connection.scalars(text("SELECT version_num FROM alembic_version"))
        if revisions.all() == [head()]:
            return []
    return [Finding("The database's tables are not this version's.", "Run `backoffice migrate`.")]


async def _trigger_findings(connection: AsyncConnection) -> list[Finding]:
    mend = "Run `backoffice migrate`, which installs the history's triggers anew."
    return [Finding(sentence, mend) for sentence in await drift(connection)]


async def _right_findings(connection: AsyncConnection) -> list[Finding]:
    rights = await connection.scalars(text(NOT_FOR_THE_APPLICATION))
    mend = "Serve as `backoffice_app`, with the rights that the migrations give it (docs/configuration.md)."
    return [Finding(f"The application's role {right}.", mend) for right in rights]


async def _partition_findings(connection: AsyncConnection) -> list[Finding]:
    strays = await stray_entries(connection)
    return [Finding(stray_sentence(strays), STRAYS_MEND)] if strays else []


async def _demo_findings(connection: AsyncConnection) -> list[Finding]:
    async with AsyncSession(connection) as session:
        emails = await demo_accounts_present(session)
    mend = "Everybody knows its password: deactivate it, or give it another with `backoffice changepassword`."
    return [Finding(f"The demo account {email} can sign in.", mend) for email in emails]


async def _sealing_findings(connection: AsyncConnection) -> list[Finding]:
    async with AsyncSession(connection) as session:
        status = await seal_status(session)
    if status.waiting_since is None or not status.is_late:
        return []
    return [
        Finding(
            f"Entries of the history wait to be sealed since {status.waiting_since:%Y-%m-%d %H:%M} UTC.",
            "See that the application runs with BACKOFFICE_AUDIT_KEY, and that no transaction stays open"
            " for long; `backoffice audit seal` seals at once.",
        )
    ]


def _key_findings(settings: Settings) -> list[Finding]:
    if find_signing_key(settings) is not None:
        return []
    mend = "Make one with `openssl rand -base64 32`, and keep a copy, but not in the database."
    return [Finding("The history is not sealed: there is no BACKOFFICE_AUDIT_KEY.", mend)]


def _secret_findings(settings: Settings) -> list[Finding]:
    if len(set(settings.secret_key.get_secret_value())) >= FEWEST_DIFFERENT_CHARACTERS:
        return []
    mend = 'Make one with `python3 -c "import secrets; print(secrets.token_urlsafe(48))"`.'
    return [Finding("BACKOFFICE_SECRET_KEY can be guessed.", mend)]


def _unreachable(who: str, setting: str, error: Exception) -> Finding:
    reason = str(getattr(error, "orig", None) or error).splitlines()[0]
    return Finding(f"The database cannot be reached as {who}: {reason.rstrip('.')}.", f"See {setting}.")


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[AsyncConnection]:
    engine = create_engine(url, pool_size=1)
    try:
        async with engine.connect() as connection:
            yield connection
    finally:
        await engine.dispose()
