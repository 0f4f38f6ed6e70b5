"""Forgetting what is of no use any more of jobs that ended long ago: their rows, and the queue's log."""

from datetime import timedelta
from typing import Final

from sqlalchemy import Interval, bindparam, text

from backoffice.database import SessionFactory

#: For so long one can see which rows a job left alone.
KEPT: Final = timedelta(days=90)
#: For so long one can see what the queue did with its items.
LOGGED: Final = timedelta(days=7)
#: Rows that one transaction deletes.
AT_ONCE: Final = 1_000


async def forget_jobs(factory: SessionFactory) -> None:
    """Delete the chunks of jobs that ended long ago, and what the queue wrote down; the jobs stay."""
    for statement, age in ((_CHUNKS, KEPT), (_LOG, LOGGED)):
        deleted = AT_ONCE
        while deleted == AT_ONCE:
            async with factory.begin() as session:
                found = await session.execute(statement, {"age": age, "at_once": AT_ONCE})
                deleted = len(found.all())


# A job ended no earlier than it was made, and that has an index.
_CHUNKS: Final = text("""
DELETE FROM job_chunks WHERE (job_id, number) IN (
  SELECT job_id, number FROM jobs JOIN job_chunks ON job_id = jobs.id
  WHERE jobs.created_at < now() - :age AND ended_at < now() - :age
  LIMIT :at_once
) RETURNING number
""").bindparams(bindparam("age", type_=Interval))

_LOG: Final = text("""
DELETE FROM pgqueuer_log WHERE id IN (
  SELECT id FROM pgqueuer_log WHERE created < now() - :age ORDER BY created LIMIT :at_once
) RETURNING id
""").bindparams(bindparam("age", type_=Interval))
