"""Work beside the event loop, which fetches for it, and is not left behind when nobody waits any more."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class CutOffError(Exception):
    """Nobody waits for the work any more."""


class Beside:
    """One piece of work in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._is_cut_off = False

    async def run(self, work: Callable[..., Result], *arguments: Any) -> Result:
        """Do `work`; where the caller is cancelled, it is told so at the next batch, and waited for."""
        working = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            self._is_cut_off = True
            await _ended(working)
            raise

    def pulled(self, batches: AsyncIterator[Sequence[Item]]) -> Iterator[Item]:
        """For the work: what the event loop fetches in batches, one by one."""
        while not self._is_cut_off:
            batch = asyncio.run_coroutine_threadsafe(_next(batches), self._loop).result()
            if not batch:
                return
            yield from batch
        raise CutOffError


async def _next(batches: AsyncIterator[Sequence[Item]]) -> Sequence[Item]:
    async for batch in batches:
        return batch
    return ()


async def _ended(working: asyncio.Future[Any]) -> None:
    """Wait for the end, whatever it is, however often one is told not to."""
    while not working.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait({working})
    if not working.cancelled():
        working.exception()
