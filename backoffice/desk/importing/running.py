"""Running an import: what was confirmed, and nothing else, a set of rows in the transaction under way."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, any_, bindparam, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.context import current_change
from backoffice.desk.importing.judging import Judged
from backoffice.desk.importing.people import create_people, update_people
from backoffice.desk.importing.plan import Plan
from backoffice.desk.importing.staging import JUDGES, ROWS, count_rows
from backoffice.desk.importing.ticket_writing import create_tickets, update_tickets
from backoffice.desk.importing.wanted import Wanted
from backoffice.errors import Conflict, NotFound
from backoffice.operations import Counts
from models import ImportFile, ImportKind, ImportRow, ImportState, Verdict

#: Rows that are written by the same statements.
AT_ONCE: Final = 1_000
#: Why a row that was confirmed is left alone after all.
OTHERWISE_BY_NOW: Final = "it was changed since the check"
NOT_RUN: Final = "the import ended before this row"
_RUNS: Final = (Verdict.CREATE, Verdict.UPDATE)


async def rows_to_run(session: AsyncSession, import_id: UUID) -> list[int]:
    """The numbers of the rows that are to be created or updated, in their order."""
    wanted = select(ImportRow.number).where(ImportRow.import_id == import_id, ImportRow.verdict.in_(_RUNS))
    return [*await session.scalars(wanted.where(ImportRow.wanted.is_not(None)).order_by(ImportRow.number))]


async def lock_import(session: AsyncSession, import_id: UUID) -> ImportFile:
    """The import, which nobody else runs or checks until the transaction ends; NotFound if there is none."""
    wanted = select(ImportFile).where(ImportFile.id == import_id).with_for_update()
    file: ImportFile | None = await session.scalar(wanted, execution_options={"populate_existing": True})
    if file is None:
        raise NotFound("There is no such import.")
    return file


async def begin_run(session: AsyncSession, import_id: UUID) -> ImportFile:
    """Note that the import runs now, as the operation under way; Conflict unless it was checked, or twice."""
    file = await lock_import(session, import_id)
    if file.state is not ImportState.CHECKED:
        raise Conflict("This import ran already, or was not checked yet.")
    file.state = ImportState.RUNNING
    file.operation_id = current_change().operation_id
    await session.flush()
    return file


async def import_rows(session: AsyncSession, import_id: UUID, numbers: Sequence[int]) -> Counts:
    """Do the staged rows with these numbers, some at a time, in the transaction under way."""
    counts = Counts()
    for start in range(0, len(numbers), AT_ONCE):
        counts += await import_chunk(session, import_id, numbers[start : start + AT_ONCE])
    return counts


async def import_chunk(session: AsyncSession, import_id: UUID, numbers: Sequence[int]) -> Counts:
    """Do the staged rows with these numbers, a few statements however many; rows that are done stay so.

    Each is judged anew, with its record locked: one whose record is not as it was when it was checked is
    refused.
    """
    file = await session.get_one(ImportFile, import_id)
    plan = Plan.from_json(file.plan)
    staged = await _staged(session, import_id, numbers)
    wanted = [_wanted(row) for row in staged]
    judged = await JUDGES[plan.kind](session, plan, wanted, lock=True)
    due = _Due.of(staged, wanted, judged)
    created = await _create(session, plan, due.new) if due.new else []
    if due.known:
        await _update(session, plan, due.known)
    keys = {each.number: id_ for each, id_ in zip(due.new, created, strict=True)}
    await _note(session, import_id, numbers, keys, due.refused)
    return Counts(changed=len(due.new) + len(due.known), refused=Counter(due.refused.values()))


async def finish_run(session: AsyncSession, import_id: UUID) -> None:
    """Note that it has ended; a row that was not done by then, as after a cancellation, is refused."""
    file = await lock_import(session, import_id)
    left = update(ROWS).where(ROWS.c.import_id == import_id, ROWS.c.wanted.is_not(None))
    await session.execute(left.values(wanted=None, verdict=Verdict.ERROR, reason=NOT_RUN))
    file.counts = await count_rows(session, import_id)
    file.state, file.ended_at = ImportState.DONE, func.now()
    await session.flush()


@dataclass(frozen=True)
class _Due:
    """What is to be done now: rows that become new records, rows by their record, and why others are left."""

    new: list[Wanted]
    known: dict[int, Wanted]
    refused: dict[int, str]

    @classmethod
    def of(cls, staged: Sequence[ImportRow], wanted: Sequence[Wanted], judged: Sequence[Judged]) -> "_Due":
        due = cls([], {}, {})
        for row, each, now in zip(staged, wanted, judged, strict=True):
            if (now.verdict, now.record_id, now.version) != (row.verdict, row.record_id, row.version):
                due.refused[row.number] = now.reason if now.verdict is Verdict.ERROR else OTHERWISE_BY_NOW
            elif now.record_id is None:
                due.new.append(each)
            else:
                due.known[now.record_id] = each
        return due


async def _staged(session: AsyncSession, import_id: UUID, numbers: Sequence[int]) -> Sequence[Any]:
    columns = [ROWS.c[name] for name in ("number", "line", "key", "title", "wanted", "verdict")]
    rows = select(*columns, ROWS.c.record_id, ROWS.c.version).where(
        ROWS.c.import_id == import_id,
        ROWS.c.number == any_(literal([*numbers], ARRAY(BigInteger))),
        ROWS.c.verdict.in_(_RUNS),
        ROWS.c.wanted.is_not(None),
    )
    return (await session.execute(rows.order_by(ROWS.c.number))).all()


def _wanted(row: Any) -> Wanted:
    return Wanted(row.number, row.line, row.key, row.title, row.wanted)


async def _create(session: AsyncSession, plan: Plan, rows: Sequence[Wanted]) -> list[int]:
    if plan.kind is ImportKind.PEOPLE:
        return await create_people(session, rows)
    return await create_tickets(session, plan, rows)


async def _update(session: AsyncSession, plan: Plan, rows: Mapping[int, Wanted]) -> None:
    if plan.kind is ImportKind.PEOPLE:
        await update_people(session, rows)
    else:
        await update_tickets(session, plan, rows)


async def _note(
    session: AsyncSession,
    import_id: UUID,
    numbers: Sequence[int],
    created: Mapping[int, int],
    refused: Mapping[int, str],
) -> None:
    """Write down what became of the rows, and let go of what they asked for."""
    done = update(ROWS).where(
        ROWS.c.import_id == import_id, ROWS.c.number == any_(literal([*numbers], ARRAY(BigInteger)))
    )
    await session.execute(done.values(wanted=None))
    one = update(ROWS).where(ROWS.c.import_id == import_id, ROWS.c.number == bindparam("row"))
    if created:
        rows = [{"row": number, "record": id_} for number, id_ in created.items()]
        await session.execute(one.values(record_id=bindparam("record")), rows)
    if refused:
        why = [{"row": number, "why": reason} for number, reason in refused.items()]
        await session.execute(one.values(verdict=Verdict.ERROR, reason=bindparam("why")), why)
