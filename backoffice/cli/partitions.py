"""`audit partitions`: the months that the history is kept in."""

import asyncio

import click

from backoffice.audit.context import Change
from backoffice.audit.exclusive import exclusively
from backoffice.audit.partitions import move_strays, prepare_months
from backoffice.cli.deployment import ACTOR, database, read_settings, sessions
from backoffice.settings import Settings


@click.command()
def partitions() -> None:
    """Make the months ahead, and give entries that lie in no month one of their own."""
    with database(read_settings()) as settings:
        moved, made = asyncio.run(_mend(settings))
    click.echo(f"Entries moved into months of their own: {moved:,}. Months made ahead: {made}.")


async def _mend(settings: Settings) -> tuple[int, int]:
    """How many entries were moved, and how many months were made."""
    async with sessions(settings.owner_url) as factory:
        moved = await exclusively(factory, Change(verb="audit.partitions", actor=ACTOR), move_strays)
        async with factory.begin() as session:
            return moved, await prepare_months(session)
