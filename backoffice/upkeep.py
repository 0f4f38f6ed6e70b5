"""What is done beside serving, at intervals: sealing the history, and keeping its tables in good order."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from backoffice.audit.partitions import prepare_months
from backoffice.audit.proof.anchor import AnchorPlace, anchor_newest, anchor_places
from backoffice.audit.proof.keys import SigningKey, find_signing_key
from backoffice.audit.proof.sealer import seal, summarize
from backoffice.database import SessionFactory
from backoffice.desk.importing.keeping import keep_imports
from backoffice.errors import BackofficeError
from backoffice.export_files import ExportFolder
from backoffice.jobs.forgetting import forget_jobs
from backoffice.settings import Settings

logger = logging.getLogger(__name__)

#: Seconds. Nothing begins at once: many processes may start together, and have better to do.
SETTLING: Final = 60.0
#: What failed is tried again after so many seconds, or earlier if it is due earlier.
RETRY: Final = 60.0
#: What is under way when the application stops has so many seconds to end.
PATIENCE: Final = 5.0

_A_MINUTE: Final = 60.0
_AN_HOUR: Final = 3600.0
_A_DAY: Final = 24 * 3600.0


@dataclass(frozen=True)
class Chore:
    """Something to do every so many seconds; `name` completes "could not …" in the log."""

    name: str
    seconds: float
    run: Callable[[], Awaitable[None]]
    #: Whether it is done once more when the application stops.
    at_end: bool = False


@asynccontextmanager
async def upkeep(chores: Iterable[Chore]) -> AsyncIterator[None]:
    """Do the chores for as long as this is open, each in a task of its own.

    A chore that fails is logged and tried again. One that is under way in the end may end within
    seconds, and is cancelled otherwise.
    """
    stopping = asyncio.Event()
    tasks = [asyncio.create_task(_repeat(chore, stopping), name=chore.name) for chore in chores]
    try:
        yield
    finally:
        stopping.set()
        await _end(tasks)


def chores_of(settings: Settings, factory: SessionFactory) -> list[Chore]:
    """What this deployment does beside serving."""
    return [
        Chore("prepare the history's months", _A_DAY, partial(_prepare_months, factory)),
        Chore("summarize the history's newest entries", _A_MINUTE, partial(summarize, factory)),
        Chore("forget the rows of old jobs", _A_DAY, partial(forget_jobs, factory)),
        Chore("remove old exports", _AN_HOUR, ExportFolder.of(settings).remove_old),
        Chore("keep imports in order", _A_MINUTE, partial(keep_imports, factory, settings)),
        *_sealing(settings, factory),
    ]


def _sealing(settings: Settings, factory: SessionFactory) -> Iterator[Chore]:
    key = find_signing_key(settings)
    if key is None:
        logger.warning("The history is not sealed: there is no BACKOFFICE_AUDIT_KEY.")
    elif settings.audit_seal_seconds:
        run = partial(_seal, factory, key, anchor_places(settings))
        yield Chore("seal the history", settings.audit_seal_seconds, run, at_end=True)


async def _prepare_months(factory: SessionFactory) -> None:
    async with factory.begin() as session:
        await prepare_months(session)


async def _seal(factory: SessionFactory, key: SigningKey, places: Sequence[AnchorPlace]) -> None:
    await seal(factory, key)
    await anchor_newest(factory, places)


async def _repeat(chore: Chore, stopping: asyncio.Event) -> None:
    pause = min(chore.seconds, SETTLING)
    # Not to the second: processes that started together shall not come together each time.
    while not await _is_set_within(stopping, pause * random.uniform(0.5, 1)):  # noqa: S311 - no secret
        is_done = await _attempt(chore)
        pause = chore.seconds if is_done else min(chore.seconds, RETRY)
    if chore.at_end:
        await _attempt(chore)


async def _attempt(chore: Chore) -> bool:
    try:
        await chore.run()
    except (BackofficeError, SQLAlchemyError, OSError) as error:
        logger.warning("Could not %s: %s", chore.name, error)
        return False
    except Exception:
        logger.exception("Could not %s", chore.name)
        return False
    return True


async def _is_set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=PATIENCE)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
