"""Where a moment falls in the history of a record: after a transaction or before it, never within one."""

from collections.abc import Collection, Sequence
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
    not_,
    or_,
    select,
    text,
    true,
)
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.labels import verb_label
from backoffice.audit.past.family import Family, is_change_of, one_of
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
    before = cutoff.is_before()
    current = await _nearest(session, family, before, _NEWEST_FIRST)
    previous = None
    if current is not None:
        previous = await _nearest(session, family, before & (current.step != _STEP), _NEWEST_FIRST)
    following = await _nearest(session, family, cutoff.is_after(), _OLDEST_FIRST)
    return StepsAround(_step(current), _step(previous), _step(following))


async def known_since(session: AsyncSession) -> datetime | None:
    """The beginning of the history: what was before was taken out of it, month by month."""
    beginning: datetime | None = await session.scalar(_KNOWN_SINCE)
    return beginning


_OLDEST_FIRST: Final = (AuditLog.created_at, AuditLog.id)
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
    """When the transaction ended that wrote an entry at this very moment, if one did."""
    its_own = _numbers(family, AuditLog.created_at == at)
    member = family.members
    return (
        select(func.max(AuditLog.created_at))
        .join_from(member, AuditLog, is_change_of(member))
        .where(AuditLog.created_at >= at, AuditLog.created_at < at + LONGEST_TRANSACTION)
        .where(AuditLog.xid.in_(its_own))
    )


def _unfinished(family: Family, at: datetime) -> Select[int]:
    begun = _numbers(family, AuditLog.created_at > at - LONGEST_TRANSACTION, AuditLog.created_at <= at)
    ended = _numbers(family, AuditLog.created_at > at, AuditLog.created_at < at + LONGEST_TRANSACTION)
    return select(intersect(begun, ended).subquery("unfinished").c.xid)


def _numbers(family: Family, *when: ColumnElement[bool]) -> Select[int]:
    """The transactions that changed the record at some time, as far as they were noted."""
    member = family.members
    return (
        select(AuditLog.xid).join_from(member, AuditLog, is_change_of(member)).where(AuditLog.xid != 0, *when)
    )


async def _nearest(
    session: AsyncSession, family: Family, when: ColumnElement[bool], order: Sequence[Any]
) -> Any:
    """The first entry in an order: of each member the first, which its index finds, and of these."""
    member = family.members
    nearest = (
        select(AuditLog, _STEP.label("step"))
        .where(is_change_of(member), when)
        .order_by(*order)
        .limit(1)
        .lateral("nearest")
    )
    columns = (nearest.c.created_at, nearest.c.user_id, nearest.c.operation_id, nearest.c.step)
    who = func.coalesce(Operation.actor, User.full_name, nearest.c.database_user).label("who")
    in_order = (nearest.c[each.name] for each in (AuditLog.created_at, AuditLog.id))
    statement = (
        select(*columns, who, Operation.verb)
        .select_from(member.join(nearest, true()))
        .outerjoin(User, User.id == nearest.c.user_id)
        .outerjoin(Operation, Operation.id == nearest.c.operation_id)
        .order_by(*(one if order is _OLDEST_FIRST else one.desc() for one in in_order))
        .limit(1)
    )
    return (await session.execute(statement)).one_or_none()


def _step(row: Any) -> Step | None:
    if row is None:
        return None
    return Step(row.created_at, row.who, row.user_id, row.operation_id, row.verb)
