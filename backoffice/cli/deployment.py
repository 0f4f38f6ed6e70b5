"""The deployment that a command works on: its settings, its database, and a change of it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import click
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.context import Change
from backoffice.checks import readiness, refuse
from backoffice.database import SessionFactory, create_engine, session_factory, transaction
from backoffice.database.roles import OWNER
from backoffice.embedded import EmbeddedPostgres
from backoffice.errors import ConfigurationError
from backoffice.settings import Settings, load_settings

ACTOR = "command line"


class WrongSettings(click.ClickException):
    exit_code = 2


def read_settings(**options: Any) -> Settings:
    """The settings of the environment; `options`, where given, go before it."""
    try:
        return load_settings(**{name: value for name, value in options.items() if value is not None})
    except ConfigurationError as error:
        raise WrongSettings(str(error)) from None


@contextmanager
def database(settings: Settings) -> Iterator[Settings]:
    """The settings with a database that is there: the embedded server runs for as long as it is used."""
    if not settings.embedded:
        yield settings
        return
    with _embedded_server(settings) as postgres:
        yield with_embedded(settings, postgres)


def running(settings: Settings) -> EmbeddedPostgres:
    """The embedded server that somebody else started; ConfigurationError where none runs."""
    postgres = _embedded_server(settings)
    if not postgres.is_listening():
        raise ConfigurationError("The embedded database is not running: it does while `backoffice run` does.")
    return postgres


def with_embedded(settings: Settings, postgres: EmbeddedPostgres) -> Settings:
    """The settings with the addresses of the embedded server."""
    return settings.with_database(app_url=postgres.url(), owner_url=postgres.url(OWNER))


@asynccontextmanager
async def changing(settings: Settings, verb: str, *, actor: str = ACTOR) -> AsyncIterator[AsyncSession]:
    """One transaction, in which the command does `verb`; refused on a database that is not ready."""
    async with sessions(settings.app_url) as factory:
        async with factory() as session:
            refuse(await readiness(await session.connection()))
        async with transaction(factory, Change(verb=verb, actor=actor)) as session:
            yield session


@asynccontextmanager
async def sessions(url: str) -> AsyncIterator[SessionFactory]:
    """Sessions on a database, whose connections are closed at the end."""
    engine = create_engine(url)
    try:
        yield session_factory(engine)
    finally:
        await engine.dispose()


def _embedded_server(settings: Settings) -> EmbeddedPostgres:
    return EmbeddedPostgres(settings.var_dir / "postgres")
