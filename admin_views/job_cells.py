"""The columns of jobs, in words."""

from starlette.requests import Request

from admin_views import entries
from backoffice.admin.pages import Cell, Kind
from backoffice.admin.view import View
from models import Job


def progress(view: View, request: Request, job: Job) -> Cell:
    """`12,000 rows` of what is done, else `40 % of 12,000`."""
    noun = "row" if job.rows_total == 1 else "rows"
    if job.rows_done == job.rows_total:
        return Cell(Kind.TEXT, f"{job.rows_total:,} {noun}")
    return Cell(Kind.TEXT, f"{job.percent} % of {job.rows_total:,} {noun}")


def in_words(view: View, request: Request, job: Job) -> Cell:
    """What was chosen for it: `priority: low`."""
    return Cell(Kind.TEXT, entries.chosen(job.in_words))
