"""Undo: putting back what an operation changed, except where somebody changed it since.

It works from the history alone, with a few statements a table however many rows. What was updated gets
its old values (`rows`); what was linked is unlinked, and the other way round (`links`); what was created is
taken back (`created`).
An undo is an operation too, so an undo can be undone; history is never rewritten.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Select,
    Table,
    exists,
    literal,
    select,
    text,
    union,
)
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.context import current_change
from backoffice.audit.labels import verb_label
from backoffice.audit.links import parent_table
from backoffice.audit.past.moments import known_since
from backoffice.audit.revert.created import take_created_back
from backoffice.audit.revert.links import put_links_back
from backoffice.audit.revert.result import Reverted, UndoConflict
from backoffice.audit.revert.rows import put_values_back
from backoffice.audit.revert.share import Share
from backoffice.audit.revert.traces import Trace, find_traces, why_all_stays
from backoffice.errors import Conflict, NotFound
from models import ENDED, AuditAction, AuditLog, Base, Job, Operation


@dataclass(frozen=True)
class UndoResult:
    """What an undo put back, by table, what was so already, and what it left alone, and why.

    Rows are counted once, with all their fields and links; `refused` counts them by the reason, and
    `left_alone` has their ids.
    `conflicts` lists fields, the first 200 of the `conflict_count` that there are.
    """

    changed: Mapping[str, int]
    unchanged: int
    refused: Mapping[str, int]
    conflicts: Sequence[UndoConflict]
    conflict_count: int
    left_alone: Mapping[str, Sequence[int]] = field(default_factory=dict, compare=False)

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
    await require_undoable(session, operation_id)
    share = Share(operation_id)
    result = await undo_share(session, share, await find_traces(session, operation_id))
    current_change().outcome |= result.as_json()
    return result


async def require_undoable(session: AsyncSession, operation_id: UUID) -> None:
    """Note the operation under way as the undo of this one, if it can be: see `undo` for the errors.

    Until the transaction ends nobody else can begin to undo it.
    """
    await session.flush()
    operation = await session.get(Operation, operation_id)
    if operation is None:
        raise NotFound("There is no such operation.")
    await session.execute(_TAKE_TURNS, {"operation_id": str(operation_id)})
    if (reason := await why_not(session, operation)) is not None:
        raise Conflict(reason)
    change = current_change()
    change.reverts_id = operation.id
    change.selection = f"{verb_label(operation.verb)}, {operation.created_at:%Y-%m-%d %H:%M} UTC"


async def undo_share(session: AsyncSession, share: Share, traces: Sequence[Trace]) -> UndoResult:
    """Put back what the operation did to the records of `share`, in the tables of `traces`."""
    await session.execute(_IN_UTC)
    await _lock(session, share, traces)
    return _result(share, await _put_back(session, share, traces))


async def why_not(session: AsyncSession, operation: Operation) -> str | None:
    """A sentence that says why the operation cannot be undone; None when it can."""
    if await _is_under_way(session, operation.id):
        return "It is under way still. Cancel it first, or wait until it has ended."
    if await _is_undone(session, operation.id):
        return "It was undone already."
    if await _is_out_of_reach(session, operation):
        return "The history of that time was taken out of the database."
    traces = await find_traces(session, operation.id, with_fields=False)
    if not traces:
        return "It changed nothing that could be put back."
    if any(trace.action is AuditAction.ERASE for trace in traces):
        return "It erased somebody for good."
    if (reason := why_all_stays(traces)) is not None:
        return reason
    return next((reason for trace in traces if (reason := trace.obstacle) is not None), None)


async def _is_under_way(session: AsyncSession, operation_id: UUID) -> bool:
    is_open = Job.state.not_in(ENDED)
    return bool(await session.scalar(select(exists().where(Job.id == operation_id, is_open))))


async def _is_out_of_reach(session: AsyncSession, operation: Operation) -> bool:
    """Whether some of its entries may be gone: the rest of them would put back a part of what it did."""
    beginning = await known_since(session)
    return beginning is not None and operation.created_at < beginning


# Values are compared as the history wrote them.
_IN_UTC = text("SELECT set_config('timezone', 'UTC', true)")
_TAKE_TURNS = text("SELECT pg_advisory_xact_lock(hashtextextended(:operation_id, 0))")


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


async def _lock(session: AsyncSession, share: Share, traces: Sequence[Trace]) -> None:
    """Lock all rows that may change, and the parents of those that may leave the trash.

    From parents to children, and by the key within a table, as everybody does.
    """
    tables = {Base.metadata.tables[trace.table] for trace in traces}
    for table in Base.metadata.sorted_tables:
        if wanted := [*_to_lock(share, table, tables)]:
            rows = select(table.c.id).where(table.c.id.in_(union(*wanted)))
            await session.execute(rows.order_by(table.c.id).with_for_update())


def _to_lock(share: Share, table: Table, touched: Collection[Table]) -> Iterator[Select[int | None]]:
    for other in touched:
        records = select(AuditLog.record_id).where(share.entries, AuditLog.table_name == other.name)
        if "audit_record" in other.info:
            if parent_table(other) is table:
                yield records
        elif other is table:
            yield records
        elif "deleted_at" in other.c and "deleted_at" in table.c:
            for key in other.foreign_keys:
                if key.column.table is table:
                    yield select(key.parent).where(other.c.id.in_(records))


async def _put_back(session: AsyncSession, share: Share, traces: Sequence[Trace]) -> list[Reverted]:
    """Undo table by table, parents first: whether a row may leave the trash depends on its parent."""
    done = []
    for table in Base.metadata.sorted_tables:
        of_it = {trace.action: trace for trace in traces if trace.table == table.name and not trace.stays}
        if of_it and "audit_record" in table.info:
            done.append(await put_links_back(session, share, table))
            continue
        if AuditAction.CREATE in of_it:
            done.append(await take_created_back(session, share, table))
        if (trace := of_it.get(AuditAction.UPDATE)) is not None:
            done.append(await put_values_back(session, share, table, trace.fields))
    return done


def _result(share: Share, done: Sequence[Reverted]) -> UndoResult:
    changed = _joined((one.table, one.changed) for one in done)
    refused = _joined((reason, ids) for one in done for reason, ids in one.refused.items())
    conflicts = [conflict for one in done for conflict in one.conflicts]
    return UndoResult(
        changed={table: len(ids) for table, ids in changed.items() if ids},
        unchanged=sum(len(one.unchanged) for one in done),
        refused={reason: len(ids) for reason, ids in refused.items()},
        left_alone={reason: sorted(ids) for reason, ids in refused.items()},
        conflicts=conflicts[: share.listed],
        conflict_count=sum(one.conflict_count for one in done),
    )


def _joined(parts: Iterable[tuple[str, frozenset[int]]]) -> dict[str, frozenset[int]]:
    """The sets under the same name as one: a ticket whose status and tags are put back counts once."""
    joined: dict[str, frozenset[int]] = {}
    for name, ids in parts:
        joined[name] = joined.get(name, frozenset()) | ids
    return joined
