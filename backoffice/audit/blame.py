"""Who set each field of a record last, and when: at most one query, however long its history is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Row,
    Select,
    Text,
    bindparam,
    case,
    func,
    literal,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.browse import Entry
from backoffice.audit.labels import verb_label
from backoffice.audit.links import tables_of_links
from backoffice.audit.newest import LOG, newest_changes, wanted
from models import INCLUDE_TRASHED, AuditAction, Base, Operation, User

#: So many of a record's newest changes are searched. What was set before is only known to be older.
SEARCHED: Final = 1_000


@dataclass(frozen=True)
class Blame:
    """Who set a field last, by their name then; None: it was before `when`, and nobody looked by whom."""

    who: str | None
    who_now: str | None
    user_id: int | None
    when: datetime
    operation_id: UUID | None
    verb: str | None

    @property
    def what(self) -> str:
        """What they did, in words; empty for what was written outside of any operation."""
        return verb_label(self.verb) if self.verb else ""


async def blame(session: AsyncSession, table_name: str, record_id: int) -> dict[str, Blame]:
    """By column, who set it last; by association table, who added or removed one of the record's links last.

    What was never changed was set by whoever created the record. Empty where the history knows nothing.
    """
    given = {"record_id": record_id, "searched": SEARCHED}
    rows = (await session.execute(_newest_of_each(table_name), given)).all()
    found = {row.field: _blame(row) for row in rows if row.field is not None}
    oldest = next((row for row in rows if row.field is None), None)
    return found if oldest is None else {**_first_set(table_name, oldest.action, _blame(oldest)), **found}


def blame_in(history: Sequence[Entry], table_name: str) -> dict[str, Blame]:
    """The same of a record whose history is at hand, whole and newest first: it need not be searched."""
    own = [entry for entry in history if entry.table_name == table_name]
    found = _first_set(table_name, own[-1].action, _blame_of(own[-1])) if own else {}
    links = tables_of_links(table_name)
    for entry in reversed(history):
        if entry.table_name == table_name:
            found |= dict.fromkeys((change.field for change in entry.changes), _blame_of(entry))
        elif entry.table_name in links:
            found[entry.table_name] = _blame_of(entry)
    return found


def _first_set(table_name: str, action: AuditAction, oldest: Blame) -> dict[str, Blame]:
    """What is known of fields by the oldest entry that there is: whoever created the record set them all."""
    set_by = oldest if action is AuditAction.CREATE else Blame(None, None, None, oldest.when, None, None)
    return dict.fromkeys(_recorded_columns(table_name), set_by)


@lru_cache(maxsize=256)
def _newest_of_each(table_name: str) -> Select[*tuple[Any, ...]]:
    """An entry a field, one a table of links, and the oldest of those that were searched, under no field."""
    # Made once for each kind of record: making it takes longer than running it.
    links = (wanted(table, literal(1, BigInteger)) for table in tables_of_links(table_name))
    records = union_all(wanted(table_name, bindparam("searched", type_=BigInteger)), *links).subquery(
        "wanted"
    )
    searched = newest_changes(records, _SEARCHED_COLUMNS).cte("searched")
    found = union_all(_newest_by_field(searched, table_name), _oldest(searched, table_name)).subquery("found")
    user, operation = User.__table__.c, Operation.__table__.c
    return (
        select(
            found,
            func.coalesce(operation.actor, user.full_name, found.c.database_user).label("who"),
            user.full_name.label("who_now"),
            operation.verb,
        )
        .outerjoin_from(found, User.__table__, user.id == found.c.user_id)
        .outerjoin(Operation.__table__, operation.id == found.c.operation_id)
        .execution_options(**INCLUDE_TRASHED)
    )


def _newest_by_field(searched: CTE, table_name: str) -> Select[*tuple[Any, ...]]:
    """A link counts as one field, by the name of its table."""
    names = func.jsonb_object_keys(searched.c.changes).table_valued("name").render_derived(name="names")
    field = case((searched.c.table_name == table_name, names.c.name), else_=searched.c.table_name)
    newest = (
        select(field.label("field"), *_columns(searched))
        .select_from(searched.join(names, true()))
        .ext(distinct_on(field))
        .order_by(field, searched.c.created_at.desc(), searched.c.id.desc())
    )
    return select(newest.subquery("newest_by_field"))


def _oldest(searched: CTE, table_name: str) -> Select[*tuple[Any, ...]]:
    oldest = (
        select(literal(None, Text).label("field"), *_columns(searched))
        .where(searched.c.table_name == table_name)
        .order_by(searched.c.created_at, searched.c.id)
        .limit(1)
    )
    return select(oldest.subquery("oldest"))


def _columns(searched: CTE) -> list[ColumnElement[Any]]:
    return [searched.c[column.key] for column in _COLUMNS]


_COLUMNS: Final = (LOG.id, LOG.created_at, LOG.action, LOG.user_id, LOG.operation_id, LOG.database_user)
_SEARCHED_COLUMNS: Final = (*_COLUMNS, LOG.table_name, LOG.changes)


@lru_cache(maxsize=256)
def _recorded_columns(table_name: str) -> list[str]:
    table = Base.metadata.tables.get(table_name)
    return [] if table is None else [c.name for c in table.columns if c.info.get("audit") != "skip"]


def _blame(row: Row[*tuple[Any, ...]]) -> Blame:
    who_now = row.who_now if row.who_now != row.who else None
    return Blame(row.who, who_now, row.user_id, row.created_at, row.operation_id, row.verb)


def _blame_of(entry: Entry) -> Blame:
    return Blame(entry.who, entry.who_now, entry.user_id, entry.when, entry.operation_id, entry.verb)
