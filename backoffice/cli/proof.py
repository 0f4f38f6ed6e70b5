"""`audit seal`, `audit verify` and `audit export`: proving the history, here and elsewhere."""

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import click

from backoffice.audit.proof.anchor import Anchor, anchor_newest, anchor_places, known_anchors, read_anchors
from backoffice.audit.proof.bundle import Exported, export_bundle, record_export, verify_bundle
from backoffice.audit.proof.keys import (
    KeyRing,
    PublicKey,
    SigningKey,
    find_signing_key,
    signing_key,
    trusted_keys,
)
from backoffice.audit.proof.progress import Progress
from backoffice.audit.proof.report import Report, counted
from backoffice.audit.proof.sealer import Sealed
from backoffice.audit.proof.sealer import seal as seal_history
from backoffice.audit.proof.verify import verify as verify_history
from backoffice.cli.deployment import changing, database, read_settings, sessions
from backoffice.cli.moments import of_range
from backoffice.settings import Settings

#: So many findings are printed; `--json` gives what else is listed.
MOST_PRINTED = 50


class PublicKeyText(click.ParamType[PublicKey]):
    """A public key as `audit public-key` prints it."""

    name = "key"

    def convert(
        self, value: object, param: click.Parameter | None, context: click.Context | None
    ) -> PublicKey:
        try:
            return PublicKey.from_text(str(value))
        except ValueError as error:
            self.fail(f"{value!r} is no public key: {error}", param, context)


FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
def seal() -> None:
    """Seal what the history has gained; wherever the application runs, that happens every minute."""
    settings = read_settings()
    key = signing_key(settings)
    with database(settings) as settings:
        sealed = asyncio.run(_seal(settings, key))
    click.echo(f"Sealed {counted(sealed.entries, 'entry')}, in {counted(sealed.seals, 'seal')}.")


@click.command()
@of_range
@click.option("--rows/--no-rows", default=True, help="Compare the live records with the history, too.")
@click.option("--bundle", type=FILE, help="Verify this file, without any database.")
@click.option("--key", "keys", type=PublicKeyText(), multiple=True, help="A public key to trust; repeatable.")
@click.option("--anchor", "anchors", type=FILE, multiple=True, help="A file of anchors; repeatable.")
@click.option("--json", "is_json", is_flag=True, help="Print the whole report, as JSON.")
@click.pass_context
def verify(
    context: click.Context,
    since: datetime | None,
    until: datetime | None,
    *,
    rows: bool,
    bundle: Path | None,
    keys: tuple[PublicKey, ...],
    anchors: tuple[Path, ...],
    is_json: bool,
) -> None:
    """Prove the history whole, or name every entry that is not as it was sealed.

    What is looked for: entries edited, deleted, inserted, dated back or re-ordered, personal values that
    went without an erasure, seals edited, dropped or of another key, and records that were changed
    past the history. Exits with 1 if anything is found.
    """
    known = [anchor for path in anchors for anchor in read_anchors(path)]
    if bundle is None:
        report = _verified(read_settings(), KeyRing(keys), known, since, until, rows=rows)
    elif since or until:
        raise click.UsageError("A bundle is verified as a whole: leave out --from and --to.")
    else:
        with _progress() as progress:
            report = verify_bundle(bundle, KeyRing(keys) if keys else None, progress, anchors=known)
    click.echo(json.dumps(report.as_json(), indent=2) if is_json else "\n".join(_told(report)))
    if not report.is_whole:
        context.exit(1)


@click.command()
@of_range
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The file to write."
)
def export(since: datetime | None, until: datetime | None, output: Path) -> None:
    """Write a range of the history to a ZIP, with all that proves it without the database.

    Of entries around the range that the same seals have, the personal values are left out. The export
    itself goes on record.
    """
    settings = read_settings()
    key = find_signing_key(settings)
    with database(settings) as settings, _progress() as progress:
        try:
            exported = asyncio.run(_export(settings, key, output, since, until, progress))
        except OSError as error:
            raise click.ClickException(f"{output} cannot be written: {error.strerror}.") from error
    click.echo(
        f"Wrote {counted(exported.entries, 'entry')}, with {counted(exported.seals, 'seal')}, to {output}."
    )


async def _seal(settings: Settings, key: SigningKey) -> Sealed:
    async with sessions(settings.app_url) as factory:
        sealed = await seal_history(factory, key)
        await anchor_newest(factory, anchor_places(settings))
        return sealed


def _verified(
    settings: Settings,
    given: KeyRing,
    anchors: list[Anchor],
    since: datetime | None,
    until: datetime | None,
    *,
    rows: bool,
) -> Report:
    keys = KeyRing([*trusted_keys(settings).keys.values(), *given.keys.values()])
    if not keys.keys:
        raise click.UsageError("No key is trusted: set BACKOFFICE_AUDIT_TRUSTED_KEYS, or give --key.")
    anchors = [*known_anchors(settings), *anchors]

    async def verified(progress: Progress) -> Report:
        async with sessions(settings.app_url) as factory:
            return await verify_history(
                factory, keys, since=since, until=until, anchors=anchors, rows=rows, progress=progress
            )

    with database(settings) as settings, _progress() as progress:
        return asyncio.run(verified(progress))


async def _export(
    settings: Settings,
    key: SigningKey | None,
    output: Path,
    since: datetime | None,
    until: datetime | None,
    progress: Progress,
) -> Exported:
    draft = output.with_name(f"{output.name}.part")
    try:
        async with sessions(settings.app_url) as factory:
            exported = await export_bundle(
                factory, draft, trusted_keys(settings), since=since, until=until, key=key, progress=progress
            )
        async with changing(settings, "audit.export") as session:
            await record_export(session, exported)
        draft.replace(output)
    finally:
        draft.unlink(missing_ok=True)
    return exported


@contextmanager
def _progress() -> Iterator[Progress]:
    """A bar beside the output, so that this can go to a file."""
    with click.progressbar(length=1, label="Entries", file=sys.stderr) as bar:

        def progress(done: int, total: int) -> None:
            bar.length = max(total, 1)
            bar.update(done - bar.pos)

        yield progress
        bar.update(0)


def _told(report: Report) -> Iterator[str]:
    yield f"Checked in {report.seconds:,.1f} seconds, in {report.source}:"
    yield from (f"  {sentence}" for sentence in report.checked)
    yield report.verdict
    if report.first is not None:
        yield f"The first: {report.first.sentence}"
    if report.found > 1:
        yield from (f"- {finding.sentence}" for finding in report.findings[:MOST_PRINTED])
    if report.found > MOST_PRINTED:
        yield f"… and {report.found - MOST_PRINTED:,} more; --json lists {len(report.findings):,}."
