"""Where a moment falls in the history of a record: after a transaction or before it, never within one."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    and_,
    case,
    cast,
    func,
    intersect,
    literal_column,
    not_,
    or_,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.labels import verb_label
from backoffice.audit.past.family import Family, one_of
from models import AuditLog, Operation, User

#: No transaction takes longer: so far from a moment, all is before it, or after it.
LONGEST_TRANSACTION: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Cutoff:
    """A moment, and the transactions that had begun to change the record by then, and were not done.

    What they changed is after the moment, all of it: so people saw it.
    """

    at: datetime
    unfinished: Collection[int] = ()

    def is_after(self) -> ColumnElement[bool]:
        """The entries of what happened after the moment."""
        if not self.unfinished:
            return AuditLog.created_at > self.at
        return and_(
            AuditLog.created_at > self.at - LONGEST_TRANSACTION,
            or_(AuditLog.created_at > self.at, AuditLog.xid == one_of([*self.unfinished])),
        )

    def is_before(self) -> ColumnElement[bool]:
        """The entries of what had happened by then."""
        if not self.unfinished:
            return AuditLog.created_at <= self.at
        return and_(AuditLog.created_at <= self.at, not_(AuditLog.xid == one_of([*self.unfinished])))


@dataclass(frozen=True)
class Step:
    """One transaction that changed the record: `at` is a moment that is just after it."""

    at: datetime
    who: str
    user_id: int | None
    operation_id: UUID | None
    verb: str | None

    @property
    def what(self) -> str:
        """The operation's verb in words; empty for what was written outside of one."""
        return verb_label(self.verb) if self.verb else ""


@dataclass(frozen=True)
class StepsAround:
    """The last change before a moment, the one before that, and the first one after it."""

    current: Step | None
    previous: Step | None
    next: Step | None


async def cutoff_at(session: AsyncSession, family: Family, at: datetime) -> Cutoff:
    """Where `at` falls. The very moment of an entry stands for the end of the transaction that wrote it."""
    at = await session.scalar(_end_of_transaction(family, at)) or at
    return Cutoff(at, frozenset(await session.scalars(_unfinished(family, at))))


def just_before(entry: AuditLog) -> Cutoff:
    """Before the transaction that wrote `entry`."""
    return Cutoff(entry.created_at - timedelta(microseconds=1), {entry.xid} if entry.xid else ())


async def steps_around(session: AsyncSession, family: Family, cutoff: Cutoff) -> StepsAround:
    """The changes of the record, its links and what is below it, on both sides of the moment."""
    before = _steps(family).where(cutoff.is_before()).order_by(*_NEWEST_FIRST)
    current = (await session.execute(before)).one_or_none()
    previous = None
    if current is not None:
        previous = (await session.execute(before.where(current.step != _STEP))).one_or_none()
    after = _steps(family).where(cutoff.is_after()).order_by(AuditLog.created_at, AuditLog.id)
    following = (await session.execute(after)).one_or_none()
    return StepsAround(_step(current), _step(previous), _step(following))


async def known_since(session: AsyncSession) -> datetime | None:
    """The beginning of the history: what was before was taken out of it, month by month."""
    beginning: datetime | None = await session.scalar(_KNOWN_SINCE)
    return beginning


_NEWEST_FIRST: Final = (AuditLog.created_at.desc(), AuditLog.id.desc())

# What was written together; by number before transactions were noted.
_STEP: Final = case(
    (AuditLog.xid != 0, cast(AuditLog.xid, Text)),
    else_=func.coalesce(cast(AuditLog.operation_id, Text), func.concat("#", AuditLog.id)),
)

_KNOWN_SINCE: Final = text(
    "SELECT min((regexp_match(pg_get_expr(relpartbound, pg_class.oid), $$FROM \\('([^']+)'\\)$$))[1]"
    "::timestamptz) AS beginning FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
    " WHERE inhparent = 'public.audit_logs'::regclass"
)


def _end_of_transaction(family: Family, at: datetime) -> Select[datetime]:
    its_own = select(AuditLog.xid).where(family.changes(), AuditLog.created_at == at, AuditLog.xid != 0)
    return select(func.max(AuditLog.created_at)).where(
        family.changes(),
        AuditLog.created_at >= at,
        AuditLog.created_at < at + LONGEST_TRANSACTION,
        AuditLog.xid.in_(its_own),
    )


def _unfinished(family: Family, at: datetime) -> Any:
    begun = select(AuditLog.xid).where(
        family.changes(),
        AuditLog.created_at > at - LONGEST_TRANSACTION,
        AuditLog.created_at <= at,
        AuditLog.xid != 0,
    )
    ended = select(AuditLog.xid).where(
        family.changes(), AuditLog.created_at > at, AuditLog.created_at < at + LONGEST_TRANSACTION
    )
    return select(literal_column("xid")).select_from(intersect(begun, ended).subquery("unfinished"))


def _steps(family: Family) -> Select[Any]:
    return (
        select(
            AuditLog.created_at,
            AuditLog.user_id,
            AuditLog.operation_id,
            func.coalesce(Operation.actor, User.full_name, AuditLog.database_user).label("who"),
            Operation.verb,
            _STEP.label("step"),
        )
        .outerjoin(User, User.id == AuditLog.user_id)
        .outerjoin(Operation, Operation.id == AuditLog.operation_id)
        .where(family.changes())
        .limit(1)
    )


def _step(row: Any) -> Step | None:
    if row is None:
        return None
    return Step(row.created_at, row.who, row.user_id, row.operation_id, row.verb)
