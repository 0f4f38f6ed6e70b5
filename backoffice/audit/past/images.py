"""Rows of one table as they were at a moment, however many, in one query.

A row as of a moment is the row as it is, or the image that its deletion left, overlaid field by field
with the oldest of the values that were overwritten since. Only changes of rows count.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    CTE,
    BigInteger,
    BindParameter,
    Column,
    DateTime,
    Enum,
    Row,
    Select,
    Table,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    cast,
    column,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.links import written_out
from backoffice.audit.newest import IS_CHANGE_OF_A_ROW, LOG
from backoffice.audit.past.moments import IS_AFTER, IS_BEFORE, Cutoff
from models import INCLUDE_TRASHED, AuditAction

#: How columns are audited whose values the history keeps.
_KEPT: Final = ("plain", "pii")
_IDS: Final[BindParameter[Any]] = bindparam("ids", type_=ARRAY(BigInteger))


class Presence(StrEnum):
    """Whether a row was there at a moment; unknown where the history does not reach back so far."""

    THERE = "there"
    NOT_YET = "not yet"
    GONE = "gone"
    UNKNOWN = "unknown"


class Unknown(StrEnum):
    """Why nobody can say what a field held."""

    ERASED = "erased"
    SECRET = "secret"  # noqa: S105 - the word, not one of them
    NOT_KEPT = "not kept"


@dataclass(frozen=True, eq=False)
class Image:
    """A row as it was `at` a moment, and as it is `now` (None: it is gone), by column.

    Values are of their columns' types; what stands in `unknown` has none. A row that was not there has
    neither.
    """

    table: Table
    record_id: int
    at: datetime
    presence: Presence
    values: Mapping[str, Any] = field(default_factory=dict)
    unknown: Mapping[str, Unknown] = field(default_factory=dict)
    now: Mapping[str, Any] | None = None

    @property
    def is_there(self) -> bool:
        return self.presence is Presence.THERE

    @property
    def changed(self) -> set[str]:
        """The columns in which it is not as it was; of what is gone, none."""
        if self.now is None:
            return set()
        return {name for name, value in self.values.items() if self.now.get(name) != value}


async def images_of(
    session: AsyncSession,
    table: Table,
    ids: Collection[int],
    cutoff: Cutoff,
    *,
    known_since: datetime | None = None,
    columns: Collection[str] = (),
) -> dict[int, Image]:
    """The rows with these ids as they were, by id; one that nobody ever heard of is left out.

    `columns` are those that are wanted, by default all that the history keeps. Before `known_since` nothing
    is known but that a row did not exist yet.
    """
    if not ids:
        return {}
    wanted = [one for one in kept_columns(table) if not columns or one.name in columns]
    given = {"ids": sorted(ids), **cutoff.given}
    rows = await session.execute(_statement(table, tuple(wanted)), given)
    is_known = known_since is None or cutoff.at >= known_since
    images = (_image(table, row, cutoff, wanted, is_known=is_known) for row in rows)
    return {image.record_id: image for image in images if image is not None}


def kept_columns(table: Table) -> list[Column[Any]]:
    """The columns whose values the history keeps."""
    return [one for one in table.columns if not one.system and one.info.get("audit") in _KEPT]


def secret_columns(table: Table) -> list[str]:
    """The columns of which the history says only that they changed."""
    return [one.name for one in table.columns if one.info.get("audit") == "secret"]


def typed(column: Column[Any], value: Any) -> Any:
    """A value of the history as one of the column's type; as it is where it cannot be one."""
    if not isinstance(value, str):
        return value
    try:
        match column.type:
            case DateTime():
                return datetime.fromisoformat(value)
            case Enum(enum_class=vocabulary) if vocabulary is not None:
                return vocabulary(value)
            case Uuid():
                return UUID(value)
    except ValueError:
        pass
    return value


@lru_cache(maxsize=256)
def _statement(table: Table, columns: tuple[Column[Any], ...]) -> Select[Any]:
    # Made once for each table: to make it takes longer than to run it.
    wanted = select(func.unnest(_IDS).column_valued("id")).cte("wanted")
    later = _later(table)
    overlay, first = _overlay(later, columns), _first(later)
    parts = [part for one in columns for part in (literal(one.name, Text), one)]
    is_missing = or_(
        first.c.action == AuditAction.CREATE.value, first.c.action.is_(None) & table.c.id.is_(None)
    )
    now = case((table.c.id.is_not(None), func.jsonb_build_object(*parts, type_=JSONB)))
    return (
        select(
            wanted.c.id,
            now.label("now"),
            overlay.c.overlay,
            first.c.action.label("first"),
            # Only where it matters: it costs a look at the history for every row.
            case((is_missing, _had_begun(table, wanted)), else_=false()).label("had_begun"),
        )
        .select_from(wanted)
        .outerjoin(table, table.c.id == wanted.c.id)
        .outerjoin(overlay, overlay.c.record_id == wanted.c.id)
        .outerjoin(first, first.c.record_id == wanted.c.id)
        .order_by(wanted.c.id)
        .execution_options(**INCLUDE_TRASHED)
    )


def _later(table: Table) -> CTE:
    """What happened to the rows after the moment."""
    return (
        select(LOG.record_id, LOG.id, LOG.action, LOG.changes)
        .where(
            LOG.table_name == written_out(table.name),
            LOG.record_id == any_(_IDS),
            IS_CHANGE_OF_A_ROW,
            IS_AFTER,
        )
        .cte("later")
    )


def _overlay(later: CTE, columns: Sequence[Column[Any]]) -> CTE:
    """Per row: the first change of each field after the moment, which has what the field held then."""
    change = func.jsonb_each(later.c.changes).table_valued(column("key", Text), column("value", JSONB))
    first = (
        select(later.c.record_id, change.c.key, change.c.value)
        .join(change, true())
        .where(
            later.c.action != AuditAction.CREATE,
            change.c.key == func.any(literal([one.name for one in columns], ARRAY(Text))),
        )
        .ext(distinct_on(later.c.record_id, change.c.key))
        .order_by(later.c.record_id, change.c.key, later.c.id)
        .subquery("first_changes")
    )
    overlay = func.jsonb_object_agg(first.c.key, first.c.value, type_=JSONB).label("overlay")
    return select(first.c.record_id, overlay).group_by(first.c.record_id).cte("overlays")


def _first(later: CTE) -> CTE:
    """Per row: what happened to it first, which tells whether it was there."""
    return (
        select(later.c.record_id, cast(later.c.action, Text).label("action"))
        .ext(distinct_on(later.c.record_id))
        .order_by(later.c.record_id, later.c.id)
        .cte("firsts")
    )


def _had_begun(table: Table, wanted: CTE) -> Any:
    """Whether anything is known of the row from before the moment."""
    return exists().where(
        and_(
            LOG.table_name == written_out(table.name),
            LOG.record_id == wanted.c.id,
            IS_CHANGE_OF_A_ROW,
            IS_BEFORE,
        )
    )


def _image(
    table: Table, row: Row[Any], cutoff: Cutoff, columns: Sequence[Column[Any]], *, is_known: bool
) -> Image | None:
    if row.now is None and row.first is None and not row.had_begun:
        return None
    now = None if row.now is None else {one.name: typed(one, row.now[one.name]) for one in columns}
    presence = _presence(row, is_known=is_known)
    if presence is not Presence.THERE:
        return Image(table, row.id, cutoff.at, presence, now=now)
    values, unknown = _values(row.overlay or {}, now, columns)
    unknown |= dict.fromkeys(secret_columns(table), Unknown.SECRET)
    return Image(table, row.id, cutoff.at, presence, values, unknown, now)


def _presence(row: Row[Any], *, is_known: bool) -> Presence:
    if row.first == AuditAction.CREATE or (row.first is None and row.now is None):
        return Presence.GONE if row.had_begun else Presence.NOT_YET
    return Presence.THERE if is_known else Presence.UNKNOWN


def _values(
    overlay: Mapping[str, Any], now: Mapping[str, Any] | None, columns: Sequence[Column[Any]]
) -> tuple[dict[str, Any], dict[str, Unknown]]:
    values: dict[str, Any] = {}
    unknown: dict[str, Unknown] = {}
    for one in columns:
        change = overlay.get(one.name)
        if change is None and now is not None:
            values[one.name] = now[one.name]
        elif change is None:
            unknown[one.name] = Unknown.NOT_KEPT
        elif "old" in change:
            values[one.name] = typed(one, change["old"])
        else:
            unknown[one.name] = Unknown.ERASED if "erased" in change else Unknown.SECRET
    return values, unknown
