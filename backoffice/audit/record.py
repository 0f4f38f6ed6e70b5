"""Writing down an operation at the end of its transaction, and events that change no row."""

from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Insert,
    Text,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.context import Change
from models import AuditAction, AuditLog, Operation

CHANGES_OF_ROWS = (AuditAction.CREATE, AuditAction.UPDATE, AuditAction.DELETE)


def of_operation(operation_id: UUID) -> ColumnElement[bool]:
    """The entries of records that an operation wrote.

    Its own entry, by which the history proves who did what, and why, is none of them. Partitions from
    before it began are not looked at.
    """
    began = select(Operation.created_at).where(Operation.id == operation_id).scalar_subquery()
    return and_(
        AuditLog.operation_id == operation_id,
        AuditLog.created_at >= func.coalesce(began, literal_column("'-infinity'::timestamptz")),
        AuditLog.table_name != Operation.__tablename__,
    )


async def record_operation(session: AsyncSession, change: Change) -> None:
    """Add `change` to the operations, if its transaction changed any audited row."""
    if change.is_begun:
        return
    values = _values(change)
    given = {f"given_{column.key}": value for column, value in values.items()}
    # No record of the session has to do with it.
    connection = await session.connection()
    await connection.execute(_recorded(tuple(values)), given)


@cache
def _recorded(columns: Sequence[ColumnElement[Any]]) -> Insert:
    """Adds an operation of the values that are given, if its transaction changed any audited row."""
    # Made once: every transaction that may write ends with it, and making it takes longer than running it.
    given = {column.key: bindparam(f"given_{column.key}", type_=column.type) for column in columns}
    wrote_history = exists().where(
        AuditLog.operation_id == given["id"],
        AuditLog.action.in_(CHANGES_OF_ROWS),
        # It began with this transaction: older partitions need not be looked at.
        AuditLog.created_at >= func.now(),
    )
    row = select(*given.values()).where(wrote_history)
    return insert(Operation).from_select(list(columns), row, include_defaults=False)


async def begin_operation(session: AsyncSession, change: Change) -> None:
    """Add `change` to the operations now, whatever becomes of it: more transactions will go on with it."""
    values = {column.key: value for column, value in _values(change).items()}
    await session.execute(insert(Operation).values(values))
    change.is_begun = True


def _values(change: Change) -> dict[ColumnElement[Any], Any]:
    table: Any = Operation.__table__.c
    return {
        table.id: change.operation_id,
        table.verb: change.verb,
        table.actor_id: change.actor_id,
        table.actor: change.actor,
        table.request_id: change.request_id,
        table.reason: change.reason,
        table.selection: change.selection,
        table.parameters: change.parameters,
        table.outcome: change.outcome,
        table.reverts_id: change.reverts_id,
    }


async def record_event(
    session: AsyncSession,
    action: AuditAction,
    *,
    table_name: str,
    record_id: int | None,
    facts: dict[str, Any],
    personal: Sequence[str] = (),
) -> None:
    """Add an entry for what changes no row (a sign-in, say); `facts` are its `{"name": value}`.

    `personal` names those that an erasure blanks. Actor, operation and request are the transaction's.
    """
    changes = {name: {"new": value} for name, value in facts.items()}
    await session.execute(
        select(
            func.audit_event(
                literal(action.value),
                literal(table_name),
                record_id,
                literal(changes, JSONB),
                literal(list(personal) or None, ARRAY(Text)),
            )
        )
    )
