"""What the history costs whoever writes: `python -m benchmarks.auditing --rows 100000`.

One run builds a throw-away database, does each thing with the capture switched off and on in turns, and
prints the medians with their ratio; then how fast the entries so made are sealed and verified.
"""

import asyncio
import base64
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import click

from backoffice.audit.context import Change
from backoffice.audit.proof.keys import KeyRing, SigningKey
from backoffice.audit.proof.sealer import seal
from backoffice.audit.proof.verify import verify
from backoffice.database import SessionFactory, create_engine, migrate, session_factory, transaction
from backoffice.database.roles import APP, OWNER
from backoffice.embedded import EmbeddedPostgres
from backoffice.seed import seed_tickets
from models import Ticket, TicketPriority

SAVES = 300
BULK_ROWS = 10_000
CAPTURES = ("tickets", "operations")

#: Each time another value, so that each row changes.
UPDATE = (
    "UPDATE tickets SET priority = (CASE priority WHEN 'low' THEN 'high' ELSE 'low' END)::ticket_priority"
    " WHERE id IN (SELECT id FROM tickets ORDER BY id LIMIT $1)"
)

Work = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Measured:
    """One thing in seconds, without the history and with it."""

    name: str
    without: list[float]
    captured: list[float]

    def row(self) -> str:
        without, captured = statistics.median(self.without), statistics.median(self.captured)
        return f"| {self.name} | {without * 1000:,.1f} | {captured * 1000:,.1f} | {captured / without:.2f} |"


@click.command()
@click.option("--rows", default=100_000, show_default=True, help="How many tickets the database holds.")
@click.option("--rounds", default=5, show_default=True, help="How often each thing is measured.")
def main(rows: int, rounds: int) -> None:
    """Build, measure, print."""
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedPostgres(Path(folder) / "postgres") as postgres,
    ):
        migrate.upgrade(postgres.url(OWNER))
        asyncio.run(_run(postgres, rows, rounds))


async def _run(postgres: EmbeddedPostgres, rows: int, rounds: int) -> None:
    await seed_tickets(postgres.url(OWNER), rows, progress=lambda done, total: None)
    engine = create_engine(postgres.url(APP))
    owner = await asyncpg.connect(postgres.url(OWNER, driver="postgresql"))
    try:
        factory = session_factory(engine)
        click.echo("| | without history, ms | with history, ms | ratio |\n|---|---|---|---|")
        async for measured in _changes(factory, owner, rows, rounds):
            click.echo(measured.row())
        await _prove(factory)
    finally:
        await owner.close()
        await engine.dispose()


async def _changes(
    factory: SessionFactory, owner: asyncpg.Connection, rows: int, rounds: int
) -> AsyncIterator[Measured]:
    async def saves() -> None:
        for number in range(1, SAVES + 1):
            await _save(factory, number)

    def bulk(count: int) -> Work:
        return lambda: owner.execute(UPDATE, count)

    yield await _in_turns(owner, "one save", saves, rounds, times=SAVES)
    for count in sorted({min(BULK_ROWS, rows), rows}):
        yield await _in_turns(owner, f"UPDATE of {count:,} rows", bulk(count), rounds)


async def _save(factory: SessionFactory, number: int) -> None:
    """What a form does: load a ticket, change it, write down the operation, commit."""
    async with transaction(factory, Change(verb="ticket.change", actor="benchmark")) as session:
        ticket = await session.get_one(Ticket, number)
        is_low = ticket.priority is TicketPriority.LOW
        ticket.priority = TicketPriority.HIGH if is_low else TicketPriority.LOW


async def _in_turns(
    owner: asyncpg.Connection, name: str, work: Work, rounds: int, *, times: int = 1
) -> Measured:
    """Time `work`, which does the thing so many times."""
    measured = Measured(name, [], [])
    for _ in range(rounds):
        await owner.execute("VACUUM (ANALYZE) tickets")
        async with _without_capture(owner):
            measured.without.append(await _seconds(work) / times)
        await owner.execute("VACUUM (ANALYZE) tickets")
        measured.captured.append(await _seconds(work) / times)
    return measured


@asynccontextmanager
async def _without_capture(owner: asyncpg.Connection) -> AsyncIterator[None]:
    for table in CAPTURES:
        await owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER audit_capture")
    yield
    for table in CAPTURES:
        await owner.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER audit_capture")


async def _prove(factory: SessionFactory) -> None:
    key = SigningKey(base64.b64encode(os.urandom(32)).decode())
    keys = KeyRing([key.public])
    started = time.perf_counter()
    sealed = await seal(factory, key)
    _say("Sealed", sealed.entries, time.perf_counter() - started)
    started = time.perf_counter()
    report = await verify(factory, keys, progress=lambda done, total: None)
    _say("Verified", report.entries, time.perf_counter() - started)


async def _seconds(work: Work) -> float:
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started


def _say(what: str, entries: int, seconds: float) -> None:
    click.echo(f"{what} {entries:,} entries in {seconds:,.1f} s ({entries / seconds:,.0f} a second)")


if __name__ == "__main__":
    main()
