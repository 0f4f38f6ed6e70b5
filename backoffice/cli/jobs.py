"""`job …`: what runs beside the desk, how far it is, and cancelling it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

import click
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.context import Change
from backoffice.checks import readiness, refuse
from backoffice.cli.deployment import ACTOR, changing, database, read_settings, sessions
from backoffice.database import SessionFactory, transaction
from backoffice.errors import NotFound
from backoffice.jobs import cancel
from backoffice.settings import Settings
from models import ENDED, Job, JobState, User

#: Of those that ended the last are listed.
MOST_ENDED: Final = 20
#: Seconds between two looks.
LOOK_AGAIN: Final = 1.0


@click.group("job")
def job_group() -> None:
    """List, watch and cancel long work."""


@job_group.command("list")
def list_jobs() -> None:
    """Print the jobs that go on, and the last that ended."""
    with database(read_settings()) as settings:
        found = asyncio.run(_list(settings))
    for job, who in found:
        click.echo(
            f"{job.id}  {job.state:<9}  {job.percent:>3} % of {job.rows_total:>9,}  {who}: {job.title}"
        )
    if not found:
        click.echo("There are no jobs.")


@job_group.command()
@click.argument("job_id", metavar="ID", type=click.UUID)
@click.pass_context
def watch(context: click.Context, job_id: UUID) -> None:
    """Show how far a job is until it has ended; exits with 1 unless all of it was done."""
    with database(read_settings()) as settings:
        job = asyncio.run(_watch(settings, job_id))
    click.echo(_ended(job))
    if job.state is not JobState.DONE:
        context.exit(1)


@job_group.command("cancel")
@click.argument("job_id", metavar="ID", type=click.UUID)
def cancel_job(job_id: UUID) -> None:
    """Begin no more of a job; what is under way is finished, and what is done stays."""
    with database(read_settings()) as settings:
        job = asyncio.run(_cancel(settings, job_id))
    click.echo(_ended(job) if job.is_ended else "It stops as soon as what is under way is done.")


async def _list(settings: Settings) -> Sequence[tuple[Job, str]]:
    jobs = select(Job, User.full_name).join(User, User.id == Job.user_id).order_by(Job.created_at.desc())
    ended = Job.state.in_(ENDED)
    async with _looking(settings) as factory, _reading(factory) as session:
        going = (await session.execute(jobs.where(~ended))).all()
        last = (await session.execute(jobs.where(ended).limit(MOST_ENDED))).all()
        return [(job, who) for job, who in (*going, *last)]


async def _watch(settings: Settings, job_id: UUID) -> Job:
    async with _looking(settings) as factory:
        job = await _find(factory, job_id)
        with click.progressbar(length=job.rows_total, label=job.title) as bar:
            while not job.is_ended:
                bar.update(job.rows_done - bar.pos)
                await asyncio.sleep(LOOK_AGAIN)
                job = await _find(factory, job_id)
            bar.update(job.rows_done - bar.pos)
        return job


async def _cancel(settings: Settings, job_id: UUID) -> Job:
    async with changing(settings, "job.cancel") as session:
        job = await cancel(session, job_id)
        await session.refresh(job)
        return job


async def _find(factory: SessionFactory, job_id: UUID) -> Job:
    async with _reading(factory) as session:
        job = await session.get(Job, job_id)
        if job is None:
            raise NotFound("There is no such job: `backoffice job list` has those that there are.")
        return job


@asynccontextmanager
async def _looking(settings: Settings) -> AsyncIterator[SessionFactory]:
    async with sessions(settings.app_url) as factory:
        async with factory() as session:
            refuse(await readiness(await session.connection()))
        yield factory


@asynccontextmanager
async def _reading(factory: SessionFactory) -> AsyncIterator[AsyncSession]:
    async with transaction(factory, Change(verb="job.watch", actor=ACTOR, read_only=True)) as session:
        yield session


def _ended(job: Job) -> str:
    """How it ended, and what became of its rows."""
    outcome = job.outcome
    counts = {
        "changed": outcome.get("changed", 0),
        "already so": outcome.get("unchanged", 0),
        "refused": sum(outcome.get("refused", {}).values()),
        "not done": sum(outcome.get("errors", {}).values()),
    }
    told = ", ".join(f"{count:,} {words}" for words, count in counts.items() if count or words == "changed")
    return f"{job.state.value.capitalize()}: {told}."
