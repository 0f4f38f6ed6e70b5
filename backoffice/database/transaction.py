"""One request, one transaction, one operation: opened here, committed here, nowhere else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.context import Change, changing
from backoffice.audit.record import record_operation
from backoffice.database.engine import SessionFactory


@asynccontextmanager
async def transaction(factory: SessionFactory, change: Change) -> AsyncIterator[AsyncSession]:
    """A session whose writes are `change`: committed together at the end, or not at all.

    What it changed is written to the history by the database, and the operation is recorded in the
    same transaction. An error inside rolls everything back.
    """
    with changing(change):
        async with factory.begin() as session:
            yield session
            if not change.read_only:
                await session.flush()
                await record_operation(session, change)
