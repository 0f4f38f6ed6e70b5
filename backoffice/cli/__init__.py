"""The command line, `backoffice`. Exits with 0: done, 1: refused or found something, 2: not understood."""

import click

from backoffice.cli.accounts import changepassword, createsuperuser
from backoffice.cli.audit import audit
from backoffice.cli.database import check, database_url, migrate_database, purge_the_trash, seed
from backoffice.cli.erase import erase_a_user
from backoffice.cli.jobs import job_group
from backoffice.cli.line import CommandLine
from backoffice.cli.serving import run, serve, worker

__all__ = ["cli"]


@click.group(cls=CommandLine, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """A backoffice for a customer-support desk."""


for command in (
    run,
    serve,
    worker,
    job_group,
    migrate_database,
    createsuperuser,
    changepassword,
    seed,
    purge_the_trash,
    erase_a_user,
    check,
    database_url,
    audit,
):
    cli.add_command(command)
