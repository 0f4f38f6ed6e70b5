"""Doing things to the desk as a person would, each in a transaction of its own, and reading what it left."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy import text

from backoffice.audit.context import Change
from backoffice.audit.revert import UndoResult, undo
from backoffice.database import SessionFactory, transaction
from backoffice.operations import BulkVerb, Counts, chosen, run
from models import AuditAction, User


@dataclass(frozen=True)
class Written:
    """An entry of the history as it lies in the table."""

    table: str
    record_id: int
    action: AuditAction
    changes: dict[str, Any]
    user_id: int | None


def acting(person: User | None = None, **fields: Any) -> Change:
    """An operation of `person`, or of the system."""
    who = {"actor": "system:test"} if person is None else {"actor": person.full_name, "actor_id": person.id}
    return Change(**{"verb": "ticket.change", **who, **fields})


async def perform(
    factory: SessionFactory, verb: BulkVerb, ids: Iterable[int], change: Change | None = None
) -> tuple[Counts, Change]:
    change = change or acting()
    async with transaction(factory, change) as session:
        return await run(session, verb, chosen(ids)), change


async def sql(factory: SessionFactory, statement: str, *, change: Change | None = None) -> Change:
    """Run a statement by hand, as the application's role."""
    change = change or acting()
    async with transaction(factory, change) as session:
        await session.execute(text(statement))
    return change


async def take_back(
    factory: SessionFactory, change: Change, person: User | None = None
) -> tuple[UndoResult, Change]:
    undoing = acting(person, verb="operation.undo")
    async with transaction(factory, undoing) as session:
        return await undo(session, change.operation_id), undoing


async def written_by(owner: asyncpg.Connection, change: Change) -> list[Written]:
    """The entries of an operation, in their order."""
    rows = await owner.fetch(
        "SELECT table_name, record_id, action, changes, user_id FROM audit_logs"
        " WHERE operation_id = $1 AND table_name <> 'operations' ORDER BY id",
        change.operation_id,
    )
    return [
        Written(
            row["table_name"],
            row["record_id"],
            AuditAction(row["action"]),
            json.loads(row["changes"]),
            row["user_id"],
        )
        for row in rows
    ]
