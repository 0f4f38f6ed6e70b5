"""Work that a request starts and nobody waits for: it runs beside the application, and ends with it."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger(__name__)


class Background:
    """The tasks of this process that are under way."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin `work`; asynchronous, so that it can be what follows an answer."""
        task = asyncio.create_task(work)
        # The loop itself holds tasks weakly.
        self._tasks.add(task)
        task.add_done_callback(self._forget)

    async def stop(self) -> None:
        """Cancel what is under way, and wait until it has put its things in order."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("work in the background failed", exc_info=error)
