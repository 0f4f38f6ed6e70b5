"""The rows that all are measured on: tickets as `backoffice seed` makes them, and their history.

While they are made the triggers rest and most indexes are away, which makes it several times as fast; what
comes out has both, and every product's writes go through them.
"""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import asyncpg

from backoffice.database import migrate
from backoffice.database.roles import OWNER
from backoffice.embedded import DATABASE, EmbeddedPostgres
from backoffice.seed import seed_tickets
from benchmarks.peers.history import CREATED, SAID, TAKEN, write_history

#: Written into a page of tickets; no word of `backoffice seed` is rare.
RARE_WORD: Final = "clepsydra"
RARE_TICKETS: Final = 20
BULK_ROWS: Final = 10_000
EXPORT_ROWS: Final = 100_000

LOADED: Final = ("tickets", "ticket_tags", "comments", "audit_logs")
CAPTURED: Final = ("users", "tags", "tickets", "ticket_tags", "comments", "operations")

# Loading goes faster without them; they are made again as they were.
INDEXES = """
SELECT indexrelid::regclass::text AS name, relname AS of_table,
  replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ') AS definition
FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
WHERE relname = ANY($1) AND NOT indisprimary AND NOT indisunique
"""

# Spread over all the years.
PLANT_THE_WORD = """
UPDATE tickets SET description = description || ' It stands beside the ' || $1 || '.'
WHERE id IN (SELECT id FROM tickets WHERE id % greatest((SELECT count(*) FROM tickets) / $2, 1) = 0)
"""

# So that the two together match nothing, while each alone matches many.
NO_URGENT_RESOLVED = "UPDATE tickets SET status = 'closed' WHERE status = 'resolved' AND priority = 'urgent'"

# Whole days, since every product can filter by those; the days end a month ago.
BULK_DAYS = """
WITH days AS (
  SELECT created_at::date AS day, count(*) AS tickets FROM tickets
  WHERE created_at < now()::date - 30 GROUP BY 1
), running AS (
  SELECT day, sum(tickets) OVER (ORDER BY day DESC) AS tickets FROM days
)
SELECT min(day) AS first, max(day) AS last, max(tickets)::int AS tickets FROM running
WHERE tickets <= greatest($1, (SELECT min(tickets) FROM running))
"""

EXPORT_DAYS = """
WITH running AS (
  SELECT day, sum(tickets) OVER (ORDER BY day DESC) AS tickets
  FROM (SELECT created_at::date AS day, count(*) AS tickets FROM tickets GROUP BY 1) AS days
)
SELECT min(day) AS first, max(tickets)::int AS tickets FROM running
WHERE tickets <= greatest($1, (SELECT min(tickets) FROM running))
"""

# Nobody's verb leaves a settled ticket out, and nobody's changes more than the assignee.
UNSETTLE = """
UPDATE tickets SET status = 'in_progress', resolved_at = NULL WHERE created_at::date BETWEEN $1 AND $2
"""


@dataclass(frozen=True)
class Dataset:
    """What there is to ask for. Days are ISO dates (UTC), both included."""

    tickets: int
    word: str
    bulk_from: str
    bulk_to: str
    bulk_rows: int
    export_from: str
    export_rows: int


def prepare(directory: Path, tickets: int, *, is_thin: bool = False) -> Dataset:
    """The data of `directory`, which is made if it isn't there, or isn't whole.

    A ticket has three comments and five entries of history; where it `is_thin`, one of each.
    """
    finished = directory / "dataset.json"
    if finished.exists():
        with EmbeddedPostgres(directory / "postgres") as postgres:
            migrate.upgrade(postgres.url(OWNER))
            # A migration since may have brought an index that nothing is known of yet.
            asyncio.run(_vacuum(postgres))
        return Dataset(**json.loads(finished.read_text()))
    shutil.rmtree(directory, ignore_errors=True)
    # Nobody misses it if the machine goes down meanwhile; measured is a server that keeps its promises.
    with EmbeddedPostgres(directory / "postgres", durable=False) as postgres:
        dataset = _build(postgres, tickets, is_thin)
    finished.write_text(json.dumps(asdict(dataset), indent=2))
    return dataset


@contextmanager
def in_use(directory: Path) -> Iterator[EmbeddedPostgres]:
    """The server of that data as it is after hours of use: what memory has room for is there already."""
    with EmbeddedPostgres(directory / "postgres") as postgres:
        for file in sorted((directory / "postgres" / "data" / "base").rglob("*")):
            if file.is_file():
                _read(file)
        yield postgres


def _read(file: Path) -> None:
    with file.open("rb", buffering=0) as content:
        while content.read(1 << 20):
            pass


def _build(postgres: EmbeddedPostgres, tickets: int, is_thin: bool) -> Dataset:
    migrate.upgrade(postgres.url(OWNER))
    dataset = asyncio.run(_load(postgres, tickets, is_thin))
    # Brings every trigger back as it was.
    migrate.upgrade(postgres.url(OWNER))
    asyncio.run(_vacuum(postgres))
    return dataset


async def _load(postgres: EmbeddedPostgres, tickets: int, is_thin: bool) -> Dataset:
    comments, history = (1, [TAKEN]) if is_thin else (3, [CREATED, TAKEN, SAID])
    async with _without_triggers(postgres), _connected(postgres) as owner:
        indexes = await owner.fetch(INDEXES, LOADED)
        for index in indexes:
            await owner.execute(f"DROP INDEX {index['name']}")
        await seed_tickets(postgres.url(OWNER), tickets, progress=lambda done, total: None, comments=comments)
        dataset = await _mark(owner, tickets)
        await asyncio.gather(
            _write_history(
                postgres, history, [index for index in indexes if index["of_table"] == "audit_logs"]
            ),
            _index(owner, [index for index in indexes if index["of_table"] != "audit_logs"]),
        )
    return dataset


async def _mark(owner: asyncpg.Connection, tickets: int) -> Dataset:
    """Make a few of the tickets fit for what is asked for, and say which."""
    await owner.execute(PLANT_THE_WORD, RARE_WORD, RARE_TICKETS)
    await owner.execute(NO_URGENT_RESOLVED)
    [bulk] = await owner.fetch(BULK_DAYS, BULK_ROWS)
    [export] = await owner.fetch(EXPORT_DAYS, EXPORT_ROWS)
    await owner.execute(UNSETTLE, bulk["first"], bulk["last"])
    return Dataset(
        tickets=tickets,
        word=RARE_WORD,
        bulk_from=str(bulk["first"]),
        bulk_to=str(bulk["last"]),
        bulk_rows=bulk["tickets"],
        export_from=str(export["first"]),
        export_rows=export["tickets"],
    )


async def _write_history(
    postgres: EmbeddedPostgres, kinds: Sequence[str], indexes: Sequence[asyncpg.Record]
) -> None:
    async with _connected(postgres) as owner:
        await write_history(owner, *kinds)
        await _index(owner, indexes)


async def _index(owner: asyncpg.Connection, indexes: Sequence[asyncpg.Record]) -> None:
    for index in indexes:
        await owner.execute(index["definition"])


async def _vacuum(postgres: EmbeddedPostgres) -> None:
    async with _connected(postgres) as owner:
        await owner.execute(f"VACUUM (ANALYZE, FREEZE) {', '.join([*LOADED, 'users', 'tags'])}")


@asynccontextmanager
async def _connected(postgres: EmbeddedPostgres) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(postgres.url(OWNER, driver="postgresql"))
    try:
        await connection.execute(
            "SET statement_timeout = 0; SET maintenance_work_mem = '1GB'; SET work_mem = '256MB'"
        )
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def _without_triggers(postgres: EmbeddedPostgres) -> AsyncIterator[None]:
    """Neither the owner's foreign keys are checked, nor is anything captured, for as long as this is open."""
    role = f"ALTER ROLE {OWNER} IN DATABASE {DATABASE}"
    superuser = await asyncpg.connect(postgres.superuser_url(DATABASE))
    try:
        await superuser.execute(f"{role} SET session_replication_role = replica")
        for table in CAPTURED:
            await superuser.execute(f"ALTER TABLE {table} DISABLE TRIGGER audit_capture")
        yield
        await superuser.execute(f"{role} RESET session_replication_role")
    finally:
        await superuser.close()
