"""`createsuperuser` and `changepassword`: who can sign in."""

import asyncio
import os

import click

from backoffice.accounts.people import change_password, create_superuser, find_account
from backoffice.cli.deployment import changing, database, read_settings
from backoffice.errors import NotFound
from backoffice.settings import Settings

PASSWORD_VARIABLE = "BACKOFFICE_SUPERUSER_PASSWORD"  # noqa: S105 - the name of it


@click.command()
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
    with database(read_settings()) as settings:
        email = asyncio.run(_create_superuser(settings, email, name, password))
    click.echo(f"{email} can sign in and may do everything.")


@click.command()
@click.argument("email")
@click.option(
    "--noinput", is_flag=True, help="Ask nothing; the password is in BACKOFFICE_SUPERUSER_PASSWORD."
)
def changepassword(email: str, noinput: bool) -> None:
    """Give an account a new password, and sign it out everywhere."""
    with database(read_settings()) as settings:
        asyncio.run(_change_password(settings, email, _password(noinput=noinput)))
    click.echo(f"{email} has a new password.")


async def _create_superuser(settings: Settings, email: str, name: str, password: str) -> str:
    async with changing(settings, "account.create-superuser") as session:
        user = await create_superuser(session, email=email, full_name=name, password=password)
        return user.email


async def _change_password(settings: Settings, email: str, password: str) -> None:
    async with changing(settings, "account.change-password") as session:
        account = await find_account(session, email)
        if account is None:
            raise NotFound(f"There is no account {email}.")
        await change_password(session, account, password)


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
