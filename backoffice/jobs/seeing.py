"""Noting that who asked for a job saw that it has ended."""

from uuid import UUID

from sqlalchemy import func, update
from sqlalchemy.ext.asyncio import AsyncSession

from models import Job


async def see_jobs(session: AsyncSession, user_id: int, job_id: UUID | None = None) -> None:
    """The person has seen all of their jobs that have ended; or that one alone, if it is theirs."""
    unseen = (Job.user_id == user_id) & Job.ended_at.is_not(None) & Job.seen_at.is_(None)
    seen = update(Job).where(unseen).values(seen_at=func.now())
    if job_id is not None:
        seen = seen.where(Job.id == job_id)
    await session.execute(seen, execution_options={"synchronize_session": False})
