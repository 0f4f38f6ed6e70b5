"""What records are called where others refer to them: as it was then, and as it is now.

However many are asked for, it takes one query.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    DateTime,
    FromClause,
    Select,
    Text,
    bindparam,
    case,
    column,
    func,
    literal,
    literal_column,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.selectable import LateralFromClause

from backoffice.audit.links import written_out
from models import INCLUDE_TRASHED, AuditAction, AuditLog, Base

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
    tables, keys = zip(*mentions, strict=True)
    given = {"tables": tables, "keys": keys, "moments": list(mentions.values())}
    now: dict[Record, str] = {}
    renamings: dict[Record, list[_Renaming]] = defaultdict(list)
    for table, key, name, when, entry_id, old in await session.execute(_names(), given):
        if name is not None:
            now[table, key] = name
        if when is not None:
            renamings[table, key].append(_Renaming(Place(when, entry_id), old))
    return Names(now, renamings)


@cache
def _names() -> Select[*tuple[Any, ...]]:
    """Each record's name, once for each change of it, its deletion too, oldest first."""
    # Made once: making it takes longer than running it. PostgreSQL must not see how many are asked for before
    # it plans: a plan for any number then is as good to it as one for this, and is made once, too.
    given = (
        select(bindparam("tables", type_=ARRAY(Text))).scalar_subquery(),
        select(bindparam("keys", type_=ARRAY(BigInteger))).scalar_subquery(),
        select(bindparam("moments", type_=ARRAY(DateTime(timezone=True)))).scalar_subquery(),
    )
    wanted = (
        func.unnest(*given)
        .table_valued(
            column("table_name", Text), column("id", BigInteger), column("since", DateTime(timezone=True))
        )
        .render_derived(name="wanted")
    )
    named = union_all(*(_named(table, field, wanted) for table, field in NAMES.items())).lateral("named")
    renamings = _renamings(wanted, named)
    return (
        select(wanted.c.table_name, wanted.c.id, named.c.name, *renamings.c)
        .select_from(wanted.outerjoin(named, true()).outerjoin(renamings, true()))
        .execution_options(**INCLUDE_TRASHED)
    )


def _named(table_name: str, field: str, wanted: FromClause) -> Select[str]:
    """What the record is called now; no row for what is gone, or of another table."""
    table = Base.metadata.tables[table_name]
    is_wanted = (wanted.c.table_name == written_out(table_name)) & (table.c.id == wanted.c.id)
    return select(table.c[field].cast(Text).label("name")).where(is_wanted).correlate(wanted)


def _renamings(wanted: FromClause, named: FromClause) -> LateralFromClause:
    """The changes of a record's name since it was mentioned; what is gone may have been gone by then."""
    log, table = AuditLog.__table__.c, wanted.c.table_name
    field = case({name: written_out(field) for name, field in NAMES.items()}, value=table)
    since = case((named.c.name.is_(None), literal(LONG_AGO, log.created_at.type)), else_=wanted.c.since)
    return (
        select(log.created_at, log.id, log.changes[field]["old"].astext.label("old"))
        .where(
            log.table_name == table,
            log.record_id == wanted.c.id,
            log.created_at >= since,
            log.action.in_([written_out(action) for action in (AuditAction.UPDATE, AuditAction.DELETE)]),
            log.changes.has_key(field),
        )
        .order_by(log.created_at, log.id)
        .limit(literal_column(str(MOST_RENAMINGS)))
        .lateral("renamings")
    )
