"""Undo: putting back what an operation changed, except where somebody changed it since.

It works from the history alone, with a few statements a table however many rows. What was updated gets
its old values (`rows`); what was linked is unlinked, and the other way round (`links`).
An undo is an operation too, so an undo can be undone; history is never rewritten.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Table, Text, column, func, literal, select, text, true, union
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.context import current_change
from backoffice.audit.labels import verb_label
from backoffice.audit.links import parent_table
from backoffice.audit.past.moments import known_since
from backoffice.audit.record import CHANGES_OF_ROWS, of_operation
from backoffice.audit.revert.links import put_links_back
from backoffice.audit.revert.result import LISTED_CONFLICTS, Reverted, UndoConflict
from backoffice.audit.revert.rows import put_values_back
from backoffice.errors import Conflict, NotFound
from models import AuditAction, AuditLog, Base, Operation


@dataclass(frozen=True)
class UndoResult:
    """What an undo put back, by table, what was so already, and what it left alone, and why.

    Rows are counted once, with all their fields and links; `refused` counts them by the reason.
    `conflicts` lists fields, the first 200 of the `conflict_count` that there are.
    """

    changed: Mapping[str, int]
    unchanged: int
    refused: Mapping[str, int]
    conflicts: Sequence[UndoConflict]
    conflict_count: int

    def as_json(self) -> dict[str, Any]:
        return {
            "changed": sum(self.changed.values()),
            "unchanged": self.unchanged,
            "refused": dict(self.refused),
            "tables": dict(self.changed),
            "conflicts": [conflict.as_json() for conflict in self.conflicts],
            "conflict_count": self.conflict_count,
        }


async def undo(session: AsyncSession, operation_id: UUID) -> UndoResult:
    """Put back what the operation changed, as part of the operation under way, which is noted as its undo.

    NotFound when there is no such operation, Conflict when it cannot be undone (`why_not` says why).
    Objects that the session had loaded before keep their values until they are refreshed.
    """
    await session.flush()
    operation = await session.get(Operation, operation_id)
    if operation is None:
        raise NotFound("There is no such operation.")
    await session.execute(_BEGIN, {"operation_id": str(operation_id)})
    if (reason := await why_not(session, operation)) is not None:
        raise Conflict(reason)
    traces = await _traces(session, operation_id)
    await _lock(session, operation_id, traces)
    result = _result(await _put_back(session, operation_id, traces))
    change = current_change()
    change.reverts_id = operation_id
    change.selection = f"{verb_label(operation.verb)}, {operation.created_at:%Y-%m-%d %H:%M} UTC"
    change.outcome |= result.as_json()
    return result


async def why_not(session: AsyncSession, operation: Operation) -> str | None:
    """A sentence that says why the operation cannot be undone; None when it can."""
    if await _is_undone(session, operation.id):
        return "It was undone already."
    if await _is_out_of_reach(session, operation):
        return "The history of that time was taken out of the database."
    traces = await _traces(session, operation.id)
    if not traces:
        return "It changed nothing that could be put back."
    if any(trace.action is AuditAction.ERASE for trace in traces):
        return "It erased somebody for good."
    return next((reason for trace in traces if (reason := trace.obstacle) is not None), None)


async def _is_out_of_reach(session: AsyncSession, operation: Operation) -> bool:
    """Whether some of its entries may be gone: the rest of them would put back a part of what it did."""
    beginning = await known_since(session)
    return beginning is not None and operation.created_at < beginning


@dataclass(frozen=True)
class _Trace:
    """What an operation did in one way to one table."""

    table: str
    action: AuditAction
    fields: Sequence[str]
    has_secrets: bool

    @property
    def obstacle(self) -> str | None:
        """Why this cannot be undone, if so."""
        if self.has_secrets:
            return "It changed a secret, whose old value the history does not keep."
        if self.table not in Base.metadata.tables:
            return f"It changed {self.table}, which are kept no more."
        if self.is_link:
            return "It rewrote links by hand." if self.action is AuditAction.UPDATE else None
        if self.action is AuditAction.CREATE:
            return (
                f"It created {_words(self.table)}: what is not wanted any more is moved to the trash instead."
            )
        if self.action is AuditAction.DELETE:
            return f"It deleted {_words(self.table)} forever."
        return None

    @property
    def is_link(self) -> bool:
        return "audit_record" in Base.metadata.tables[self.table].info


# Two who undo the same operation take turns; values are compared as the history wrote them, in UTC.
_BEGIN = text(
    "SELECT pg_advisory_xact_lock(hashtextextended(:operation_id, 0)), set_config('timezone', 'UTC', true)"
)


async def _is_undone(session: AsyncSession, operation_id: UUID) -> bool:
    """Whether an undo of it stands, one that was not undone in its turn."""
    first = select(Operation.id, Operation.reverts_id, literal(1).label("depth"))
    undos = first.where(Operation.reverts_id == operation_id).cte("undos", recursive=True)
    further = select(Operation.id, Operation.reverts_id, undos.c.depth + 1)
    undos = undos.union_all(further.join(undos, Operation.reverts_id == undos.c.id))
    undone: set[UUID] = set()
    for row in await session.execute(select(undos).order_by(undos.c.depth.desc())):
        if row.id not in undone:
            undone.add(row.reverts_id)
    return operation_id in undone


async def _traces(session: AsyncSession, operation_id: UUID) -> list[_Trace]:
    change = func.jsonb_each(AuditLog.changes).table_valued(column("key", Text), column("value", JSONB))
    statement = (
        select(
            AuditLog.table_name,
            AuditLog.action,
            func.array_agg(change.c.key.distinct(), type_=ARRAY(Text)),
            func.bool_or(change.c.value.has_key("changed")),
        )
        .select_from(AuditLog)
        .join(change, true())
        .where(of_operation(operation_id), AuditLog.action.in_((*CHANGES_OF_ROWS, AuditAction.ERASE)))
        .group_by(AuditLog.table_name, AuditLog.action)
    )
    return [_Trace(*row) for row in await session.execute(statement)]


async def _lock(session: AsyncSession, operation_id: UUID, traces: Sequence[_Trace]) -> None:
    """Lock all rows that may change, and the parents of those that may leave the trash.

    From parents to children, and by the key within a table, as everybody does.
    """
    tables = {Base.metadata.tables[trace.table] for trace in traces}
    for table in Base.metadata.sorted_tables:
        if wanted := [*_to_lock(operation_id, table, tables)]:
            rows = select(table.c.id).where(table.c.id.in_(union(*wanted)))
            await session.execute(rows.order_by(table.c.id).with_for_update())


def _to_lock(operation_id: UUID, table: Table, touched: Collection[Table]) -> Iterator[Select[int | None]]:
    for other in touched:
        records = select(AuditLog.record_id).where(
            of_operation(operation_id), AuditLog.table_name == other.name
        )
        if "audit_record" in other.info:
            if parent_table(other) is table:
                yield records
        elif other is table:
            yield records
        elif "deleted_at" in other.c and "deleted_at" in table.c:
            for key in other.foreign_keys:
                if key.column.table is table:
                    yield select(key.parent).where(other.c.id.in_(records))


async def _put_back(session: AsyncSession, operation_id: UUID, traces: Sequence[_Trace]) -> list[Reverted]:
    """Undo table by table, parents first: whether a row may leave the trash depends on its parent."""
    by_table = {trace.table: trace for trace in traces}
    done = []
    for table in Base.metadata.sorted_tables:
        if (trace := by_table.get(table.name)) is None:
            continue
        if trace.is_link:
            done.append(await put_links_back(session, operation_id, table))
        else:
            done.append(await put_values_back(session, operation_id, table, trace.fields))
    return done


def _result(done: Sequence[Reverted]) -> UndoResult:
    changed = _joined((one.table, one.changed) for one in done)
    refused = _joined((reason, ids) for one in done for reason, ids in one.refused.items())
    conflicts = [conflict for one in done for conflict in one.conflicts]
    return UndoResult(
        changed={table: len(ids) for table, ids in changed.items() if ids},
        unchanged=sum(len(one.unchanged) for one in done),
        refused={reason: len(ids) for reason, ids in refused.items()},
        conflicts=conflicts[:LISTED_CONFLICTS],
        conflict_count=sum(one.conflict_count for one in done),
    )


def _joined(parts: Iterable[tuple[str, frozenset[int]]]) -> dict[str, frozenset[int]]:
    """The sets under the same name as one: a ticket whose status and tags are put back counts once."""
    joined: dict[str, frozenset[int]] = {}
    for name, ids in parts:
        joined[name] = joined.get(name, frozenset()) | ids
    return joined


def _words(table: str) -> str:
    return table.replace("_", " ")
