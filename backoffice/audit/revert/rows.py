"""Putting the old values of updated rows back, one statement a table.

Per field: where the row still has what the operation wrote last, it gets what it had before the
operation; where it has that already, nothing happens; anything else is a conflict and stays.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Row,
    Subquery,
    Table,
    Text,
    UniqueConstraint,
    Update,
    case,
    cast,
    column,
    exists,
    false,
    func,
    literal,
    literal_column,
    not_,
    null,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.selectable import LateralFromClause

from backoffice.audit.revert.result import (
    CHANGED_SINCE,
    DELETED_SINCE,
    ERASED,
    Reverted,
    UndoConflict,
)
from backoffice.audit.revert.share import Share
from models import AuditAction, AuditLog, Operation, User

_PUT_BACK: Final = "put back"
ALREADY_SO: Final = "already so"
_FINE: Final = frozenset({_PUT_BACK, ALREADY_SO})


async def put_values_back(
    session: AsyncSession, share: Share, table: Table, fields: Sequence[str]
) -> Reverted:
    """Undo the operation's updates of `table`, whose rows are locked; `fields` are those it changed.

    What it created itself is taken back as a whole: see `created`.
    """
    known = [name for name in fields if name in table.columns]
    judged = _judged(_steps(share, table), table, known)
    verdicts = {row.verdict: row for row in await session.execute(_summary(judged))}
    conflicts = await find_conflicts(session, share, table, judged) if verdicts.keys() - _FINE else []
    if _PUT_BACK in verdicts:
        await session.execute(_update(judged, table, known))
    return _reverted(table, verdicts, conflicts)


def _steps(share: Share, table: Table) -> CTE:
    """Per record and field: what it was before the operation, and what the operation left it at."""
    change = func.jsonb_each(AuditLog.changes).table_valued(column("key", Text), column("value", JSONB))
    olds = func.jsonb_agg(change.c.value["old"]).aggregate_order_by(AuditLog.id)
    news = func.jsonb_agg(change.c.value["new"]).aggregate_order_by(AuditLog.id.desc())
    before, after = (values.op("->", return_type=JSONB())(literal_column("0")) for values in (olds, news))
    is_erased = func.bool_or(change.c.value.has_key("erased"))
    return (
        select(
            AuditLog.record_id,
            change.c.key.label("field"),
            before.label("before"),
            after.label("after"),
            is_erased.label("is_erased"),
            func.max(AuditLog.id).label("last_entry"),
        )
        .select_from(AuditLog)
        .join(change, true())
        .where(
            share.entries,
            AuditLog.table_name == table.name,
            AuditLog.action == AuditAction.UPDATE,
            AuditLog.record_id.not_in(share.created(table)),
        )
        .group_by(AuditLog.record_id, change.c.key)
        .having(before.is_distinct_from(after) | is_erased)
        .cte("steps")
    )


def _judged(steps: CTE, table: Table, fields: Sequence[str]) -> CTE:
    """Each step with the current value and a verdict: put back, already so, or the reason why neither."""
    values = [part for name in fields for part in (literal(name, Text), table.c[name])]
    current = func.jsonb_build_object(*values, type_=JSONB).op("->", return_type=JSONB())(steps.c.field)
    verdict = case(
        (table.c.id.is_(None), DELETED_SINCE),
        (steps.c.is_erased, ERASED),
        (current.is_not_distinct_from(steps.c.before), ALREADY_SO),
        (current.is_distinct_from(steps.c.after), CHANGED_SINCE),
        *_obstacles(steps, table, fields),
        else_=_PUT_BACK,
    )
    alone = (
        select(steps, current.label("current"), verdict.label("verdict"))
        .select_from(steps.outerjoin(table, table.c.id == steps.c.record_id))
        .cte("alone")
    )
    return _led(alone, table, fields)


def _led(alone: CTE, table: Table, fields: Sequence[str]) -> CTE:
    """A field that follows another one shares that one's verdict, if the operation changed both."""
    leaders = {name: table.c[name].info["follows"] for name in fields if "follows" in table.c[name].info}
    leader = case(leaders, value=alone.c.field) if leaders else cast(null(), Text)
    verdicts = func.jsonb_object_agg(alone.c.field, alone.c.verdict, type_=JSONB)
    of_the_leader = verdicts.over(partition_by=alone.c.record_id).op("->>", return_type=Text())(leader)
    return select(
        *(alone.c[name] for name in ("record_id", "field", "before", "after", "last_entry", "current")),
        func.coalesce(of_the_leader, alone.c.verdict).label("verdict"),
        of_the_leader.is_not(None).label("is_led"),
    ).cte("judged")


def _obstacles(steps: CTE, table: Table, fields: Sequence[str]) -> list[tuple[ColumnElement[bool], str]]:
    """What else keeps an old value from being put back, each with its reason."""
    return [
        *(
            (_is_field(steps, name, _is_gone(steps, table, name)), "what it referred to is gone")
            for name in fields
            if table.c[name].foreign_keys
        ),
        *(
            (_is_field(steps, name, _is_taken(steps, table, name)), "another record has the old value by now")
            for name in fields
            if _is_unique(table, name)
        ),
        *(
            (_is_field(steps, "deleted_at", condition), "what it belongs to is in the trash")
            for condition in _trashed_parents(steps, table)
        ),
    ]


def _is_field(steps: CTE, name: str, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    # A CASE, not an AND: the condition's cast must not even be tried on the values of other fields.
    return case((steps.c.field == name, condition), else_=false())


def _is_gone(steps: CTE, table: Table, name: str) -> ColumnElement[bool]:
    (key,) = table.c[name].foreign_keys
    referred = key.column.table.alias()
    old = _old_value(steps, table, name)
    return old.is_not(None) & ~exists().where(referred.c[key.column.name] == old)


def _is_taken(steps: CTE, table: Table, name: str) -> ColumnElement[bool]:
    other = table.alias()
    same = other.c[name] == _old_value(steps, table, name)
    return exists().where(same, other.c.id != steps.c.record_id)


def _is_unique(table: Table, name: str) -> bool:
    constraints = [[*one.columns.keys()] for one in table.constraints if isinstance(one, UniqueConstraint)]
    indexes = [[*one.columns.keys()] for one in table.indexes if one.unique]
    return [name] in (*constraints, *indexes)


def _trashed_parents(steps: CTE, table: Table) -> list[ColumnElement[bool]]:
    """Conditions under which a row would leave the trash while what it belongs to is in it."""
    if "deleted_at" not in table.c:
        return []
    leaves = func.jsonb_typeof(steps.c.before) == "null"
    return [
        leaves & exists().where(key.column == key.parent, key.column.table.c.deleted_at.is_not(None))
        for key in table.foreign_keys
        if "deleted_at" in key.column.table.c
    ]


def _old_value(steps: CTE, table: Table, name: str) -> ColumnElement[Any]:
    text = steps.c.before.op("#>>", return_type=Text())(literal_column("'{}'"))
    return cast(text, table.c[name].type)


def _summary(judged: CTE) -> Any:
    """Per verdict: the rows, and the number of their fields."""
    records = func.array_agg(judged.c.record_id.distinct(), type_=ARRAY(BigInteger))
    return (
        select(judged.c.verdict, records.label("records"), func.count().label("fields"))
        .where(not_(judged.c.is_led))
        .group_by(judged.c.verdict)
    )


def _update(judged: CTE, table: Table, fields: Sequence[str]) -> Update:
    patches = (
        select(
            judged.c.record_id,
            func.jsonb_object_agg(judged.c.field, judged.c.before, type_=JSONB).label("patch"),
        )
        .where(judged.c.verdict == _PUT_BACK)
        .group_by(judged.c.record_id)
        .cte("patches")
    )
    values: dict[Any, Any] = {
        table.c[name]: case(
            (patches.c.patch.has_key(name), cast(patches.c.patch[name].astext, table.c[name].type)),
            else_=table.c[name],
        )
        for name in fields
    }
    return update(table).where(table.c.id == patches.c.record_id).values(values)


async def find_conflicts(
    session: AsyncSession, share: Share, table: Table, judged: CTE
) -> list[UndoConflict]:
    listed = (
        select(judged)
        .where(judged.c.verdict.not_in(_FINE), not_(judged.c.is_led))
        .order_by(judged.c.record_id, judged.c.field)
        .limit(share.listed)
        .subquery("listed")
    )
    since = _newest_entry(table, listed)
    name = func.coalesce(User.full_name, Operation.actor, since.c.database_user).label("name")
    statement = (
        select(listed, name, since.c.created_at, since.c.operation_id)
        .select_from(listed)
        .outerjoin(since, true())
        .outerjoin(User, User.id == since.c.user_id)
        .outerjoin(Operation, Operation.id == since.c.operation_id)
        .order_by(listed.c.record_id, listed.c.field)
    )
    return [_conflict(table, row) for row in await session.execute(statement)]


def _newest_entry(table: Table, listed: Subquery) -> LateralFromClause:
    """Who made the field what it is: its last entry after those of the operation."""
    return (
        select(AuditLog)
        .where(
            AuditLog.table_name == table.name,
            AuditLog.record_id == listed.c.record_id,
            AuditLog.id > listed.c.last_entry,
            AuditLog.changes.has_key(listed.c.field),
        )
        .order_by(AuditLog.id.desc())
        .limit(1)
        .lateral("since")
    )


def _conflict(table: Table, row: Row[*tuple[Any, ...]]) -> UndoConflict:
    return UndoConflict(
        table=table.name,
        record_id=row.record_id,
        field=row.field,
        reason=row.verdict,
        expected=row.after,
        current=row.current,
        changed_by=row.name,
        changed_at=row.created_at,
        changed_in=row.operation_id,
    )


def _reverted(table: Table, verdicts: Mapping[str, Any], conflicts: Sequence[UndoConflict]) -> Reverted:
    records = {verdict: frozenset(row.records) for verdict, row in verdicts.items()}
    refused = {reason: ids for reason, ids in records.items() if reason not in _FINE}
    changed = records.get(_PUT_BACK, frozenset())
    return Reverted(
        table=table.name,
        changed=changed,
        unchanged=records.get(ALREADY_SO, frozenset()).difference(changed, *refused.values()),
        refused=refused,
        conflicts=conflicts,
        conflict_count=sum(verdicts[reason].fields for reason in refused),
    )
