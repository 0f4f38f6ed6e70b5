"""What the history's pages cost: `python -m benchmarks.history --entries 10000 --entries 10000000`.

One run makes up a history of each size in a throw-away database, starts the application on each, asks them in
turns, and prints the median and the 95th percentile of every page, side by side.
"""

import asyncio
import re
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import asyncpg
import click
import httpx

from backoffice.database import migrate
from backoffice.database.roles import OWNER
from backoffice.embedded import EmbeddedPostgres
from backoffice.seed import seed_tickets
from benchmarks.entries import make_entries
from benchmarks.serving import once, served, sign_in

LIST = "/admin/audit-log/list"
#: Of real tickets, so that a record's page can be opened; each has entries, and so has the robot.
TICKETS = 100

# By page: each round's milliseconds on each desk.
Measured = dict[str, list[list[float]]]


@dataclass(frozen=True)
class Desk:
    """An application that runs, and its database."""

    base_url: str
    owner_url: str


@click.command()
@click.option("--entries", "sizes", type=int, multiple=True, default=(10_000,), show_default=True)
@click.option("--rounds", default=20, show_default=True, help="How often each page is asked for.")
@click.option(
    "--directory", type=click.Path(path_type=Path), help="Where databases are kept and found again."
)
def main(sizes: tuple[int, ...], rounds: int, directory: Path | None) -> None:
    """Make, serve, measure, print."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        desks = [
            stack.enter_context(_desk(size, directory or Path(folder), Path(folder) / str(size)))
            for size in sizes
        ]
        rows = asyncio.run(_measure(desks, rounds))
    click.echo("| p50 / p95 ms | " + " | ".join(f"{size:,} entries" for size in sizes) + " |")
    click.echo("|---|" + "---|" * len(sizes))
    for name, columns in rows.items():
        click.echo(f"| {name} | " + " | ".join(map(_cell, columns)) + " |")


def _cell(milliseconds: list[float]) -> str:
    tail = sorted(milliseconds)[int(len(milliseconds) * 0.95) - 1]
    return f"{statistics.median(milliseconds):,.1f} / {tail:,.1f}"


@contextmanager
def _desk(size: int, directory: Path, folder: Path) -> Iterator[Desk]:
    with EmbeddedPostgres(directory / f"postgres-{size}", durable=False) as postgres:
        owner_url = postgres.url(OWNER, driver="postgresql")
        asyncio.run(_fill(postgres, owner_url, size))
        with served(postgres, folder) as base_url:
            yield Desk(base_url, owner_url)


async def _fill(postgres: EmbeddedPostgres, owner_url: str, size: int) -> None:
    await asyncio.to_thread(migrate.upgrade, postgres.url(OWNER))
    connection = await asyncpg.connect(owner_url)
    is_filled = await connection.fetchval("SELECT count(*) > 0 FROM tickets")
    await connection.close()
    if not is_filled:
        await make_entries(owner_url, size)
        await seed_tickets(owner_url, TICKETS, progress=lambda done, total: None)
        # Again: the months that were added have no guard yet.
        await asyncio.to_thread(migrate.upgrade, postgres.url(OWNER))


async def _measure(desks: list[Desk], rounds: int) -> Measured:
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(httpx.AsyncClient(base_url=desk.base_url, timeout=120))
            for desk in desks
        ]
        addresses = [await _addresses(*pair) for pair in zip(clients, desks, strict=True)]
        return {
            name: await _page(clients, [each[name] for each in addresses], rounds) for name in addresses[0]
        }


async def _addresses(client: httpx.AsyncClient, desk: Desk) -> dict[str, str]:
    """What is asked for, by its name."""
    await sign_in(client)
    connection = await asyncpg.connect(desk.owner_url)
    try:
        filters = dict(_filters(await _people(connection)))
        return filters | await _places(client) | await _records(connection)
    finally:
        await connection.close()


async def _people(connection: asyncpg.Connection) -> tuple[int, int]:
    """The robot, which wrote two entries of five, and somebody."""
    robot = await connection.fetchval("SELECT min(id) FROM users WHERE email LIKE 'person-%'")
    return robot, robot + 20


def _filters(people: tuple[int, int]) -> Iterator[tuple[str, str]]:
    robot, person = people
    queries: dict[str, dict[str, object]] = {
        "first page": {},
        "Who": {"user": person},
        "Who: a robot": {"user": robot},
        "Action: login": {"action": "LOGIN"},
        "Table: tickets": {"table_name": "tickets"},
        "Table: operations": {"table_name": "operations"},
        "Table: rare, long ago": {"table_name": "groups"},
        "Table and record": {"table_name": "tickets", "record_id": 77},
        "Record without a table": {"record_id": 4242},
        "Operation": {"operation_id": "00000000-0000-4000-8000-000000000e10"},
        "a week": {"created_at_from": "2026-01-05", "created_at_to": "2026-01-11"},
        "Who in a week": {"user": person, "created_at_from": "2026-01-05", "created_at_to": "2026-01-11"},
        "Who and action": {"user": person, "action": "DELETE"},
        "Table and action": {"table_name": "comments", "action": "DELETE"},
        "Who and table": {"user": person, "table_name": "ticket_tags"},
        "nothing: nobody": {"user": 999_999_999},
        "nothing: no such table": {"table_name": "nonsense"},
        "nothing: robot signed in": {"user": robot, "action": "LOGIN"},
        "nothing: robot created": {"user": robot, "action": "CREATE"},
    }
    for name, query in queries.items():
        yield name, f"{LIST}?{urlencode(query)}"


async def _places(client: httpx.AsyncClient) -> dict[str, str]:
    """Pages of the whole log: by number, far from both ends, from the end."""
    last = f"{LIST}?page=last"
    deep = f"{LIST}?created_at_to=2025-11-15"
    for _ in range(2):
        deep = await _step(client, deep)
    far = {"page 100": f"{LIST}?page=100", "page 400": f"{LIST}?page=400"}
    cursor = deep.partition("after=")[2]
    return far | {"deep, by Next": f"{LIST}?after={cursor}", "last page": last}


async def _step(client: httpx.AsyncClient, address: str) -> str:
    page = await client.get(address)
    found = re.search(r'href="([^"]+)" rel="next"', page.text)
    if found is None:
        raise click.ClickException(f"{address} has no next page ({page.status_code}).")
    return unescape(found.group(1))


async def _records(connection: asyncpg.Connection) -> dict[str, str]:
    """An entry by its id, and a ticket with its history."""
    ticket = await connection.fetchval("SELECT id FROM tickets ORDER BY id LIMIT 1 OFFSET 42")
    entry = await connection.fetchval(
        "SELECT min(id) FROM audit_logs WHERE table_name = 'tickets' AND record_id = 42"
    )
    return {
        "an entry": f"/admin/audit-log/details/{entry}",
        "a ticket with its history": f"/admin/ticket/details/{ticket}",
    }


async def _page(clients: list[httpx.AsyncClient], addresses: list[str], rounds: int) -> list[list[float]]:
    """In turns, so that whatever else the machine does slows all alike; the first round warms up."""
    measured: list[list[float]] = [[] for _ in clients]
    for number in range(rounds + 1):
        for client, address, milliseconds in zip(clients, addresses, measured, strict=True):
            taken = await once(partial(_get, client, address))
            milliseconds.extend([taken] if number else [])
    return measured


async def _get(client: httpx.AsyncClient, address: str) -> None:
    answer = await client.get(address, follow_redirects=True)
    if answer.status_code != httpx.codes.OK:
        raise click.ClickException(f"{address} answered {answer.status_code}.")


if __name__ == "__main__":
    main()
