"""A sample of what a verb will do: done to a few rows, looked at, and taken back.

What a verb does is more than what it sets: a trigger stamps `resolved_at`, a ticket takes its comments along
to the trash, a tag that is there already is not put on again. Any description of that apart from the verb
would be wrong some day. So the verb itself runs, on the first rows that it would change, behind a savepoint;
what the history's triggers write meanwhile is what it does; and going back to the savepoint leaves nothing
of it, entries and locks included.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import func, literal, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.browse import Entry, entries_of_operation, operation_totals
from backoffice.audit.context import changing, current_change
from backoffice.audit.links import tables_of_links
from backoffice.operations.bulk import BulkVerb, Selection, chosen, first_of_each, run

#: So many rows that change, and so many that are refused for each reason.
SAMPLED: Final = 10
SAMPLED_REFUSALS: Final = 3
#: A sample is worth no more of anybody's time: for the locks of its rows, and for each statement.
LOCKED_MS: Final = 300
LONGEST_MS: Final = 3_000
#: What ten rows with many links each write; a sample of more would be no sample.
MOST_ENTRIES: Final = 1_000

BUSY: Final = "Somebody else is changing these rows at this moment, so there is no sample of them."
TOO_SLOW: Final = "Even the first of these rows take long, so there is no sample of them."
#: What a trial gave up on, by SQLSTATE.
_GIVEN_UP: Final[Mapping[str | None, str]] = {"55P03": BUSY, "40P01": BUSY, "57014": TOO_SLOW}


@dataclass(frozen=True)
class Sample:
    """What becomes of the first rows, by their keys, as the history would tell it.

    `changed` has the entries of each row, those of its links (a ticket's tags) among them; `refused` has the
    reason of each. `along` counts the records of other tables that change with these rows. Where the verb
    could not be tried `problem` is a sentence that says so, and nothing is known of what changes.
    """

    changed: Mapping[int, Sequence[Entry]] = field(default_factory=dict)
    refused: Mapping[int, str] = field(default_factory=dict)
    along: Mapping[str, int] = field(default_factory=dict)
    problem: str = ""


async def sample(session: AsyncSession, verb: BulkVerb, selection: Selection) -> Sample:
    """Try `verb` on the first rows of `selection` that it would change; nothing of it remains.

    A BackofficeError is the verb's own: to run it would raise the same. However many rows are selected, it
    takes the same number of queries.
    """
    await session.flush()
    first = await first_of_each(session, verb, selection, SAMPLED)
    refused = {key: reason for reason, keys in first.refused.items() for key in keys[:SAMPLED_REFUSALS]}
    if not first.changed:
        return Sample(refused=refused)
    try:
        async with _trial(session) as trial:
            await run(trial, verb, chosen(first.changed))
            changed, along = await _written(trial, verb)
    except DBAPIError as error:
        if (problem := _GIVEN_UP.get(getattr(error.orig, "sqlstate", None))) is None:
            raise
        return Sample(refused=refused, problem=problem)
    return Sample(changed, refused, along)


@asynccontextmanager
async def _trial(session: AsyncSession) -> AsyncIterator[AsyncSession]:
    """A session behind a savepoint of `session`, in an operation of its own, of which nothing remains.

    It is another session so that objects which the first one has loaded keep their values. Its settings, its
    locks and its entries of the history go with the savepoint.
    """
    change = replace(current_change(), operation_id=uuid4(), outcome={}, statement_timeout_ms=LONGEST_MS)
    connection = await session.connection()
    with changing(change):
        async with AsyncSession(
            connection, join_transaction_mode="create_savepoint", autoflush=False
        ) as trial:
            await trial.execute(select(func.set_config("lock_timeout", str(LOCKED_MS), literal(True))))
            yield trial


async def _written(trial: AsyncSession, verb: BulkVerb) -> tuple[dict[int, list[Entry]], dict[str, int]]:
    """The entries that the trial has written, by row; and how many records of other tables have some."""
    operation_id = current_change().operation_id
    own = verb.model.__tablename__
    tables = {own, *tables_of_links(own)}
    entries = await entries_of_operation(trial, operation_id, limit=MOST_ENTRIES, tables=tables)
    return _by_row(entries), await _along(trial, operation_id, tables)


def _by_row(entries: Iterable[Entry]) -> dict[int, list[Entry]]:
    rows: dict[int, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.record_id is not None:
            rows[entry.record_id].append(entry)
    return {key: rows[key] for key in sorted(rows)}


async def _along(trial: AsyncSession, operation_id: UUID, tables: Iterable[str]) -> dict[str, int]:
    along: dict[str, int] = defaultdict(int)
    for total in await operation_totals(trial, operation_id):
        if total.table_name not in tables:
            along[total.table_name] += total.records
    return dict(along)
