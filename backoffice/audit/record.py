"""Writing down an operation at the end of its transaction, and events that change no row."""

from typing import Any

from sqlalchemy import exists, func, insert, literal, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.context import Change
from models import AuditAction, AuditLog, Operation

CHANGES_OF_ROWS = (AuditAction.CREATE, AuditAction.UPDATE, AuditAction.DELETE)


async def record_operation(session: AsyncSession, change: Change) -> None:
    """Add `change` to the operations, if its transaction changed any audited row."""
    table = Operation.__table__.c
    values = {
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
    wrote_history = exists().where(
        AuditLog.operation_id == change.operation_id, AuditLog.action.in_(CHANGES_OF_ROWS)
    )
    row = select(*(literal(value, column.type) for column, value in values.items())).where(wrote_history)
    await session.execute(insert(Operation).from_select(list(values), row, include_defaults=False))


async def record_event(
    session: AsyncSession,
    action: AuditAction,
    *,
    table_name: str,
    record_id: int | None,
    facts: dict[str, Any],
) -> None:
    """Add an entry for what changes no row (a sign-in, say); `facts` are its `{"name": value}`.

    The actor, operation and request are those of the transaction.
    """
    changes = {name: {"new": value} for name, value in facts.items()}
    await session.execute(
        select(
            func.audit_event(literal(action.value), literal(table_name), record_id, literal(changes, JSONB))
        )
    )
