"""How fast a job goes, and how long it will take."""

from dataclasses import dataclass
from datetime import datetime

from models import Job


@dataclass(frozen=True)
class Pace:
    """Rows a second so far, and the seconds that are left at that pace."""

    rows_a_second: float
    seconds_left: float


def pace_of(job: Job, now: datetime) -> Pace | None:
    """That of a job of which something is done; None before."""
    if job.started_at is None or not job.rows_done:
        return None
    seconds = ((job.ended_at or now) - job.started_at).total_seconds()
    if seconds <= 0:
        return None
    rows_a_second = job.rows_done / seconds
    return Pace(rows_a_second, (job.rows_total - job.rows_done) / rows_a_second)
