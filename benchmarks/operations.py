"""What operations on many rows cost: `python -m benchmarks.operations --rows 10000 --rows 500000`.

One run builds a throw-away database and assigns so many tickets: by one bare UPDATE without the history,
by the same with it, and as a job, which is then undone as a job. Each starts on a vacuumed table.
"""

import asyncio
import resource
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import UUID

import asyncpg
import click

from backoffice.audit.context import Change
from backoffice.database import SessionFactory, create_engine, migrate, session_factory, transaction
from backoffice.database.roles import APP, OWNER
from backoffice.desk.verbs import VERBS
from backoffice.embedded import EmbeddedPostgres
from backoffice.jobs import BULK, Work, Worker, bulk_kind, parts_of, submit, submit_undo, undo_kind
from backoffice.settings import Settings
from models import Job

AT_ONCE = 2

PEOPLE = (
    "INSERT INTO users (email, full_name, is_staff) VALUES"
    " ('before@example.com', 'Before', true), ('after@example.com', 'After', true)"
)
TICKETS = (
    "INSERT INTO tickets (title, description, creator_id)"
    " SELECT 'Printer ' || n || ' jams', 'It jams at every page.', 1 FROM generate_series(1, $1) AS n"
)
ASSIGN = (
    "UPDATE tickets SET assignee_id = 2, updated_at = now(), status = 'in_progress'"
    " WHERE id IN (SELECT id FROM tickets ORDER BY id LIMIT $1)"
)
AS_BEFORE = "UPDATE tickets SET assignee_id = NULL, status = 'open' WHERE assignee_id IS NOT NULL"


HEAD = (
    "| rows | bare UPDATE, s | with history | as a job | its undo | job / bare | undo / bare |\n"
    "|---|---|---|---|---|---|---|"
)


@click.command()
@click.option("--rows", "sizes", type=int, multiple=True, default=(10_000,), show_default=True)
@click.option("--rounds", default=1, show_default=True, help="How often each is measured; the best counts.")
def main(sizes: tuple[int, ...], rounds: int) -> None:
    """Build, measure, print."""
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedPostgres(Path(folder) / "postgres") as postgres,
    ):
        migrate.upgrade(postgres.url(OWNER))
        asyncio.run(_run(postgres, Path(folder), sizes, rounds))


async def _run(postgres: EmbeddedPostgres, folder: Path, sizes: tuple[int, ...], rounds: int) -> None:
    engine = create_engine(postgres.url(APP))
    owner = await asyncpg.connect(postgres.url(OWNER, driver="postgresql"))
    settings = Settings(database_url=postgres.url(APP), secret_key="only for this " * 4, var_dir=folder)
    factory = session_factory(engine)
    kinds = [bulk_kind(VERBS, factory, settings), undo_kind()]
    desk = Desk(factory, owner, Worker(settings.app_url, factory, kinds, at_once=AT_ONCE))
    try:
        await desk.furnish(max(sizes))
        click.echo(
            "| rows | bare UPDATE, s | with history | as a job | its undo | job / bare | undo / bare |"
        )
        click.echo("|---|---|---|---|---|---|---|")
        for rows in sizes:
            rounds_of_it = [await desk.measure(rows) for _ in range(rounds)]
            bare, captured, job, undone = (min(column) for column in zip(*rounds_of_it, strict=True))
            click.echo(
                f"| {rows:,} | {bare:.2f} | {captured:.2f} | {job:.2f} | {undone:.2f}"
                f" | {job / bare:.1f} | {undone / bare:.1f} |"
            )
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        click.echo(f"\nThe worker's process had {peak:,.0f} MB at most.")
    finally:
        await owner.close()
        await engine.dispose()


class Desk:
    """A desk with tickets that nobody has, and a worker."""

    def __init__(self, factory: SessionFactory, owner: asyncpg.Connection, worker: Worker) -> None:
        self.factory, self.owner, self.worker = factory, owner, worker

    async def furnish(self, tickets: int) -> None:
        await self._capture(on=False)
        await self.owner.execute(PEOPLE)
        await self.owner.execute(TICKETS, tickets)
        await self._capture(on=True)

    async def measure(self, rows: int) -> tuple[float, float, float, float]:
        """Seconds: a bare UPDATE without and with the history, a job, and the job that undoes it."""
        await self._tidy()
        await self._capture(on=False)
        bare = await _seconds(lambda: self.owner.execute(ASSIGN, rows))
        await self._tidy()
        await self._capture(on=True)
        captured = await _seconds(lambda: self.owner.execute(ASSIGN, rows))
        await self._tidy()
        ids = [
            row["id"] for row in await self.owner.fetch("SELECT id FROM tickets ORDER BY id LIMIT $1", rows)
        ]
        assigned = await self._submit(ids)
        job = await _seconds(self.worker.drain)
        await self._expect(assigned.id, rows)
        await self.owner.execute("VACUUM (ANALYZE) tickets")
        undone = await self._submit_undo(assigned.id)
        undo = await _seconds(self.worker.drain)
        await self._expect(undone.id, rows)
        return bare, captured, job, undo

    async def _tidy(self) -> None:
        await self._capture(on=False)
        await self.owner.execute(AS_BEFORE)
        await self._capture(on=True)
        await self.owner.execute("VACUUM (ANALYZE) tickets")
        await self.owner.execute("ANALYZE audit_logs")

    async def _submit(self, ids: list[int]) -> Job:
        change = Change(verb="ticket.assign", actor="Before", actor_id=1)
        work = Work(
            kind=BULK,
            page="ticket",
            title="Assign",
            parts=[*parts_of("tickets", ids)],
            parameters={"verb": "ticket.assign", "values": {"assignee": 2}},
        )
        async with transaction(self.factory, change) as session:
            return await submit(session, work)

    async def _submit_undo(self, operation_id: UUID) -> Job:
        change = Change(verb="operation.undo", actor="Before", actor_id=1)
        async with transaction(self.factory, change) as session:
            return await submit_undo(session, operation_id, page="operation")

    async def _expect(self, job_id: UUID, rows: int) -> None:
        changed = await self.owner.fetchval(
            "SELECT (outcome -> 'changed')::int FROM jobs WHERE id = $1", job_id
        )
        if changed != rows:
            raise click.ClickException(f"The job changed {changed} of {rows} rows.")

    async def _capture(self, *, on: bool) -> None:
        state = "ENABLE ALWAYS" if on else "DISABLE"
        for table in ("tickets", "users"):
            await self.owner.execute(f"ALTER TABLE {table} {state} TRIGGER audit_capture")


async def _seconds(work: Callable[[], Awaitable[object]]) -> float:
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
