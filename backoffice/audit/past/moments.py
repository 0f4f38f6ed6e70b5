"""Where a moment falls in the history of a record: after a transaction or before it, never within one."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Select,
    Text,
    and_,
    any_,
    bindparam,
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
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.labels import verb_label
from backoffice.audit.newest import LOG
from backoffice.audit.past.family import IS_OF_A_MEMBER, MEMBERS, Family
from models import INCLUDE_TRASHED, AuditLog, Operation, User

#: No transaction takes longer: so far from a moment, all is before it, or after it.
LONGEST_TRANSACTION: Final = timedelta(hours=1)

# The parameters of the statements here.
_AT: Final[BindParameter[Any]] = bindparam("at", type_=LOG.created_at.type)
_HOUR_BEFORE: Final[BindParameter[Any]] = bindparam("hour_before", type_=LOG.created_at.type)
_HOUR_AFTER: Final[BindParameter[Any]] = bindparam("hour_after", type_=LOG.created_at.type)
_IS_UNFINISHED: Final = LOG.xid == any_(bindparam("unfinished", type_=ARRAY(BigInteger)))

#: The entries of what happened after a cutoff.
IS_AFTER: Final = and_(LOG.created_at > _HOUR_BEFORE, or_(LOG.created_at > _AT, _IS_UNFINISHED))
#: The entries of what had happened by then.
IS_BEFORE: Final = and_(LOG.created_at <= _AT, not_(_IS_UNFINISHED))


@dataclass(frozen=True)
class Cutoff:
    """A moment, and the transactions that had begun to change the record by then, and were not done.

    What they changed is after the moment, all of it: so people saw it.
    """

    at: datetime
    unfinished: Collection[int] = ()

    @property
    def given(self) -> dict[str, Any]:
        """Itself, as parameters of a statement with `IS_AFTER` or `IS_BEFORE`."""
        return {"unfinished": [*self.unfinished], **_around(self.at)}


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
    at = await session.scalar(_end_of_transaction(), {**family.given, **_around(at)}) or at
    return Cutoff(at, frozenset(await session.scalars(_unfinished(), {**family.given, **_around(at)})))


def just_before(entry: AuditLog) -> Cutoff:
    """Before the transaction that wrote `entry`."""
    return Cutoff(entry.created_at - timedelta(microseconds=1), {entry.xid} if entry.xid else ())


async def steps_around(session: AsyncSession, family: Family, cutoff: Cutoff) -> StepsAround:
    """The changes of the record, its links and what is below it, on both sides of the moment."""
    given = {**family.given, **cutoff.given}
    current = await _nearest(session, given, newest_first=True)
    previous = None
    if current is not None:
        previous = await _nearest(session, {**given, "step": current.step}, newest_first=True)
    following = await _nearest(session, given, newest_first=False)
    return StepsAround(_step(current), _step(previous), _step(following))


async def known_since(session: AsyncSession) -> datetime | None:
    """The beginning of the history: what was before was taken out of it, month by month."""
    beginning: datetime | None = await session.scalar(_KNOWN_SINCE)
    return beginning


# What was written together; by number before transactions were noted.
_STEP: Final = case(
    (LOG.xid != 0, cast(LOG.xid, Text)),
    else_=func.coalesce(cast(LOG.operation_id, Text), func.concat("#", LOG.id)),
)

_KNOWN_SINCE: Final = text(
    "SELECT min((regexp_match(pg_get_expr(relpartbound, pg_class.oid), $$FROM \\('([^']+)'\\)$$))[1]"
    "::timestamptz) AS beginning FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
    " WHERE inhparent = 'public.audit_logs'::regclass"
)


def _around(at: datetime) -> dict[str, datetime]:
    return {"at": at, "hour_before": at - LONGEST_TRANSACTION, "hour_after": at + LONGEST_TRANSACTION}


# Each made once: to make them takes longer than to run them.


@cache
def _end_of_transaction() -> Select[datetime]:
    """When the transaction ended that wrote an entry at this very moment, if one did."""
    its_own = _numbers(LOG.created_at == _AT).correlate(None)
    return (
        select(func.max(LOG.created_at))
        .select_from(MEMBERS.join(AuditLog.__table__, IS_OF_A_MEMBER))
        .where(LOG.created_at >= _AT, LOG.created_at < _HOUR_AFTER, LOG.xid.in_(its_own))
        .execution_options(**INCLUDE_TRASHED)
    )


@cache
def _unfinished() -> Select[int]:
    begun = _numbers(LOG.created_at > _HOUR_BEFORE, LOG.created_at <= _AT)
    ended = _numbers(LOG.created_at > _AT, LOG.created_at < _HOUR_AFTER)
    numbers = intersect(begun, ended).subquery("unfinished")
    return select(numbers.c.xid).execution_options(**INCLUDE_TRASHED)


def _numbers(*when: ColumnElement[bool]) -> Select[int]:
    """The transactions that changed the record at some time, as far as they were noted."""
    entries = MEMBERS.join(AuditLog.__table__, IS_OF_A_MEMBER)
    return select(LOG.xid).select_from(entries).where(LOG.xid != 0, *when)


async def _nearest(session: AsyncSession, given: Mapping[str, Any], *, newest_first: bool) -> Any:
    statement = _nearest_entry(newest_first=newest_first, but_one="step" in given)
    return (await session.execute(statement, given)).one_or_none()


@cache
def _nearest_entry(*, newest_first: bool, but_one: bool) -> Select[*tuple[Any, ...]]:
    """The first entry in an order: of each member the first, which its index finds, and of these.

    It is before the cutoff, or after it; with `but_one`, of another step.
    """
    is_another = (bindparam("step", type_=Text) != _STEP,) if but_one else ()
    nearest = (
        select(LOG.id, LOG.created_at, LOG.user_id, LOG.operation_id, LOG.database_user, _STEP.label("step"))
        .where(IS_OF_A_MEMBER, IS_BEFORE if newest_first else IS_AFTER, *is_another)
        .order_by(*_in_order(LOG, newest_first=newest_first))
        .limit(1)
        .correlate(MEMBERS)
        .lateral("nearest")
    )
    found, user, operation = nearest.c, User.__table__.c, Operation.__table__.c
    who = func.coalesce(operation.actor, user.full_name, found.database_user).label("who")
    return (
        select(found.created_at, found.user_id, found.operation_id, found.step, who, operation.verb)
        .select_from(MEMBERS.join(nearest, true()))
        .outerjoin(User.__table__, user.id == found.user_id)
        .outerjoin(Operation.__table__, operation.id == found.operation_id)
        .order_by(*_in_order(found, newest_first=newest_first))
        .limit(1)
        .execution_options(**INCLUDE_TRASHED)
    )


def _in_order(entries: Any, *, newest_first: bool) -> Iterator[ColumnElement[Any]]:
    for place in (entries.created_at, entries.id):
        yield place.desc() if newest_first else place.asc()


def _step(row: Any) -> Step | None:
    if row is None:
        return None
    return Step(row.created_at, row.who, row.user_id, row.operation_id, row.verb)
