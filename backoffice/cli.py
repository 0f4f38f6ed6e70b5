"""The command line, `backoffice`. Exits with 0: done, 1: refused or found something, 2: not understood."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any

import click
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.accounts.people import change_password, create_superuser, find_account
from backoffice.attachments import FileStore, sweep
from backoffice.audit.context import Change
from backoffice.checks import readiness, refuse, run_checks
from backoffice.database import SessionFactory, create_engine, migrate, session_factory, transaction
from backoffice.database.roles import OWNER
from backoffice.demo import DEMO_ACCOUNTS, DEMO_PASSWORD, demo_accounts_present, load_demo
from backoffice.desk import purge_trash
from backoffice.embedded import EmbeddedPostgres
from backoffice.errors import BackofficeError, ConfigurationError, NotFound
from backoffice.operations import Counts
from backoffice.seed import seed_tickets
from backoffice.serving import address, listener_at, serve_until_stopped
from backoffice.settings import Settings, load_settings

CreateApp = Callable[[Settings], Any]
ACTOR = "command line"
PASSWORD_VARIABLE = "BACKOFFICE_SUPERUSER_PASSWORD"  # noqa: S105 - the name of it


class CommandLine(click.Group):
    """The commands; what a person can do something about is said in a sentence, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        _end_in_order()
        try:
            return super().invoke(ctx)
        except BackofficeError as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            raise click.exceptions.Exit(130) from None


def _end_in_order() -> None:
    """Let `kill` and a closed terminal do what Ctrl-C does: whatever was started is stopped in order."""
    for ending in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(ending) is not signal.SIG_IGN:
            signal.signal(ending, lambda *_: signal.raise_signal(signal.SIGINT))


class WrongSettings(click.ClickException):
    exit_code = 2


@click.group(cls=CommandLine, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """A backoffice for a customer-support desk."""


HOST = click.option("--host", help="The address to listen on.")
PORT = click.option("--port", type=click.IntRange(1, 65535), help="The port to listen on.")


@cli.command()
@HOST
@PORT
@click.pass_obj
def run(create_app: CreateApp, host: str | None, port: int | None) -> None:
    """Start everything: database, tables, demo data and the application.

    Demo data is loaded once, and only into an embedded database.
    """
    settings = _settings(host=host, port=port)
    with listener_at(settings) as listener, _database(settings) as settings:
        migrate.upgrade(settings.owner_url)
        if settings.embedded:
            asyncio.run(_load_demo(settings))
        _serve(create_app, settings, listener)


@cli.command()
@HOST
@PORT
@click.pass_obj
def serve(create_app: CreateApp, host: str | None, port: int | None) -> None:
    """Start the application on a database that is ready."""
    settings = _settings(host=host, port=port)
    with listener_at(settings) as listener, _database(settings) as settings:
        _serve(create_app, settings, listener)


@cli.command("migrate")
def migrate_database() -> None:
    """Bring the database's tables and triggers to this version."""
    with _database(_settings()) as settings:
        migrate.upgrade(settings.owner_url)
    click.echo("The database is at this version.")


@cli.command()
@click.option("--email", help="What the account signs in with.")
@click.option("--name", help="The person's full name.")
@click.option(
    "--noinput", is_flag=True, help="Ask nothing; the password is in BACKOFFICE_SUPERUSER_PASSWORD."
)
def createsuperuser(email: str | None, name: str | None, noinput: bool) -> None:
    """Make an account that may do everything."""
    email = _answer("Email", email, "--email", noinput=noinput)
    name = _answer("Full name", name, "--name", noinput=noinput)
    password = _password(noinput=noinput)
    with _database(_settings()) as settings:
        email = asyncio.run(_create_superuser(settings, email, name, password))
    click.echo(f"{email} can sign in and may do everything.")


@cli.command()
@click.argument("email")
@click.option(
    "--noinput", is_flag=True, help="Ask nothing; the password is in BACKOFFICE_SUPERUSER_PASSWORD."
)
def changepassword(email: str, noinput: bool) -> None:
    """Give an account a new password, and sign it out everywhere."""
    with _database(_settings()) as settings:
        asyncio.run(_change_password(settings, email, _password(noinput=noinput)))
    click.echo(f"{email} has a new password.")


@cli.command()
@click.option("--tickets", type=click.IntRange(min=1), required=True, help="How many to add.")
def seed(tickets: int) -> None:
    """Add made-up tickets, for trying out large numbers."""
    with _database(_settings()) as settings, click.progressbar(length=tickets, label="Tickets") as bar:

        def progress(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        asyncio.run(seed_tickets(settings.owner_url, tickets, progress=progress))


@cli.command("purge-trash")
@click.option("--days", type=click.IntRange(0, 36500), help="Older than so many days in the trash.")
def purge_the_trash(days: int | None) -> None:
    """Delete forever what has been in the trash for long, and the files that nothing needs any more."""
    settings = _settings()
    with _database(settings) as settings:
        counts, files = asyncio.run(_purge_trash(settings, settings.trash_days if days is None else days))
    click.echo(f"Deleted forever: {counts.changed:,} records and {files:,} files.")


@cli.command()
@click.pass_context
def check(context: click.Context) -> None:
    """Look for what is wrong with this deployment."""
    with _database(_settings()) as settings:
        findings = asyncio.run(run_checks(settings))
    for finding in findings:
        click.echo(f"- {finding}")
    if findings:
        context.exit(1)
    click.echo("Nothing is wrong.")


@cli.command("database-url")
@click.option("--owner", is_flag=True, help="As the role that owns the tables.")
def database_url(owner: bool) -> None:
    """Print where the database is, password included: psql "$(backoffice database-url)"."""
    settings = _settings()
    if settings.embedded:
        settings = _with_embedded(settings, _running(settings))
    url = settings.owner_url if owner else settings.app_url
    click.echo(url.replace("postgresql+asyncpg://", "postgresql://", 1))


def _settings(**options: Any) -> Settings:
    try:
        return load_settings(**{name: value for name, value in options.items() if value is not None})
    except ConfigurationError as error:
        raise WrongSettings(str(error)) from None


@contextmanager
def _database(settings: Settings) -> Iterator[Settings]:
    """The settings with a database that is there: the embedded server runs for as long as it is used."""
    if not settings.embedded:
        yield settings
        return
    with _embedded_server(settings) as postgres:
        yield _with_embedded(settings, postgres)


def _running(settings: Settings) -> EmbeddedPostgres:
    postgres = _embedded_server(settings)
    if not postgres.is_listening():
        raise ConfigurationError("The embedded database is not running: it does while `backoffice run` does.")
    return postgres


def _embedded_server(settings: Settings) -> EmbeddedPostgres:
    return EmbeddedPostgres(settings.var_dir / "postgres")


def _with_embedded(settings: Settings, postgres: EmbeddedPostgres) -> Settings:
    return settings.with_database(app_url=postgres.url(), owner_url=postgres.url(OWNER))


def _serve(create_app: CreateApp, settings: Settings, listener: socket.socket) -> None:
    accounts = asyncio.run(_prepare_serving(settings))
    serve_until_stopped(
        create_app(settings), settings, listener, "\n".join(_announcement(settings, accounts))
    )


async def _prepare_serving(settings: Settings) -> list[str]:
    """Refuse a database that is not ready; otherwise give the demo accounts that can sign in."""
    async with _factory(settings.app_url) as factory, factory() as session:
        refuse(await readiness(await session.connection()))
        return list(await demo_accounts_present(session))


def _announcement(settings: Settings, accounts: list[str]) -> Iterator[str]:
    yield f"\nBackoffice is at {address(settings)}/admin (Ctrl-C stops it)."
    if settings.embedded and accounts:
        yield f"Demo accounts, password {DEMO_PASSWORD}:"
        yield from (f"  {email:<26}{role}" for email, role in DEMO_ACCOUNTS if email in accounts)
    yield ""


async def _load_demo(settings: Settings) -> None:
    async with _factory(settings.app_url) as factory:
        store = FileStore(settings.attachments_dir)
        await load_demo(factory, store, now=datetime.now(UTC), report=click.echo)


async def _purge_trash(settings: Settings, days: int) -> tuple[Counts, int]:
    """What was deleted, and how many files; the files only once the rows are gone for good."""
    async with _change(settings, "trash.purge", actor="system:purge") as session:
        counts = await purge_trash(session, older_than_days=days)
    async with _change(settings, "attachment.sweep", actor="system:purge") as session:
        return counts, await sweep(session, FileStore(settings.attachments_dir))


async def _create_superuser(settings: Settings, email: str, name: str, password: str) -> str:
    async with _change(settings, "account.create-superuser") as session:
        user = await create_superuser(session, email=email, full_name=name, password=password)
        return user.email


async def _change_password(settings: Settings, email: str, password: str) -> None:
    async with _change(settings, "account.change-password") as session:
        account = await find_account(session, email)
        if account is None:
            raise NotFound(f"There is no account {email}.")
        await change_password(session, account, password)


@asynccontextmanager
async def _change(settings: Settings, verb: str, *, actor: str = ACTOR) -> AsyncIterator[AsyncSession]:
    async with _factory(settings.app_url) as factory:
        async with factory() as session:
            refuse(await readiness(await session.connection()))
        async with transaction(factory, Change(verb=verb, actor=actor)) as session:
            yield session


@asynccontextmanager
async def _factory(url: str) -> AsyncIterator[SessionFactory]:
    engine = create_engine(url)
    try:
        yield session_factory(engine)
    finally:
        await engine.dispose()


def _answer(question: str, given: str | None, option: str, *, noinput: bool) -> str:
    if given:
        return given
    if noinput:
        raise click.UsageError(f"With --noinput, {option} is needed.")
    answer: str = click.prompt(question)
    return answer


def _password(*, noinput: bool) -> str:
    if given := os.environ.get(PASSWORD_VARIABLE):
        return given
    if noinput:
        raise click.UsageError(f"With --noinput, {PASSWORD_VARIABLE} is needed.")
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return password
