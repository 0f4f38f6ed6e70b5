"""Taking off the links that an operation made, and making again those that it took off.

A link is a row of an association table, such as a tag on a ticket; in the history it belongs to the
record that `record_column` leads to.
"""

from collections.abc import Collection

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    RowMapping,
    Table,
    Text,
    and_,
    any_,
    cast,
    delete,
    exists,
    func,
    literal,
    literal_column,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningDelete, ReturningInsert

from backoffice.audit.links import parent_table, record_column
from backoffice.audit.revert.result import DELETED_SINCE, Reverted, UndoConflict
from backoffice.audit.revert.share import Share
from models import AuditAction, AuditLog


async def put_links_back(session: AsyncSession, share: Share, table: Table) -> Reverted:
    """Undo the operation's links in `table`; the records that they belong to are locked."""
    net = _net(share, table)
    of_record = net.c[record_column(table).name]
    records = set(await session.scalars(select(of_record).where(_was_made(net) | _was_taken_off(net))))
    conflicts, conflict_count = await _lost(session, share, net, table)
    unlinked, linked = await session.scalars(_unlink(net, table)), await session.scalars(_relink(net, table))
    changed = {*unlinked, *linked}
    await _touch(session, table, changed)
    refused = frozenset(conflict.record_id for conflict in conflicts)
    return Reverted(
        table=parent_table(table).name,
        changed=frozenset(changed),
        unchanged=frozenset(records - changed - refused),
        refused={DELETED_SINCE: refused} if refused else {},
        conflicts=conflicts,
        conflict_count=conflict_count,
    )


def _net(share: Share, table: Table) -> CTE:
    """Per link: what the operation did to it first and last, which differ if it changed its mind."""
    changes = AuditLog.changes
    entries = (
        select(
            *(
                cast(
                    func.coalesce(changes[key.name]["new"].astext, changes[key.name]["old"].astext), key.type
                ).label(key.name)
                for key in table.primary_key
            ),
            cast(AuditLog.action, Text).label("action"),
            AuditLog.id.label("entry"),
        )
        .where(
            share.entries,
            AuditLog.table_name == table.name,
            AuditLog.action.in_((AuditAction.CREATE, AuditAction.DELETE)),
            # Those of a record that it created stay on it, wherever that goes.
            AuditLog.record_id.not_in(share.created(parent_table(table))),
        )
        .subquery("entries")
    )
    keys = [entries.c[key.name] for key in table.primary_key]
    actions = func.jsonb_agg(entries.c.action)
    first, last = (
        actions.aggregate_order_by(order).op("->>", return_type=Text())(literal_column("0"))
        for order in (entries.c.entry, entries.c.entry.desc())
    )
    return select(*keys, first.label("first"), last.label("last")).group_by(*keys).cte("net")


def _was_made(net: CTE) -> ColumnElement[bool]:
    return (net.c.first == AuditAction.CREATE.value) & (net.c.last == AuditAction.CREATE.value)


def _was_taken_off(net: CTE) -> ColumnElement[bool]:
    return (net.c.first == AuditAction.DELETE.value) & (net.c.last == AuditAction.DELETE.value)


def _unlink(net: CTE, table: Table) -> ReturningDelete[int]:
    made = select(*_keys(net, table)).where(_was_made(net))
    links = tuple_(*table.primary_key).in_(made)
    return delete(table).where(links).returning(record_column(table))


def _relink(net: CTE, table: Table) -> ReturningInsert[int]:
    keys = _keys(net, table)
    again = select(*keys).where(_was_taken_off(net), _is_whole(net, table)).order_by(*keys)
    rows = insert(table).from_select([key.name for key in keys], again, include_defaults=False)
    return rows.on_conflict_do_nothing().returning(record_column(table))


async def _lost(
    session: AsyncSession, share: Share, net: CTE, table: Table
) -> tuple[list[UndoConflict], int]:
    """Links that cannot be made again, because what they led to is gone: some of them, and how many."""
    keys = _keys(net, table)
    lost = select(*keys).where(_was_taken_off(net), ~_is_whole(net, table))
    count = (await session.scalars(select(func.count()).select_from(lost.subquery()))).one()
    listed = await session.execute(lost.order_by(*keys).limit(share.listed))
    return [_conflict(table, link) for link in listed.mappings()], count


def _conflict(table: Table, link: RowMapping) -> UndoConflict:
    record = record_column(table).name
    (other,) = {str(name) for name in link} - {record}
    return UndoConflict(
        parent_table(table).name, link[record], other, DELETED_SINCE, expected=None, current=None
    )


def _keys(net: CTE, table: Table) -> list[ColumnElement[int]]:
    return [net.c[key.name] for key in table.primary_key]


def _is_whole(net: CTE, table: Table) -> ColumnElement[bool]:
    """Whether both ends of the link are there still."""
    return and_(*(exists().where(key.column == net.c[key.parent.name]) for key in table.foreign_keys))


async def _touch(session: AsyncSession, table: Table, ids: Collection[int]) -> None:
    # A new version of the record, so that a form that was opened before cannot put the old links back.
    parent = parent_table(table)
    if ids and "updated_at" in parent.c:
        rows = update(parent).where(parent.c.id == any_(literal(sorted(ids), ARRAY(BigInteger))))
        await session.execute(rows.values(updated_at=func.now()))
