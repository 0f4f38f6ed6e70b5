"""Taking back the rows that an operation created, some statements a table.

What has a trash goes there, with all that hangs on it; who has an account is deactivated. A row stays where
somebody changed it since, or added something to it: then its own parts stay with it.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    CTE,
    BigInteger,
    Column,
    ColumnElement,
    ForeignKey,
    Table,
    Text,
    any_,
    case,
    column,
    exists,
    func,
    literal,
    literal_column,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.context import current_change
from backoffice.audit.revert.result import CHANGED_SINCE, DELETED_SINCE, ERASED, Reverted, UndoConflict
from backoffice.audit.revert.rows import ALREADY_SO, find_conflicts
from backoffice.audit.revert.share import Share
from backoffice.audit.trashing import trash_marks
from models import AuditLog, Base, User

#: Reasons why a row stays that is as the operation left it.
YOURSELF: Final = "the account of whoever undoes it"
WITH_ITS_RECORD: Final = "part of what was changed since"
#: What takes a row back is no change of it.
_MARKS: Final = ("deleted_at", "deleted_by_id", "deleted_operation", "is_active")

Ids = frozenset[int]


async def take_created_back(session: AsyncSession, share: Share, table: Table) -> Reverted:
    """Undo the operation's creations in `table`, whose rows are locked."""
    parts = await _parts_of_created(session, share, table)
    judged = _judged(share, table, without=parts.all)
    verdicts = await _verdicts(session, judged)
    wrong = {reason: ids for reason, ids in verdicts.items() if reason != ALREADY_SO}
    conflicts = await find_conflicts(session, share, table, judged) if wrong else []
    fine = verdicts.get(ALREADY_SO, frozenset()).difference(*wrong.values())
    worked_on = await _worked_on(session, share, table, fine)
    conflicts += [_worked_on_conflict(table, id_) for id_ in sorted(worked_on)[: share.listed]]
    oneself = _oneself(table) & fine
    taken = await _take(session, table, fine - worked_on - oneself)
    changed_since = wrong.get(CHANGED_SINCE, frozenset()) | worked_on
    return Reverted(
        table=table.name,
        changed=taken | parts.taken_along,
        unchanged=(fine - worked_on - oneself - taken) | parts.gone_before,
        refused={
            **wrong,
            **_named(CHANGED_SINCE, changed_since),
            **_named(YOURSELF, oneself),
            **_named(WITH_ITS_RECORD, parts.kept),
        },
        conflicts=conflicts[: share.listed],
        conflict_count=sum(map(len, wrong.values())) + len(worked_on),
    )


def _named(reason: str, ids: Collection[int]) -> Mapping[str, Ids]:
    return {reason: frozenset(ids)} if ids else {}


# Whether it is as the operation left it --------------------------------------------------------


def _judged(share: Share, table: Table, without: Ids = frozenset()) -> CTE:
    """Per record and field: what the operation left it at, what it is now, and whether that is the same."""
    change = func.jsonb_each(AuditLog.changes).table_valued(column("key", Text), column("value", JSONB))
    news = func.jsonb_agg(change.c.value["new"]).aggregate_order_by(AuditLog.id.desc())
    left = (
        select(
            AuditLog.record_id,
            change.c.key.label("field"),
            news.op("->", return_type=JSONB())(literal_column("0")).label("after"),
            func.bool_or(change.c.value.has_key("erased")).label("is_erased"),
            func.max(AuditLog.id).label("last_entry"),
        )
        .select_from(AuditLog)
        .join(change, true())
        .where(share.entries, AuditLog.table_name == table.name, AuditLog.record_id.in_(share.created(table)))
        .where(change.c.key.in_([name for name in _names(table) if name not in _MARKS]))
        .where(~_is_one(AuditLog.record_id, without))
        .group_by(AuditLog.record_id, change.c.key)
        .cte("left_at")
    )
    return _compared(left, table)


def _names(table: Table) -> list[str]:
    return [each.name for each in table.c if not each.system]


def _compared(left: CTE, table: Table) -> CTE:
    recorded = [part for name in _names(table) for part in (literal(name, Text), table.c[name])]
    current = func.jsonb_build_object(*recorded, type_=JSONB).op("->", return_type=JSONB())(left.c.field)
    verdict = case(
        (table.c.id.is_(None), DELETED_SINCE),
        (left.c.is_erased, ERASED),
        (current.is_distinct_from(left.c.after), CHANGED_SINCE),
        (_got_a_secret(left, table), CHANGED_SINCE),
        else_=ALREADY_SO,
    )
    columns = [left.c[name] for name in ("record_id", "field", "after", "last_entry")]
    return (
        select(*columns, current.label("current"), verdict.label("verdict"), literal(False).label("is_led"))
        .select_from(left.outerjoin(table, table.c.id == left.c.record_id))
        .cte("judged")
    )


def _got_a_secret(left: CTE, table: Table) -> ColumnElement[bool]:
    """Whether a secret was set since, such as the password with which somebody signs in by now."""
    secrets = [name for name, each in table.c.items() if each.info.get("audit") == "secret"]
    since = AuditLog.__table__.alias("since")
    given = [since.c.changes.has_key(name) for name in secrets]
    if not given:
        return literal(False)
    of_it = (since.c.table_name == table.name) & (since.c.record_id == left.c.record_id)
    return (left.c.field == "id") & exists().where(of_it, since.c.id > left.c.last_entry, *given)


async def _verdicts(session: AsyncSession, judged: CTE) -> dict[str, Ids]:
    """The records by verdict; one of which several fields are wrong counts for each reason."""
    records = func.array_agg(judged.c.record_id.distinct(), type_=ARRAY(BigInteger))
    found = await session.execute(select(judged.c.verdict, records).group_by(judged.c.verdict))
    return {verdict: frozenset(ids) for verdict, ids in found}


# What hangs on it -------------------------------------------------------------------------------


def _children(table: Table) -> Iterator[tuple[Table, Column[Any]]]:
    """The tables whose rows go to the trash with those of `table`, and the column that leads there."""
    for other in Base.metadata.sorted_tables:
        keys = _keys_to_parents(other)
        yield from ((other, key.parent) for key in keys if key.column.table is table)


async def _worked_on(session: AsyncSession, share: Share, table: Table, ids: Ids) -> Ids:
    """Those with something on them that the operation did not put there, or not as it is now."""
    found: set[int] = set()
    for child, parent in _children(table):
        live = select(child.c.id, parent.label("parent")).where(
            _is_one(parent, ids), child.c.deleted_at.is_(None)
        )
        rows = (await session.execute(live.order_by(child.c.id).with_for_update())).all()
        parts = Share(share.operation_id, [row.id for row in rows])
        verdicts = await _verdicts(session, _judged(parts, child))
        fine = verdicts.get(ALREADY_SO, frozenset()).difference(
            *(wrong for reason, wrong in verdicts.items() if reason != ALREADY_SO)
        )
        found |= {row.parent for row in rows if row.id not in fine}
    return frozenset(found)


def _worked_on_conflict(table: Table, record_id: int) -> UndoConflict:
    return UndoConflict(table.name, record_id, "what is on it", CHANGED_SINCE, expected=None, current=None)


@dataclass(frozen=True)
class _Parts:
    """Created rows that belong to a created one, and share its fate: what became of them by now."""

    taken_along: Ids
    gone_before: Ids
    kept: Ids

    @property
    def all(self) -> Ids:
        return self.taken_along | self.gone_before | self.kept


async def _parts_of_created(session: AsyncSession, share: Share, table: Table) -> _Parts:
    by_fate: dict[str, set[int]] = {"taken": set(), "gone": set(), "kept": set()}
    for key in _keys_to_parents(table):
        is_taken = table.c.deleted_operation == current_change().operation_id
        fate = case((table.c.deleted_at.is_(None), "kept"), (is_taken, "taken"), else_="gone")
        rows = select(table.c.id, fate.label("fate")).where(table.c.id.in_(share.created(table)))
        for row in await session.execute(rows.where(share.has_created(key.column.table, key.parent))):
            by_fate[row.fate].add(row.id)
    return _Parts(*(frozenset(by_fate[fate]) for fate in ("taken", "gone", "kept")))


def _keys_to_parents(table: Table) -> Iterator[ForeignKey]:
    """What leads to the rows with which those of `table` go to the trash."""
    for key in table.foreign_keys:
        if "deleted_at" in table.c and "deleted_at" in key.column.table.c:
            yield key


# Taking it --------------------------------------------------------------------------------------


async def _take(session: AsyncSession, table: Table, ids: Ids) -> Ids:
    """Take rows back that are live; their ids."""
    if "deleted_at" not in table.c:
        switched = update(table).where(_is_one(table.c.id, ids), table.c.is_active)
        return await _changed(session, table, switched.values(is_active=False))
    for child, parent in _children(table):
        hanging = update(child).where(_is_one(parent, ids), child.c.deleted_at.is_(None))
        await _changed(session, child, hanging.values(trash_marks()))
    live = update(table).where(_is_one(table.c.id, ids), table.c.deleted_at.is_(None))
    return await _changed(session, table, live.values(trash_marks()))


async def _changed(session: AsyncSession, table: Table, statement: Any) -> Ids:
    return frozenset(await session.scalars(statement.returning(table.c.id)))


def _oneself(table: Table) -> Ids:
    """Whoever undoes it, if that is one of the rows: nobody is locked out by their own hand."""
    actor = current_change().actor_id
    return frozenset({actor} if table.name == User.__tablename__ and actor is not None else ())


def _is_one(key: Any, ids: Collection[int]) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = key == any_(literal(sorted(ids), ARRAY(BigInteger)))
    return condition
