"""What records are called where others refer to them: as it was then, and as it is now.

However many are asked for, it takes two queries: one of the tables, one of the history.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import (
    BigInteger,
    DateTime,
    Select,
    Text,
    any_,
    column,
    func,
    literal,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from models import AuditAction, AuditLog, Base

#: What a row of each table is called where another row refers to it.
NAMES: Final = {"users": "full_name", "tags": "name", "groups": "name", "tickets": "ticket_number"}

#: So many changes of one record's name are looked at.
MOST_RENAMINGS: Final = 100
LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)

#: A record: its table and its key.
Record = tuple[str, int]


@dataclass(frozen=True, order=True)
class Place:
    """Where an entry stands in the history, which is read in this order."""

    when: datetime
    id: int


@dataclass(frozen=True)
class Name:
    """What a record was called at some time, and what it is called now; None: it was deleted forever."""

    then: str
    now: str | None

    def __str__(self) -> str:
        if self.now is None:
            return f"{self.then} (deleted)"
        return self.then if self.now == self.then else f"{self.then} (now {self.now})"


@dataclass(frozen=True)
class _Renaming:
    place: Place
    #: None where an erasure took it away.
    old: str | None


class Names:
    """The names of records, at any time since each was asked for."""

    def __init__(self, now: Mapping[Record, str], renamings: Mapping[Record, Sequence[_Renaming]]) -> None:
        self._now = now
        self._renamings = renamings

    def knows(self, record: Record) -> bool:
        """Whether there is a name of it, of whatever time."""
        return record in self._now or record in self._renamings

    def now(self, record: Record) -> str | None:
        """What it is called now; None for what is gone, or has no name."""
        return self._now.get(record)

    def at(self, record: Record, place: Place) -> Name:
        """What it was called when the entry at `place` was written; its number where nobody knows."""
        now = self._now.get(record)
        renamings = self._renamings.get(record, ())
        then = next((each.old for each in renamings if each.place > place), now)
        if then is None:
            then = next((each.old for each in reversed(renamings) if each.old), now)
        return Name(then or f"#{record[1]}", now)


async def names_since(session: AsyncSession, mentions: Mapping[Record, datetime]) -> Names:
    """The names of records, of tables in `NAMES`, each since the moment at which it is first mentioned."""
    if not mentions:
        return Names({}, {})
    now = await _now(session, mentions)
    # What is gone may have been gone when it was mentioned.
    since = {record: when if record in now else LONG_AGO for record, when in mentions.items()}
    return Names(now, await _renamings(session, since))


async def _now(session: AsyncSession, records: Mapping[Record, datetime]) -> dict[Record, str]:
    keys: dict[str, list[int]] = defaultdict(list)
    for table, key in sorted(records):
        keys[table].append(key)
    rows = await session.execute(union_all(*(_live(table, wanted) for table, wanted in keys.items())))
    return {(row[0], row[1]): row[2] for row in rows}


def _live(name: str, keys: list[int]) -> Select[str, int, str]:
    table = Base.metadata.tables[name]
    chosen = table.c.id == any_(literal(keys, ARRAY(BigInteger)))
    return select(literal(name, Text), table.c.id, table.c[NAMES[name]].cast(Text)).where(chosen)


async def _renamings(
    session: AsyncSession, since: Mapping[Record, datetime]
) -> dict[Record, list[_Renaming]]:
    """Per record, the changes of its name, its deletion too, oldest first."""
    found: dict[Record, list[_Renaming]] = defaultdict(list)
    for row in await session.execute(_renamings_since(since)):
        found[row.table_name, row.record_id].append(_Renaming(Place(row.created_at, row.id), row.old))
    return found


def _renamings_since(since: Mapping[Record, datetime]) -> Select[str, int, datetime, int, str]:
    tables, keys = zip(*since, strict=True)
    wanted = (
        func.unnest(
            literal(list(tables), ARRAY(Text)),
            literal([NAMES[table] for table in tables], ARRAY(Text)),
            literal(list(keys), ARRAY(BigInteger)),
            literal(list(since.values()), ARRAY(DateTime(timezone=True))),
        )
        .table_valued(
            column("table_name", Text),
            column("field", Text),
            column("record_id", BigInteger),
            column("since", DateTime(timezone=True)),
        )
        .render_derived(name="wanted")
    )
    renamings = (
        select(
            AuditLog.created_at,
            AuditLog.id,
            AuditLog.changes[wanted.c.field]["old"].astext.label("old"),
        )
        .where(
            AuditLog.table_name == wanted.c.table_name,
            AuditLog.record_id == wanted.c.record_id,
            AuditLog.created_at >= wanted.c.since,
            AuditLog.action.in_((AuditAction.UPDATE, AuditAction.DELETE)),
            AuditLog.changes.has_key(wanted.c.field),
        )
        .order_by(AuditLog.created_at, AuditLog.id)
        .limit(MOST_RENAMINGS)
        .lateral("renamings")
    )
    return select(
        wanted.c.table_name, wanted.c.record_id, renamings.c.created_at, renamings.c.id, renamings.c.old
    ).select_from(wanted.join(renamings, true()))
