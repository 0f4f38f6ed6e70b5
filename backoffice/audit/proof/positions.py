"""The history in the order of the proof, read in pieces of flat size from one snapshot."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    case,
    func,
    literal_column,
    or_,
    select,
    text,
    true,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from backoffice.audit.context import without_change
from backoffice.audit.leaf import IS_BLANK, LEAF
from backoffice.audit.proof.moments import SLACK, Personal, SeenEntry
from backoffice.audit.proof.seals import START, Position, position_of, without_holes
from models import AuditLog, AuditSeal

#: The history, by the name that `backoffice.audit.leaf` knows an entry by.
ENTRY: Final = AuditLog.__table__.alias("entry")

#: Entries that are sorted at once, and rows that are fetched at once.
_SORTED_AT_ONCE: Final = 100_000
_FETCHED_AT_ONCE: Final = 2_000
#: Seals that are fetched at once, of 400 kB at most each.
_SEALS_AT_ONCE: Final = 8


@dataclass(frozen=True)
class Stretch:
    """A part of the chain: the seals after `start` up to number `last`, and what is sealed by them.

    Where it `is_open`, the entries behind the last seal are a part of it.
    """

    start: AuditSeal | None
    last: int
    is_open: bool


# The moment is that of the first query. The history is held before it: a month that is let go of in between
# would be gone already, and the record of that not be there yet. Nobody else's functions stand in for
# PostgreSQL's, and no policy hides a row.
_BEGIN: Final = (
    "SET LOCAL search_path = pg_catalog, public, pg_temp",
    "SET LOCAL row_security = off",
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL plan_cache_mode = force_custom_plan",
    "SET LOCAL work_mem = '32MB'",
    "LOCK TABLE audit_logs IN ACCESS SHARE MODE",
    "SET TRANSACTION READ ONLY",
)


async def begin_reading(session: AsyncSession) -> None:
    """Let everything that `session` reads from here be of one moment, and take as long as it takes."""
    # To set who acts is a query.
    with without_change():
        await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    for statement in _BEGIN:
        await session.execute(text(statement))


async def stretch_of(session: AsyncSession, since: datetime | None, until: datetime | None) -> Stretch:
    """The shortest part of the chain with all entries from `since` until before `until`."""
    newest = await session.scalar(select(func.max(AuditSeal.number))) or 0
    made = await _first_made(session, until) if until else None
    furthest = await _furthest_seal(session, since, until) if made else None
    is_open = made is None or furthest is None
    last = newest if made is None or furthest is None else max(made, furthest)
    if since is None:
        return Stretch(None, last, is_open)
    first = await _first_made(session, since - SLACK) or newest + 1
    before = select(AuditSeal).where(AuditSeal.number < first).order_by(AuditSeal.number.desc())
    start = await session.scalar(before.options(undefer(AuditSeal.entries)).limit(1))
    return Stretch(None if start is None else without_holes(start), last, is_open)


async def count_sealed(session: AsyncSession, stretch: Stretch) -> int:
    """How many entries its seals have."""
    ends = _ends_of_seals(stretch).subquery()
    return int(await session.scalar(select(func.sum(ends.c.entries))) or 0)


async def seals_of(session: AsyncSession, stretch: Stretch) -> AsyncIterator[Sequence[AuditSeal]]:
    """The seals in the order of their numbers, with their entries, some at a time."""
    number = stretch.start.number if stretch.start else None
    query = (
        select(AuditSeal).options(undefer(AuditSeal.entries)).order_by(AuditSeal.number).limit(_SEALS_AT_ONCE)
    )
    while True:
        following = query.where(AuditSeal.number <= stretch.last)
        if number is not None:
            following = following.where(AuditSeal.number > number)
        seals = (await session.scalars(following)).all()
        if not seals:
            return
        number = seals[-1].number
        yield [without_holes(seal) for seal in seals]


async def entries_of_stretch(
    session: AsyncSession, stretch: Stretch, *columns: ColumnElement[Any]
) -> AsyncIterator[Sequence[Any]]:
    """`columns` of the entries, in the order of the proof, some at a time."""
    after = position_of(stretch.start) if stretch.start else None
    for until in await _steps(session, stretch):
        statement = select(*columns).select_from(ENTRY).where(*_between(after, until))
        result = await session.stream(
            statement.order_by(ENTRY.c.xid, ENTRY.c.id, ENTRY.c.created_at),
            execution_options={"yield_per": _FETCHED_AT_ONCE},
        )
        async for rows in result.partitions():
            yield rows
        after = until


_PERSONAL: Final = case(
    (ENTRY.c.salt.is_(None) & literal_column(IS_BLANK), Personal.BLANK.value),
    (ENTRY.c.salt.is_(None) | ENTRY.c.personal_digest.is_not(None), Personal.UNPROVED.value),
    else_=Personal.PROVED.value,
)

#: What a check looks at, as the fields of `SeenEntry`.
SEEN: Final[Sequence[ColumnElement[Any]]] = (
    func.coalesce(ENTRY.c.xid, START.xid),
    ENTRY.c.id,
    # Python knows no other years, and any is out of place there.
    literal_column("greatest('0001-01-02Z', least('9999-12-30Z', entry.created_at))"),
    literal_column(LEAF),
    _PERSONAL,
)


async def seen_entries(session: AsyncSession, stretch: Stretch) -> AsyncIterator[Sequence[SeenEntry]]:
    """The entries as the check wants them."""
    async for rows in entries_of_stretch(session, stretch, *SEEN):
        yield [SeenEntry._make(row) for row in rows]


def is_between(since: datetime | None, until: datetime | None) -> ColumnElement[bool]:
    """Whether an entry is from `since` on and from before `until`; None is no end."""
    return and_(
        true(),
        *([ENTRY.c.created_at >= since] if since else []),
        *([ENTRY.c.created_at < until] if until else []),
    )


async def _first_made(session: AsyncSession, moment: datetime) -> int | None:
    """The first seal that was made at `moment` or later."""
    made = select(AuditSeal.number).where(AuditSeal.sealed_at >= moment)
    return await session.scalar(made.order_by(AuditSeal.sealed_at, AuditSeal.number).limit(1))


async def _furthest_seal(session: AsyncSession, since: datetime | None, until: datetime | None) -> int | None:
    """The last seal with entries of the range, which may be a late one where their transaction stayed open.

    0 where there are no entries, None where some have no seal.
    """
    in_range = select(ENTRY.c.xid, ENTRY.c.id).where(is_between(since, until))
    last = in_range.order_by(ENTRY.c.xid.desc(), ENTRY.c.id.desc()).limit(1).subquery()
    through = tuple_(AuditSeal.through_xid, AuditSeal.through_id)
    reaching = select(AuditSeal.number).where(through >= tuple_(last.c.xid, last.c.id))
    if await session.scalar(select(last.c.id)) is None:
        return 0
    return await session.scalar(reaching.order_by(AuditSeal.through_xid, AuditSeal.through_id).limit(1))


async def _steps(session: AsyncSession, stretch: Stretch) -> list[Position | None]:
    """Where to stop on the way, so that not all has to be sorted at once; None is the end of the history."""
    reached = furthest = position_of(stretch.start)
    count = 0
    steps: list[Position | None] = []
    for xid, entry_id, entries in await session.execute(_ends_of_seals(stretch)):
        count += entries
        # A seal that was tampered with may say anything; each entry is read once all the same.
        if count >= _SORTED_AT_ONCE and Position(xid, entry_id) > reached:
            reached, count = Position(xid, entry_id), 0
            steps.append(reached)
        furthest = max(furthest, Position(xid, entry_id))
    if stretch.is_open:
        return [*steps, None]
    return steps if reached == furthest else [*steps, furthest]


def _ends_of_seals(stretch: Stretch) -> Select[int, int, int]:
    after = stretch.start.number if stretch.start else -1
    # Somebody may have emptied them.
    return (
        select(
            func.coalesce(AuditSeal.through_xid, START.xid),
            func.coalesce(AuditSeal.through_id, START.id),
            func.coalesce(AuditSeal.entry_count, 0).label("entries"),
        )
        .where(AuditSeal.number > after, AuditSeal.number <= stretch.last)
        .order_by(AuditSeal.number)
    )


def _between(after: Position | None, until: Position | None) -> list[ColumnElement[bool]]:
    """After one position, up to the other. Each is said twice: BRIN indexes know nothing of pairs."""
    position = tuple_(ENTRY.c.xid, ENTRY.c.id)
    conditions: list[ColumnElement[bool]] = []
    if after is not None:
        conditions += [ENTRY.c.xid >= after.xid, position > tuple_(*after)]
    if until is not None:
        conditions += [ENTRY.c.xid <= until.xid, position <= tuple_(*until)]
    if after is not None and until is not None and after.xid == until.xid:
        conditions += [ENTRY.c.id > after.id, ENTRY.c.id <= until.id]
    # Without its constraint an entry may name no transaction: it has no place, and is looked at in the end.
    return conditions if until else [or_(ENTRY.c.xid.is_(None), and_(true(), *conditions))]
