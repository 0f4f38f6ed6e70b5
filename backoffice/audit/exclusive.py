"""The history to oneself for a moment, without holding up those who write to it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from backoffice.audit.context import Change, changing
from backoffice.errors import Conflict

Result = TypeVar("Result")

#: Whoever comes while we wait for the others waits too: it is often and short.
ATTEMPTS: Final = 60
PAUSE_SECONDS: Final = 1.0

# Lock not available, and deadlock detected.
_IN_USE: Final = {"55P03", "40P01"}


async def exclusively(
    factory: async_sessionmaker[AsyncSession],
    change: Change,
    work: Callable[[AsyncSession], Awaitable[Result]],
) -> Result:
    """Do `work`, which changes no record, in a transaction without anybody else at the history; commit it.

    `factory` is of the tables' owner. Whoever uses the history is waited for, and whoever comes meanwhile
    waits behind, so an attempt gives up soon and another is made after a pause. Conflict when none succeeds.
    """
    for _ in range(ATTEMPTS):
        try:
            with changing(change):
                async with factory.begin() as session:
                    await _lock(session)
                    return await work(session)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in _IN_USE:
                raise
        await asyncio.sleep(PAUSE_SECONDS)
    raise Conflict(
        "The history is in use all the time, by an export or a verification perhaps: try again later."
    )


async def _lock(session: AsyncSession) -> None:
    await session.execute(text("SELECT set_config('lock_timeout', '300ms', true)"))
    # The whole table before any part, as everybody does who writes or reads: so nobody waits in a circle.
    await session.execute(text("LOCK TABLE audit_logs IN ACCESS EXCLUSIVE MODE"))
