"""`erase-user`: what is personal of somebody goes for good."""

import asyncio

import click

from backoffice.attachments import FileStore
from backoffice.audit.context import Change
from backoffice.audit.proof.keys import SigningKey, signing_key
from backoffice.checks import readiness, refuse
from backoffice.cli.deployment import ACTOR, database, read_settings, sessions
from backoffice.database import transaction
from backoffice.desk.erased_files import remove_erased_files, remove_lists
from backoffice.desk.erasure import Erasure, erase_user, preview_erasure
from backoffice.errors import NotFound
from backoffice.settings import Settings
from models import User


@click.command("erase-user")
@click.argument("user_id", metavar="ID", type=click.IntRange(1, 2**63 - 1))
@click.option("--basis", required=True, help="On what ground, without the name: it stays on record.")
@click.option("--yes", is_flag=True, help="Do not ask whether this is the right person.")
def erase_a_user(user_id: int, basis: str, yes: bool) -> None:
    """Erase the personal data of the person with this number, in the desk, its files and its history."""
    settings = read_settings()
    with database(settings) as settings:
        key = signing_key(settings)
        click.echo(asyncio.run(_preview(settings, user_id)))
        if not yes:
            click.confirm("This cannot be undone. Erase all of it?", abort=True)
        erasure, files, lists = asyncio.run(_erase(settings, key, user_id, basis))
    click.echo(
        f"Erased: {_in_words(erasure)}, stored files {files:,}, files of imports and exports {lists:,}."
    )


async def _preview(settings: Settings, user_id: int) -> str:
    """Who it is, and what would go."""
    looking = Change(verb="user.erase", actor=ACTOR, read_only=True)
    async with sessions(settings.app_url) as factory, transaction(factory, looking) as session:
        refuse(await readiness(await session.connection()))
        user = await session.get(User, user_id)
        if user is None:
            raise NotFound(f"There is no person #{user_id}.")
        return (
            f"#{user_id}, {user.full_name} <{user.email}>: {_in_words(await preview_erasure(session, user))}"
        )


async def _erase(settings: Settings, key: SigningKey, user_id: int, basis: str) -> tuple[Erasure, int, int]:
    """What went, and how many files and lists; those only once the rest is committed."""
    change = Change(verb="user.erase", actor=ACTOR)
    async with sessions(settings.app_url) as factory:
        async with transaction(factory, change) as session:
            erasure = await erase_user(session, key, user_id, basis=basis)
        store = FileStore(settings.attachments_dir)
        files = await remove_erased_files(factory, store, change.operation_id)
        return erasure, files, await remove_lists(factory, settings)


def _in_words(erasure: Erasure) -> str:
    return ", ".join(f"{name.replace('_', '-')} {count:,}" for name, count in erasure.counts.items())
