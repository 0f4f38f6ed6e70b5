"""The queue that hands chunks to workers: PgQueuer's tables in our own database.

An item says "do the next chunk of this job"; there are as many as chunks. It may be delivered again
when a worker is killed, or slow: what is done once is the chunk's own matter.
"""

from typing import Final
from uuid import UUID

from pgqueuer import Queries
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.domain.types import Channel
from pgqueuer.ports.driver import Driver
from sqlalchemy.ext.asyncio import AsyncSession

ENTRYPOINT: Final = "chunk"

# All of them: the library would take what is missing from the environment, under names as common as CHANNEL.
SETTINGS: Final = DBSettings(
    prefix="",
    db_schema=None,
    durability=Durability.durable,
    channel=Channel("ch_pgqueuer"),
    function="fn_pgqueuer_changed",
    trigger="tg_pgqueuer_changed",
    queue_table="pgqueuer",
    queue_table_log="pgqueuer_log",
    statistics_table="pgqueuer_statistics",
    schedules_table="pgqueuer_schedules",
    queue_status_type="pgqueuer_status",
)


def queries(driver: Driver) -> Queries:
    """The queue's own statements."""
    return Queries(
        driver,
        qbe=QueryBuilderEnvironment(SETTINGS),
        qbq=QueryQueueBuilder(SETTINGS),
        qbs=QuerySchedulerBuilder(SETTINGS),
    )


async def enqueue(session: AsyncSession, job_id: UUID, items: int) -> None:
    """Let workers know of so many chunks, once `session` commits."""
    await session.flush()
    raw = await (await session.connection()).get_raw_connection()
    connection = raw.driver_connection
    # SQLAlchemy begins the transaction with its first statement; before that this would be committed at once.
    if connection is None or not connection.is_in_transaction():
        raise RuntimeError("items are put in the queue by the transaction that made the job")
    payload: bytes | None = job_id.bytes
    # The first of a small job go before the hundredth of a large one.
    priorities = [-number for number in range(items)]
    if items:
        await queries(AsyncpgDriver(connection)).enqueue([ENTRYPOINT] * items, [payload] * items, priorities)
