"""Measure the desk over HTTP, beside the bare SQL on the same rows: `make benchmark TICKETS=100000`.

One run builds a throw-away database, starts the application on it as a user would, and prints the
median and the 95th percentile of each measurement (20 by default) with its ratio to the bare SQL.
"""

import asyncio
import re
import statistics
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import asyncpg
import click
import httpx

from backoffice.database import migrate
from backoffice.database.roles import OWNER
from backoffice.embedded import EmbeddedPostgres
from backoffice.seed import seed_tickets
from benchmarks.serving import once, served, sign_in, times

LIST = "/admin/ticket/list"
BULK_ROWS = 10_000

COLUMNS = "t.id, t.ticket_number, t.title, t.status, t.priority, t.created_at, t.updated_at, u.full_name"
FROM = "FROM tickets t LEFT JOIN users u ON u.id = t.assignee_id WHERE t.deleted_at IS NULL"
ORDER = "ORDER BY t.created_at DESC, t.id DESC"

#: Unsettled tickets of others, as many as are to be assigned: most of a desk's tickets are settled.
TO_ASSIGN = (
    "UPDATE tickets SET status = 'in_progress' WHERE id IN (SELECT id FROM tickets WHERE deleted_at IS NULL"
    " AND assignee_id IS DISTINCT FROM $1 ORDER BY id LIMIT $2) RETURNING id"
)

RAREST_WORD = (
    "SELECT word FROM ts_stat('SELECT search FROM tickets ORDER BY id LIMIT 5000') WHERE length(word) > 5"
    " AND word ~ '^[a-z]+$' ORDER BY ndoc, word LIMIT 1"
)


@dataclass(frozen=True)
class Measured:
    """One thing in milliseconds, through the application and bare."""

    name: str
    over_http: list[float]
    bare: list[float]

    def row(self) -> str:
        median, bare = statistics.median(self.over_http), statistics.median(self.bare)
        tail = sorted(self.over_http)[int(len(self.over_http) * 0.95) - 1]
        return f"| {self.name} | {median:,.1f} | {tail:,.1f} | {bare:,.1f} | {median / bare:.1f} |"


@click.command()
@click.option("--tickets", default=100_000, show_default=True, help="How many tickets the database holds.")
@click.option("--rounds", default=20, show_default=True, help="How often each thing is measured.")
def main(tickets: int, rounds: int) -> None:
    """Build, serve, measure, print."""
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedPostgres(Path(folder) / "postgres") as postgres,
    ):
        owner_url = postgres.url(OWNER)
        migrate.upgrade(owner_url)
        started = time.perf_counter()
        asyncio.run(seed_tickets(owner_url, tickets, progress=lambda done, total: None))
        seconds = time.perf_counter() - started
        click.echo(f"{tickets:,} tickets seeded in {seconds:,.0f} s ({tickets / seconds:,.0f} tickets/s)\n")
        with served(postgres, Path(folder)) as base_url:
            rows = asyncio.run(_measure(base_url, postgres.url(driver="postgresql"), rounds))
    click.echo("| | p50 ms | p95 ms | bare SQL p50 ms | ratio |\n|---|---|---|---|---|")
    click.echo("\n".join(measured.row() for measured in rows))


async def _measure(base_url: str, database_url: str, rounds: int) -> list[Measured]:
    database = await asyncpg.connect(database_url)
    async with httpx.AsyncClient(base_url=base_url, timeout=120) as client:
        token = await sign_in(client)
        pages = [await _page(client, database, *page, rounds=rounds) for page in await _pages(database)]
        bulk = await _bulk(client, database, token, rounds=min(rounds, 20))
    await database.close()
    return [*pages, *bulk]


async def _pages(database: asyncpg.Connection) -> list[tuple[str, str, str]]:
    """Name, address and bare SQL of each page that is measured."""
    word = await database.fetchval(RAREST_WORD)
    some = await database.fetchval("SELECT id FROM tickets ORDER BY id LIMIT 1 OFFSET 500")
    found = f"AND t.search @@ to_tsquery('simple', '{word}:*')"
    by_user = "SELECT * FROM audit_logs ORDER BY created_at DESC, id DESC LIMIT 26"
    return [
        ("first list page", LIST, f"SELECT {COLUMNS} {FROM} {ORDER} LIMIT 26"),
        (
            "list, status and priority",
            f"{LIST}?status=open&priority=high",
            f"SELECT {COLUMNS} {FROM} AND t.status = 'open' AND t.priority = 'high' {ORDER} LIMIT 26",
        ),
        ("page 1,000", f"{LIST}?page=1000", f"SELECT {COLUMNS} {FROM} {ORDER} LIMIT 26 OFFSET 24975"),
        (f"search “{word}”", f"{LIST}?search={word}", f"SELECT {COLUMNS} {FROM} {found} {ORDER} LIMIT 26"),
        ("a ticket's page", f"/admin/ticket/details/{some}", f"SELECT * FROM tickets WHERE id = {some}"),
        ("audit log", "/admin/audit-log/list", by_user),
    ]


async def _page(
    client: httpx.AsyncClient, database: asyncpg.Connection, name: str, path: str, sql: str, *, rounds: int
) -> Measured:
    async def get() -> None:
        (await client.get(path)).raise_for_status()

    return Measured(name, await times(get, rounds), await times(lambda: database.fetch(sql), rounds))


async def _bulk(
    client: httpx.AsyncClient, database: asyncpg.Connection, token: str, *, rounds: int
) -> list[Measured]:
    """Assign 10,000 tickets over HTTP and take it back, again and again; beside one bare UPDATE."""
    staff = await database.fetchval("SELECT id FROM users WHERE is_staff AND is_active LIMIT 1")
    pks = [row["id"] for row in await database.fetch(TO_ASSIGN, staff, BULK_ROWS)]
    answers = {"csrf_token": token, "confirm": "1", "assignee": str(staff), "pks": [str(pk) for pk in pks]}
    assigned, undone, bare = [], [], []
    for _ in range(rounds):
        bare.append(await once(lambda: _bare_assign(database, pks, staff)))
        assigned.append(await once(lambda: _post(client, "/admin/ticket/bulk/assign", answers)))
        undo = _undo_of_the_last((await client.get(LIST)).text)
        undone.append(await once(partial(_post, client, undo, {"csrf_token": token})))
        # Its message offers an undo too, which is not the next one that is looked for.
        await client.get(LIST)
    return [
        Measured(f"bulk assign of {len(pks):,}", assigned, bare),
        Measured("its undo", undone, bare),
    ]


def _undo_of_the_last(html: str) -> str:
    found = re.search(r"/admin/operation/[0-9a-f-]+/undo", html)
    if found is None:
        raise click.ClickException("Nothing was assigned.")
    return found.group(0)


async def _bare_assign(database: asyncpg.Connection, pks: list[int], staff: int) -> None:
    """One UPDATE with the triggers on, rolled back."""
    transaction = database.transaction()
    await transaction.start()
    await database.execute(
        "UPDATE tickets SET assignee_id = $2, updated_at = now() WHERE id = ANY($1)", pks, staff
    )
    await transaction.rollback()


async def _post(client: httpx.AsyncClient, path: str, answers: dict[str, object]) -> None:
    answer = await client.post(path, data=answers)
    if answer.status_code != httpx.codes.SEE_OTHER:
        raise click.ClickException(f"{path} answered {answer.status_code}.")


if __name__ == "__main__":
    main()
