"""The throttle of sign-ins: each failure makes the next attempt on that account, or from there, wait longer.

The counts are rows, so that all processes share them; times are the database's clock.
"""

from collections.abc import Iterable
from datetime import timedelta
from ipaddress import IPv4Address, ip_network
from typing import Final

from sqlalchemy import ColumnElement, Float, Interval, case, cast, delete, extract, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningInsert

from backoffice.accounts.addresses import parse_address
from backoffice.accounts.typed import sought_email
from backoffice.errors import TooManyAttempts
from models import LoginThrottle, Session

#: Failures that cost no waiting. An address may be a whole office.
FREE_PER_ACCOUNT: Final = 5
FREE_PER_ADDRESS: Final = 20
LONGEST_DELAY: Final = timedelta(minutes=15)
FORGOTTEN_AFTER: Final = timedelta(hours=24)

#: Rows that one sign-in tidies away.
TIDIED_AT_ONCE: Final = 500

# Not now(): an attempt that waited for another one must not be judged by the time at which it began.
_CLOCK = func.clock_timestamp()


async def begin_attempt(session: AsyncSession, *, email: str, address: str | None) -> None:
    """Count an attempt against the account before it is looked at, or raise TooManyAttempts.

    Attempts on one account so go one after the other, and a hundred at once are worth no more than
    a hundred in turn. It stays counted unless `forget_failures` follows in the transaction.
    """
    await _refuse_address(session, address)
    account = _account_key(email)
    admitted = await session.scalar(_count(account, unless_within=_delay(FREE_PER_ACCOUNT)))
    if admitted is None:
        _refuse(await _seconds_left(session, account, FREE_PER_ACCOUNT))


async def count_failure(session: AsyncSession, *, address: str | None) -> None:
    """Count a failed attempt against the address; the account's was counted when it began."""
    key = _address_key(address)
    if key is not None:
        await session.execute(_count(key))


async def forget_failures(session: AsyncSession, email: str) -> None:
    """Clear the account's failures, and what is so old that it counts for nothing."""
    await _forget(session, LoginThrottle.key == _account_key(email))
    await _forget(session, _is_forgotten())


async def forget_attempts(session: AsyncSession, user_id: int, *, emails: Iterable[str]) -> None:
    """Clear the failures counted on these accounts, and on the addresses where this person is signed in."""
    signed_in_at = select(Session.address).where(Session.user_id == user_id).distinct()
    addresses = [_address_key(str(address)) for address in await session.scalars(signed_in_at)]
    keys = {*map(_account_key, emails), *filter(None, addresses)}
    await session.execute(
        delete(LoginThrottle).where(LoginThrottle.key.in_(keys)),
        execution_options={"synchronize_session": False},
    )


async def _refuse_address(session: AsyncSession, address: str | None) -> None:
    # Looked at without a lock: colleagues behind one address must not wait for each other's hashing.
    key = _address_key(address)
    if key is not None:
        seconds = await _seconds_left(session, key, FREE_PER_ADDRESS)
        if seconds > 0:
            _refuse(seconds)


def _refuse(seconds: int) -> None:
    wait = max(seconds, 1)
    amount, unit = (wait, "second") if wait < 120 else (-(-wait // 60), "minute")
    plural = "" if amount == 1 else "s"
    raise TooManyAttempts(f"Too many attempts. Try again in {amount} {unit}{plural}.", retry_after=wait)


def _count(key: str, *, unless_within: ColumnElement[timedelta] | None = None) -> ReturningInsert[int]:
    """Add a failure to `key`, in one statement; none, and no row back, within the delay since the last."""
    failures = case((_is_forgotten(), 1), else_=LoginThrottle.failures + 1)
    waited = None if unless_within is None else LoginThrottle.last_failed_at + unless_within <= _CLOCK
    return (
        insert(LoginThrottle)
        .values(key=key, failures=1, last_failed_at=_CLOCK)
        .on_conflict_do_update(
            index_elements=[LoginThrottle.key],
            set_={"failures": failures, "last_failed_at": _CLOCK},
            where=waited,
        )
        .returning(LoginThrottle.failures)
    )


def _is_forgotten() -> ColumnElement[bool]:
    return LoginThrottle.last_failed_at < _CLOCK - FORGOTTEN_AFTER


def _delay(free: int) -> ColumnElement[timedelta]:
    """Nothing for the first `free` failures, then 1, 2, 4, … seconds."""
    beyond = func.least(LoginThrottle.failures - free, 20)
    seconds = case((beyond < 0, 0.0), else_=cast(func.power(2, beyond), Float))
    longest = literal(LONGEST_DELAY, Interval)
    return func.least(seconds * literal(timedelta(seconds=1), Interval), longest)


async def _seconds_left(session: AsyncSession, key: str, free: int) -> int:
    left = LoginThrottle.last_failed_at + _delay(free) - _CLOCK
    seconds = select(func.ceil(extract("epoch", left))).where(LoginThrottle.key == key)
    return int(await session.scalar(seconds) or 0)


async def _forget(session: AsyncSession, which: ColumnElement[bool]) -> None:
    # A row that somebody else is using is left: nobody waits, and nobody waits for each other.
    free = select(LoginThrottle.key).where(which).limit(TIDIED_AT_ONCE).with_for_update(skip_locked=True)
    await session.execute(
        delete(LoginThrottle).where(LoginThrottle.key.in_(free)),
        execution_options={"synchronize_session": False},
    )


def _account_key(email: str) -> str:
    return f"account:{sought_email(email)}"


def _address_key(text: str | None) -> str | None:
    address = parse_address(text)
    if address is None:
        return None
    # One IPv6 customer has at least a /64 of addresses to choose from.
    bits = 32 if isinstance(address, IPv4Address) else 64
    return f"address:{ip_network((address, bits), strict=False)}"
