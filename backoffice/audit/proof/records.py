"""Holding live records against what the history says of them: what was written past the triggers shows.

A record must be what its creation said, with the latest value of each field that was changed since; one
that was deleted must be gone. A secret field, or one whose values were erased, says nothing.
"""

from typing import Any, Final

from sqlalchemy import Row, Table, TextClause, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.capture import audited_tables
from backoffice.audit.proof.record_queries import differing_links, differing_records, is_rewritten
from backoffice.audit.proof.report import FindingKind, Report
from models import AuditRemoval, RemovalKind

_FETCHED_AT_ONCE: Final = 1_000


async def check_records(session: AsyncSession, report: Report) -> None:
    """Compare every live record with the history; `session` reads all of one moment."""
    report.records = 0
    retained = select(AuditRemoval.id).where(AuditRemoval.kind == RemovalKind.RETENTION).limit(1)
    is_complete = await session.scalar(retained) is None
    for table in audited_tables():
        report.records += await session.scalar(select(func.count()).select_from(table)) or 0
        if "audit_record" not in table.info:
            await _check(session, table, differing_records(table), report, is_complete=is_complete)
        elif await session.scalar(is_rewritten(table)):
            report.notes.append(f"{table.name} was not compared: the history has changes of links.")
        else:
            await _check(session, table, differing_links(table), report, is_complete=is_complete)


async def _check(
    session: AsyncSession, table: Table, differing: TextClause, report: Report, *, is_complete: bool
) -> None:
    unknown = 0
    async for row in await session.stream(differing, execution_options={"yield_per": _FETCHED_AT_ONCE}):
        if not is_complete and _is_older(row):
            unknown += 1
        else:
            sentence = f"{table.name} {row.key} {_fault(row)}."
            report.add(FindingKind.RECORD, sentence, record=_record(table, row))
    if unknown:
        report.notes.append(f"{unknown:,} of {table.name} began before the history that was kept.")


def _is_older(row: Row[*tuple[Any, ...]]) -> bool:
    """Whether nothing is wrong with a record but that its beginning is not in the history."""
    return row.is_live and not row.is_known and not row.is_deleted and not row.fields


def _record(table: Table, row: Row[*tuple[Any, ...]]) -> tuple[str, int] | None:
    """Where it is; links of two records have no key of their own."""
    key = str(row.key)
    return (table.name, int(key)) if row.is_live and key.isdecimal() else None


def _fault(row: Row[*tuple[Any, ...]]) -> str:
    if not row.is_live:
        return "is gone, and the history does not say that it was deleted"
    if row.is_deleted:
        return "is there, and the history says that it was deleted"
    if row.fields:
        return f"is not what the history says: {', '.join(row.fields)}"
    return "is there, and the history does not say that it was created"
