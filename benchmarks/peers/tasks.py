"""What is asked of everybody, and whether the answer is right: who shows other rows is not measured."""

import asyncio
import csv
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from io import StringIO
from typing import Any, Final

import asyncpg

from benchmarks.peers.browser import LIMIT, Answer, Browser, Refused, TooSlow
from benchmarks.peers.contestants import Contestant, FarPage, Ticket
from benchmarks.peers.dataset import Dataset

PAGE_SIZE: Final = 25
FAR_PAGE: Final = 10_000
TICKET_NUMBER: Final = re.compile(r"\bT-\d{6,}\b")

NEWEST = (
    "SELECT ticket_number FROM tickets WHERE deleted_at IS NULL{} ORDER BY created_at DESC, id DESC LIMIT 25"
)
FAR_ROWS = NEWEST.format("") + " OFFSET $1"
ROW_BEFORE = """
SELECT created_at, id FROM tickets WHERE deleted_at IS NULL
ORDER BY created_at DESC, id DESC LIMIT 1 OFFSET $1
"""
FILTERED = NEWEST.format(" AND status = 'open' AND priority = 'high'")
FOUND = NEWEST.format(" AND description LIKE '%' || $1 || '%'")
# Spread over all the years; each is of one task alone.
SOME = """
SELECT id, title, creator_id, assignee_id FROM tickets
WHERE deleted_at IS NULL AND assignee_id IS NOT NULL ORDER BY id % 7919, id LIMIT 500
"""
TO_ASSIGN = """
SELECT id FROM tickets WHERE deleted_at IS NULL AND created_at >= $1::text::date
  AND created_at < $2::text::date + 1
ORDER BY id
"""
UNASSIGN = "UPDATE tickets SET assignee_id = NULL WHERE id = ANY($1)"
ASSIGNED = "SELECT count(*) FROM tickets WHERE id = ANY($1) AND assignee_id = $2"
STAFF = "SELECT id FROM users WHERE is_staff AND is_active AND email LIKE 'customer-%' ORDER BY id LIMIT 1"
STILL_AT_WORK = """
SELECT pg_cancel_backend(pid) FROM pg_stat_activity
WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()
  AND now() - query_start > make_interval(secs => $1)
"""

SIZES = """
SELECT (SELECT count(*) FROM comments) AS comments, (SELECT count(*) FROM audit_logs) AS entries,
  pg_size_pretty(pg_database_size(current_database())) AS size, current_setting('server_version') AS server
"""


class Database:
    """What is true, asked directly."""

    def __init__(self, url: str) -> None:
        self._runner = asyncio.Runner()
        self._connection: asyncpg.Connection = self._runner.run(self._connect(url))

    async def _connect(self, url: str) -> asyncpg.Connection:
        return await asyncpg.connect(url)

    def fetch(self, sql: str, *values: Any) -> list[asyncpg.Record]:
        return self._runner.run(self._connection.fetch(sql, *values))

    def column(self, sql: str, *values: Any) -> list[Any]:
        return [row[0] for row in self.fetch(sql, *values)]

    def sizes(self) -> dict[str, Any]:
        """How much there is, and the version of the server that has it."""
        return dict(self.fetch(SIZES)[0])

    def close(self) -> None:
        self._runner.run(self._connection.close())
        self._runner.close()


@dataclass
class Task:
    """One thing to ask for. `step` prepares it and gives back what is timed."""

    key: str
    label: str
    database: Database

    def step(self, contestant: Contestant, browser: Browser, number: int) -> Callable[[], Answer]:
        raise NotImplementedError

    def check(self, answer: Answer) -> None:
        """Refused if it isn't what was asked for."""

    def give_up(self) -> None:
        self.database.fetch(STILL_AT_WORK, LIMIT / 2)


@dataclass
class ListTask(Task):
    """A page of the list, with exactly these tickets on it."""

    conditions: dict[str, str]
    expected: Sequence[str]

    def step(self, contestant: Contestant, browser: Browser, number: int) -> Callable[[], Answer]:
        return partial(browser.get, contestant.rows(**self.conditions))

    def check(self, answer: Answer) -> None:
        shown = set(TICKET_NUMBER.findall(answer.text))
        if shown != set(self.expected):
            raise Refused(f"it shows other rows ({len(shown)} for {len(self.expected)})")


@dataclass
class FarTask(ListTask):
    """A page that nobody goes to from the first one by steps."""

    page: FarPage

    def step(self, contestant: Contestant, browser: Browser, number: int) -> Callable[[], Answer]:
        return partial(browser.get, contestant.far(self.page))


@dataclass
class PageTask(Task):
    """A page of one ticket, each time another one, with its title on it."""

    tickets: Sequence[Ticket]
    path: Callable[[Contestant, Ticket], str]
    title: str = ""

    def step(self, contestant: Contestant, browser: Browser, number: int) -> Callable[[], Answer]:
        ticket = self.tickets[number % len(self.tickets)]
        self.title = ticket.title
        return partial(browser.get, self.path(contestant, ticket))

    def check(self, answer: Answer) -> None:
        if self.title not in answer.text:
            raise Refused("it shows another ticket")


@dataclass
class SaveTask(Task):
    """The form that is open is sent with another title; what follows it is not waited for."""

    tickets: Sequence[Ticket]
    sent: int = 0
    saved: tuple[int, str] = (0, "")

    def step(self, contestant: Contestant, browser: Browser, number: int) -> Callable[[], Answer]:
        ticket = self.tickets[self.sent % len(self.tickets)]
        self.sent += 1
        self.saved = (ticket.id, f"Saved by {contestant.label}, {number}, {time.time()}")
        return contestant.save(browser, ticket, self.saved[1])

    def check(self, answer: Answer) -> None:
        pk, title = self.saved
        if self.database.column("SELECT title FROM tickets WHERE id = $1", pk) != [title]:
            raise Refused(f"it did not save: {answer.status}")


@dataclass
class AssignTask(Task):
    """Everything of some days is given to somebody; it is done when the database says so."""

    dataset: Dataset
    pks: Sequence[int]
    assignee: int

    def step(self, contestant: Contestant, browser: Browser, number: int) -> Callable[[], Answer]:
        self.database.fetch(UNASSIGN, self.pks)
        return partial(self._assign, contestant, browser)

    def _assign(self, contestant: Contestant, browser: Browser) -> Answer:
        contestant.assign(browser, self.dataset, self.pks, self.assignee)
        # A product may go on after it has answered.
        deadline = time.monotonic() + LIMIT
        while self._left():
            if time.monotonic() > deadline:
                raise TooSlow
            time.sleep(0.02)
        return Answer(HTTPStatus.OK, "", b"")

    def _left(self) -> bool:
        return self.database.column(ASSIGNED, self.pks, self.assignee) != [len(self.pks)]


@dataclass
class ExportTask(Task):
    """A file with as many rows."""

    dataset: Dataset

    def step(self, contestant: Contestant, browser: Browser, number: int) -> Callable[[], Answer]:
        return partial(contestant.export, browser, self.dataset)

    def check(self, answer: Answer) -> None:
        # A cell may have several lines.
        rows = sum(1 for _ in csv.reader(StringIO(answer.text, newline=""))) - 1
        if rows != self.dataset.export_rows:
            raise Refused(f"it exported {rows:,} rows for {self.dataset.export_rows:,}")


def tasks(database: Database, dataset: Dataset) -> list[Task]:
    """All of them, the cheap ones first: what writes leaves traces."""
    some = [Ticket(**row) for row in database.fetch(SOME)]
    # What is read is not what was just written.
    read, written = some[: len(some) // 2], some[len(some) // 2 :]
    return [
        *_lists(database, dataset),
        PageTask("ticket", "a ticket's page", database, read, lambda desk, ticket: desk.ticket(ticket)),
        PageTask("form", "a ticket's form", database, read, lambda desk, ticket: desk.form(ticket)),
        SaveTask("save", "save one field", database, written),
        _assign(database, dataset),
        ExportTask("export", f"export {dataset.export_rows:,} rows", database, dataset),
    ]


def _lists(database: Database, dataset: Dataset) -> list[Task]:
    page = min(FAR_PAGE, max(dataset.tickets // PAGE_SIZE, 1))
    skipped = (page - 1) * PAGE_SIZE
    [before] = database.fetch(ROW_BEFORE, skipped - 1)
    open_high = {"status": "open", "priority": "high"}
    none = {"status": "resolved", "priority": "urgent"}
    far = database.column(FAR_ROWS, skipped)
    found = database.column(FOUND, dataset.word)
    return [
        ListTask("first", "first list page", database, {}, database.column(NEWEST.format(""))),
        ListTask("filtered", "status and priority", database, open_high, database.column(FILTERED)),
        ListTask("nothing", "a filter that matches nothing", database, none, []),
        ListTask("search", "search for a rare word", database, {"search": dataset.word}, found),
        FarTask("far", f"page {page:,}", database, {}, far, FarPage(page, skipped, **before)),
    ]


def _assign(database: Database, dataset: Dataset) -> Task:
    pks = database.column(TO_ASSIGN, dataset.bulk_from, dataset.bulk_to)
    label = f"assign {len(pks):,} tickets"
    return AssignTask("assign", label, database, dataset, pks, assignee(database))


def assignee(database: Database) -> int:
    """Whom everything is given to."""
    return int(database.column(STAFF)[0])
