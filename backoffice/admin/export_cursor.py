"""Rows as the driver has them, by a cursor: to make rows of SQLAlchemy of them takes longer than the query.

SQLAlchemy writes the statement and sends it with its values; what comes back it does not see.
"""

from asyncio import create_task, sleep, wait
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from secrets import token_hex
from typing import Any, Final

from asyncpg import InterfaceError, PostgresError
from sqlalchemy import ClauseElement, Executable, Select, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from backoffice.admin.export_formats import Batches, Rows
from backoffice.database import INCLUDE_TRASHED

#: Rows that are read and written at once: some milliseconds.
BATCH: Final = 1_000


@asynccontextmanager
async def cursor_of(session: AsyncSession, statement: Select[Any]) -> AsyncIterator[Batches]:
    """The rows of `statement`, some at a time, all of one moment; it shall say itself which rows are live."""
    # A name of its own: the driver remembers what the rows of a FETCH look like.
    name = f"export_{token_hex(8)}"
    # All of them will be fetched; by itself PostgreSQL plans for the first tenth.
    await session.execute(select(func.set_config("cursor_tuple_fraction", "1", True)))
    await session.execute(_Declare(name, statement), execution_options=INCLUDE_TRASHED)
    connection: Any = (await (await session.connection()).get_raw_connection()).driver_connection
    fetch = f"FETCH FORWARD {BATCH} FROM {name}"
    async with aclosing(_one_ahead(connection, fetch)) as batches:
        yield batches


async def _one_ahead(connection: Any, fetch: str) -> AsyncGenerator[Rows, None]:
    """PostgreSQL finds the next rows while those before them are written and sent."""
    coming = create_task(_fetched(connection, fetch))
    try:
        while rows := await coming:
            coming = create_task(_fetched(connection, fetch))
            # It is asked for now, not when its reader next waits for something.
            await sleep(0)
            yield rows
    finally:
        coming.cancel()
        await wait([coming])


async def _fetched(connection: Any, fetch: str) -> Rows:
    """The next rows; what fails is told as SQLAlchemy tells it."""
    try:
        rows: Rows = await connection.fetch(fetch)
    except (PostgresError, InterfaceError) as error:
        raise DBAPIError(fetch, None, error) from error
    return rows


class _Declare(Executable, ClauseElement):
    """Declares a cursor for a statement, to be fetched from until the transaction ends."""

    inherit_cache = False

    def __init__(self, name: str, statement: Select[Any]) -> None:
        self.name, self.statement = name, statement


@compiles(_Declare)
def _declare(element: _Declare, compiler: SQLCompiler, **options: Any) -> str:
    return f"DECLARE {element.name} NO SCROLL CURSOR FOR {compiler.process(element.statement, **options)}"
