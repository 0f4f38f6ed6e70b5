"""Chunks that kill who does them: each is noted with its job when it is begun, until it is done.

The note is committed before anything else happens, so it outlives the worker. It counts those that began
the chunk and were never heard of again, whatever ended them: the machine, the system's memory, a hand.
"""

from collections.abc import Mapping
from typing import Final

from backoffice.database import SessionFactory
from backoffice.jobs.progress import lock_job
from models import Job, JobChunk

#: So many workers may die of a chunk, or lose the database over it.
MOST: Final = 3
KILLED: Final = f"{MOST} workers that began with these rows never ended; they are left as they were."
_BEGUN: Final = "begun"


async def begin(factory: SessionFactory, chunk: JobChunk) -> int:
    """Note that `chunk`, whose row is held, is begun; answers how many began it before."""
    return await _count(factory, chunk, 1) - 1


async def give_back(factory: SessionFactory, chunk: JobChunk) -> None:
    """Take the note back: who began the chunk is well, and it is left to whoever comes."""
    await _count(factory, chunk, -1)


def forget(job: Job, chunk: JobChunk) -> None:
    """Forget who began the chunk, which nobody begins any more; the job's row is locked."""
    _set(job, chunk, 0)


def forget_all(job: Job) -> None:
    """The same for every chunk of a job that is cancelled."""
    job.outcome = {name: value for name, value in job.outcome.items() if name != _BEGUN}


async def _count(factory: SessionFactory, chunk: JobChunk, step: int) -> int:
    # Beside the transaction in which the chunk is done.
    async with factory.begin() as session:
        job = await lock_job(session, chunk.job_id)
        times = max(0, _begun(job).get(str(chunk.number), 0) + step)
        _set(job, chunk, times)
        return times


def _begun(job: Job) -> Mapping[str, int]:
    begun: Mapping[str, int] = job.outcome.get(_BEGUN, {})
    return begun


def _set(job: Job, chunk: JobChunk, times: int) -> None:
    begun = {**_begun(job), str(chunk.number): times}
    begun = {number: count for number, count in begun.items() if count}
    forget_all(job)
    if begun:
        job.outcome = {**job.outcome, _BEGUN: begun}
