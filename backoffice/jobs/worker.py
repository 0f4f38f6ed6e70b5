"""A worker: takes items from the queue and does their chunks, until it is stopped.

Any number of them run beside each other, on any number of machines. One that is killed leaves its
items behind; the others take them over when it has not been heard of for as long as they wait.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Final
from uuid import UUID

import asyncpg
from pgqueuer import Job as Item
from pgqueuer import QueueManager
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.domain.errors import PgqException, RetryRequested
from pgqueuer.domain.types import QueueExecutionMode
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from backoffice.database import SessionFactory
from backoffice.jobs.kinds import JobKind
from backoffice.jobs.queue import ENTRYPOINT, SETTINGS, queries
from backoffice.jobs.work import HeldElsewhere, do_next

log = logging.getLogger(__name__)
# While the database is away it repeats itself ten times a second; what matters of it is logged here.
logging.getLogger("pgqueuer").setLevel(logging.CRITICAL)

#: Another worker's items are taken over when it was not heard of for so long.
PRESUMED_DEAD: Final = timedelta(seconds=15)
#: An idle worker looks again after so long, even if nobody calls: somebody else may have died.
LOOK_AGAIN: Final = timedelta(seconds=5)
#: After the database went away, or a chunk's connection broke.
RECONNECT: Final = timedelta(seconds=2)


class Worker:
    """Does the chunks of jobs, up to `at_once` beside each other."""

    def __init__(
        self,
        app_url: str,
        factory: SessionFactory,
        kinds: Sequence[JobKind],
        *,
        at_once: int = 2,
        presumed_dead: timedelta = PRESUMED_DEAD,
    ) -> None:
        self._url = make_url(app_url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._factory = factory
        self._kinds: Mapping[str, JobKind] = {kind.name: kind for kind in kinds}
        self._at_once = at_once
        self._presumed_dead = presumed_dead
        self._stopping = asyncio.Event()
        self._manager: QueueManager | None = None

    async def run(self) -> None:
        """Work until `stop` is called. A database that goes away is waited for."""
        while not self._stopping.is_set():
            try:
                await self._work(QueueExecutionMode.continuous)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, PgqException) as error:
                log.warning("the worker lost the database, and tries again: %s", error)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), RECONNECT.total_seconds())

    async def drain(self) -> None:
        """Work until the queue is empty."""
        await self._work(QueueExecutionMode.drain)

    def stop(self) -> None:
        """Take no further item, and end when those under way are done."""
        self._stopping.set()
        if self._manager is not None:
            self._manager.shutdown.set()

    async def _work(self, mode: QueueExecutionMode) -> None:
        # One plain connection: a pool goes on without its listener when that one alone breaks.
        connection = await asyncpg.connect(
            self._url, server_settings={"application_name": "backoffice worker"}
        )
        try:
            self._manager = manager = QueueManager(
                queries(AsyncpgDriver(connection)), channel=SETTINGS.channel
            )
            manager.entrypoint(ENTRYPOINT)(self._do)
            # Else it is noticed with the next look only.
            connection.add_termination_listener(lambda _: manager.shutdown.set())
            if self._stopping.is_set():
                return
            await manager.run(
                mode=mode,
                batch_size=max(1, self._at_once // 2),
                max_concurrent_tasks=max(2, self._at_once),
                dequeue_timeout=min(LOOK_AGAIN, self._presumed_dead),
                heartbeat_timeout=self._presumed_dead,
                shutdown_on_listener_failure=True,
                # Statistics that nobody reads.
                log_aggregation_interval=timedelta(0),
            )
        finally:
            await connection.close(timeout=5)

    async def _do(self, item: Item) -> None:
        if item.payload is None:
            return
        try:
            await do_next(self._factory, self._kinds, UUID(bytes=item.payload))
        except HeldElsewhere as error:
            raise RetryRequested(delay=self._presumed_dead, reason="held elsewhere") from error
        except Exception as error:
            # Whatever it was: without its item the chunk would never be done.
            log.warning(
                "an item is tried again: %s", error, exc_info=not isinstance(error, DBAPIError | OSError)
            )
            raise RetryRequested(delay=RECONNECT, reason=str(error)) from error


@asynccontextmanager
async def working(worker: Worker | None) -> AsyncIterator[None]:
    """Let `worker` work for as long as this is open; chunks under way in the end are finished."""
    if worker is None:
        yield
        return
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        await task
