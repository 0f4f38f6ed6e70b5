"""`migrate`, `check`, `database-url`, `seed` and `purge-trash`: the database and what is in it."""

import asyncio

import click

from backoffice.attachments import FileStore, sweep
from backoffice.checks import run_checks
from backoffice.cli.deployment import changing, database, read_settings, running, with_embedded
from backoffice.database import migrate
from backoffice.desk import purge_trash
from backoffice.operations import Counts
from backoffice.seed import seed_tickets
from backoffice.settings import Settings


@click.command("migrate")
def migrate_database() -> None:
    """Bring the database's tables and triggers to this version."""
    with database(read_settings()) as settings:
        migrate.upgrade(settings.owner_url)
    click.echo("The database is at this version.")


@click.command()
@click.option("--tickets", type=click.IntRange(min=1), required=True, help="How many to add.")
def seed(tickets: int) -> None:
    """Add made-up tickets, for trying out large numbers."""
    with database(read_settings()) as settings, click.progressbar(length=tickets, label="Tickets") as bar:

        def progress(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        asyncio.run(seed_tickets(settings.owner_url, tickets, progress=progress))


@click.command("purge-trash")
@click.option("--days", type=click.IntRange(0, 36500), help="Older than so many days in the trash.")
def purge_the_trash(days: int | None) -> None:
    """Delete forever what has been in the trash for long, and the files that nothing needs any more."""
    settings = read_settings()
    with database(settings) as settings:
        counts, files = asyncio.run(_purge_trash(settings, settings.trash_days if days is None else days))
    click.echo(f"Deleted forever: {counts.changed:,} records and {files:,} files.")


@click.command()
@click.pass_context
def check(context: click.Context) -> None:
    """Look for what is wrong with this deployment."""
    with database(read_settings()) as settings:
        findings = asyncio.run(run_checks(settings))
    for finding in findings:
        click.echo(f"- {finding}")
    if findings:
        context.exit(1)
    click.echo("Nothing is wrong.")


@click.command("database-url")
@click.option("--owner", is_flag=True, help="As the role that owns the tables.")
def database_url(owner: bool) -> None:
    """Print where the database is, password included: psql "$(backoffice database-url)"."""
    settings = read_settings()
    if settings.embedded:
        settings = with_embedded(settings, running(settings))
    url = settings.owner_url if owner else settings.app_url
    click.echo(url.replace("postgresql+asyncpg://", "postgresql://", 1))


async def _purge_trash(settings: Settings, days: int) -> tuple[Counts, int]:
    """What was deleted, and how many files; the files only once the rows are gone for good."""
    async with changing(settings, "trash.purge", actor="system:purge") as session:
        counts = await purge_trash(session, older_than_days=days)
    async with changing(settings, "attachment.sweep", actor="system:purge") as session:
        return counts, await sweep(session, FileStore(settings.attachments_dir))
