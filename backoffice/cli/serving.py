"""`run`, `serve` and `worker`: the application itself, and what works beside it."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from backoffice.attachments import FileStore
from backoffice.checks import readiness, refuse
from backoffice.cli.deployment import database, read_settings, sessions
from backoffice.database import migrate
from backoffice.demo import DEMO_ACCOUNTS, DEMO_PASSWORD, demo_accounts_present, load_demo
from backoffice.jobs.worker import PRESUMED_DEAD
from backoffice.serving import CreateApp, address, listener_at, serve_until_stopped
from backoffice.settings import Settings

HOST = click.option("--host", help="The address to listen on.")
PORT = click.option("--port", type=click.IntRange(1, 65535), help="The port to listen on.")


@click.command()
@HOST
@PORT
@click.pass_obj
def run(create_app: CreateApp, host: str | None, port: int | None) -> None:
    """Start everything: database, tables, demo data and the application.

    Demo data is loaded once, and only into an embedded database.
    """
    settings = read_settings(host=host, port=port)
    with listener_at(settings) as listener, database(settings) as settings:
        migrate.upgrade(settings.owner_url)
        if settings.embedded:
            asyncio.run(_load_demo(settings))
        _serve(create_app, settings, listener)


@click.command()
@HOST
@PORT
@click.pass_obj
def serve(create_app: CreateApp, host: str | None, port: int | None) -> None:
    """Start the application on a database that is ready."""
    settings = read_settings(host=host, port=port)
    with listener_at(settings) as listener, database(settings) as settings:
        _serve(create_app, settings, listener)


@click.command()
@click.option("--at-once", type=click.IntRange(1, 16), default=4, show_default=True, help="Chunks at a time.")
@click.option(
    "--presumed-dead",
    type=click.FloatRange(1),
    default=PRESUMED_DEAD.total_seconds(),
    show_default=True,
    help="Seconds after which the work of another that is not heard of is taken over.",
)
@click.pass_obj
def worker(create_app: CreateApp, at_once: int, presumed_dead: float) -> None:
    """Do the chunks of jobs until somebody ends it; any number of workers may run, on any machines."""
    settings = read_settings()
    with database(settings) as settings:
        asyncio.run(_prepare_serving(settings))
        asyncio.run(_work(create_app(settings), at_once, timedelta(seconds=presumed_dead)))


async def _work(app: Any, at_once: int, presumed_dead: timedelta) -> None:
    worker = app.state.worker(at_once=at_once, presumed_dead=presumed_dead)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, worker.stop)
    click.echo(f"Working, up to {at_once} chunks at a time (Ctrl-C stops when they are done).")
    try:
        await worker.run()
    finally:
        await app.state.engine.dispose()


def _serve(create_app: CreateApp, settings: Settings, listener: socket.socket) -> None:
    accounts = asyncio.run(_prepare_serving(settings))
    serve_until_stopped(create_app, settings, listener, "\n".join(_announcement(settings, accounts)))


async def _prepare_serving(settings: Settings) -> list[str]:
    """Refuse a database that is not ready; otherwise give the demo accounts that can sign in."""
    async with sessions(settings.app_url) as factory, factory() as session:
        refuse(await readiness(await session.connection()))
        return list(await demo_accounts_present(session))


def _announcement(settings: Settings, accounts: list[str]) -> Iterator[str]:
    yield f"\nBackoffice is at {address(settings)}/admin (Ctrl-C stops it)."
    if settings.embedded and accounts:
        yield f"Demo accounts, password {DEMO_PASSWORD}:"
        yield from (f"  {email:<26}{role}" for email, role in DEMO_ACCOUNTS if email in accounts)
    yield ""


async def _load_demo(settings: Settings) -> None:
    async with sessions(settings.app_url) as factory:
        store = FileStore(settings.attachments_dir)
        await load_demo(factory, store, now=datetime.now(UTC), report=click.echo)
