"""`audit …`: the proof that the history is whole, for somebody who need not trust the database."""

import click

from backoffice.audit.proof.keys import signing_key
from backoffice.cli.deployment import read_settings
from backoffice.cli.partitions import partitions
from backoffice.cli.proof import export, seal, verify
from backoffice.cli.retention import retain


@click.group()
def audit() -> None:
    """Seal, verify and hand out the change history."""


for command in (seal, verify, export, retain, partitions):
    audit.add_command(command)


@audit.command("public-key")
def public_key() -> None:
    """Print the key that checks seals; keep it where nobody who reaches the database can change it."""
    click.echo(signing_key(read_settings()).public.text)
