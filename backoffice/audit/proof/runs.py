"""Verifications that somebody asked for: one at a time a database, on record from beginning to end."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, func, select, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from backoffice.audit.proof.report import Report
from backoffice.audit.record import record_event
from backoffice.errors import BackofficeError
from models import AuditAction, AuditLog, AuditVerification, VerificationState
from models.audit_seal import LONGEST_SILENCE

log = logging.getLogger(__name__)

#: A run says so often how far it is.
BEAT_SECONDS: Final = 1.0
FAILED: Final = "The verification failed; what went wrong is in the server's log."

_LOCK: Final = 7261661

#: Called with how many entries are done, and how many there are.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Period:
    """Which moments a verification is about; None is no end."""

    since: datetime | None = None
    until: datetime | None = None

    def as_json(self) -> dict[str, str | None]:
        return {"since": _iso(self.since), "until": _iso(self.until)}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Period":
        return cls(_moment(stored.get("since")), _moment(stored.get("until")))


async def find_running(session: AsyncSession) -> AuditVerification | None:
    """The run that is under way, if any; whoever asks meanwhile waits for the end of this transaction."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    await session.execute(
        update(AuditVerification)
        .where(_is_running(), AuditVerification.seen_at < func.now() - LONGEST_SILENCE)
        .values(state=VerificationState.INTERRUPTED, ended_at=AuditVerification.seen_at)
    )
    found: AuditVerification | None = await session.scalar(select(AuditVerification).where(_is_running()))
    return found


async def begin_run(session: AsyncSession, *, user_id: int, period: Period) -> AuditVerification:
    """Put a run on record, in the history too; after `find_running` found none, in the same transaction."""
    run = AuditVerification(user_id=user_id, report={"asked": period.as_json()})
    session.add(run)
    await session.flush()
    await record_event(
        session,
        AuditAction.VERIFY,
        table_name=AuditLog.__tablename__,
        record_id=None,
        facts={"from": _iso(period.since), "to": _iso(period.until)},
    )
    return run


async def finish_run(
    factory: async_sessionmaker[AsyncSession], run_id: int, prove: Callable[[Progress], Awaitable[Report]]
) -> None:
    """Let `prove` work, write down how far it is, and at last what it found, or that it was cut off."""
    done = [0, 0]

    def note(entries: int, total: int) -> None:
        done[:] = entries, total

    beat = asyncio.create_task(_keep_seen(factory, run_id, done))
    state = VerificationState.INTERRUPTED
    result: dict[str, Any] = {}
    try:
        report = await prove(note)
        state = VerificationState.WHOLE if report.is_whole else VerificationState.BROKEN
        result = {"result": report.as_json()}
    except BackofficeError as error:
        result = {"problem": str(error)}
    except Exception:
        log.exception("verification %s failed", run_id)
        result = {"problem": FAILED}
    finally:
        beat.cancel()
        with suppress(asyncio.CancelledError):
            await beat
        await _end(factory, run_id, done, state, result)


def period_of(run: AuditVerification) -> Period:
    """The period that somebody asked about."""
    return Period.from_json(run.report.get("asked", {}))


def report_of(run: AuditVerification) -> Report | None:
    """What a run found; None for one that has not come to its end."""
    return Report.from_json(run.report["result"]) if "result" in run.report else None


def _is_running() -> ColumnElement[bool]:
    return AuditVerification.state == VerificationState.RUNNING


async def _keep_seen(factory: async_sessionmaker[AsyncSession], run_id: int, done: list[int]) -> None:
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        try:
            await _write(factory, run_id, entries_done=done[0], entries_total=done[1])
        except (SQLAlchemyError, OSError):
            log.warning("verification %s cannot say how far it is", run_id, exc_info=True)


async def _end(
    factory: async_sessionmaker[AsyncSession],
    run_id: int,
    done: list[int],
    state: VerificationState,
    result: dict[str, Any],
) -> None:
    report = AuditVerification.report.concat(result)
    await _write(
        factory,
        run_id,
        entries_done=done[0],
        entries_total=done[1],
        state=state,
        report=report,
        ended_at=func.now(),
    )


async def _write(factory: async_sessionmaker[AsyncSession], run_id: int, **values: Any) -> None:
    statement = update(AuditVerification).where(AuditVerification.id == run_id)
    async with factory.begin() as session:
        await session.execute(
            statement.values(seen_at=func.now(), **values), execution_options={"synchronize_session": False}
        )


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()


def _moment(stored: str | None) -> datetime | None:
    return None if stored is None else datetime.fromisoformat(stored)
