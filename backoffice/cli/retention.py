"""`audit retain`: old months of the history leave the database."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from backoffice.audit.proof.anchor import known_anchors
from backoffice.audit.proof.keys import signing_key, trusted_keys
from backoffice.audit.proof.retention import DueMonth, Retention, due_months
from backoffice.cli.deployment import ACTOR, database, read_settings, sessions
from backoffice.settings import Settings


@click.command()
@click.option("--months", type=click.IntRange(1, 1200), required=True, help="Whole months to keep.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder of the bundles; `retained` in BACKOFFICE_VAR_DIR unless given.",
)
@click.option("--reason", help="Why; it is signed, and stays in the history.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def retain(months: int, output: Path | None, reason: str | None, *, dry_run: bool, yes: bool) -> None:
    """Take months older than so many out of the database, each into a bundle that proves itself.

    The month under way is kept beside those. What remains can still be verified.
    """
    settings = read_settings()
    signing_key(settings)
    with database(settings) as settings:
        due = asyncio.run(_due(settings, months))
        _announce(due)
        if due and not dry_run:
            if not yes:
                click.confirm("Take them out of the database?", abort=True)
            folder = output or settings.var_dir / "retained"
            try:
                asyncio.run(_retain(settings, due, folder, reason or f"Kept for {months} months."))
            except OSError as error:
                raise click.ClickException(f"{folder} cannot be written to: {error.strerror}.") from error


async def _due(settings: Settings, keep_months: int) -> Sequence[DueMonth]:
    async with sessions(settings.owner_url) as factory, factory() as session:
        return await due_months(session, keep_months=keep_months, now=datetime.now(UTC))


def _announce(due: Sequence[DueMonth]) -> None:
    if not due:
        click.echo("No month is as old as that.")
    for month in due:
        size = month.partition.size_bytes / 1024**2
        click.echo(f"{month.partition.month}  {month.entries:>13,} entries  {size:>9,.1f} MB")


async def _retain(settings: Settings, due: Sequence[DueMonth], folder: Path, reason: str) -> None:
    async with sessions(settings.owner_url) as factory:
        key, keys = signing_key(settings), trusted_keys(settings)
        anchors = known_anchors(settings)
        retention = Retention(factory, key, keys, folder, reason=reason, actor=ACTOR, anchors=anchors)
        async with retention.alone():
            for month in due:
                await _retain_one(retention, month)


async def _retain_one(retention: Retention, month: DueMonth) -> None:
    with click.progressbar(length=month.entries, label=month.partition.month) as bar:

        def progress(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        retained = await retention.retain(month, progress)
    kept = f"kept in {retained.file}" if retained.file else "it was empty"
    click.echo(f"{retained.month} is out of the database: {kept}.")
