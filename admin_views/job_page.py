"""A job's page: how far it is, what became of its rows, and what can be done about it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from starlette.requests import Request

from admin_views import job_download, undoing
from admin_views.job_deeds import may_decide
from admin_views.job_rows import ShownRow, shown_rows
from backoffice.admin.export_jobs import EXPORT
from backoffice.admin.request import current_user
from backoffice.admin.view import View
from backoffice.jobs import Pace, first_left_alone, pace_of
from models import Job, JobState, Operation

#: Of very many rows, and conflicts, the page shows the first.
MOST_SHOWN: Final = 100
#: Reasons beyond so many are folded away.
MOST_REASONS: Final = 8


@dataclass(frozen=True)
class Count:
    """How many rows something became of, in words."""

    icon: str
    tone: str
    count: int
    words: str


async def around(view: View, request: Request, job: Job) -> Mapping[str, Any]:
    """What the job's template shows beside its facts."""
    # An export changes no rows: what there is to tell of it is its file.
    counts, reasons = ([*_counts(job)], [*_reasons(job)]) if job.kind != EXPORT else ([], [])
    conflicts = job.outcome.get("conflicts", ())[:MOST_SHOWN] if job.is_ended else ()
    left = sum(reason.count for reason in reasons)
    own = view.url(str(job.id))
    return {
        "job": job,
        "is_waiting": job.state is JobState.WAITING,
        "pace": _in_words(job),
        "counts": [*counts, *reasons[:MOST_REASONS]],
        "more_counts": reasons[MOST_REASONS:],
        "is_own": job.user_id == current_user(request).id,
        "asked_by": job.user.full_name,
        "may_decide": may_decide(view, request, job),
        "decide_url": own,
        "seen_url": f"{own}/seen" if _is_unseen(request, job) else "",
        "rows": await _rows(view, request, job, left),
        "left": left,
        "rows_url": f"{own}/rows.csv" if left else "",
        "conflicts": [undoing.conflict(view, request, found) for found in conflicts],
        "conflict_count": job.outcome.get("conflict_count", 0),
        "conflicts_url": f"{own}/conflicts.csv" if job.outcome.get("conflict_count") else "",
        "file": job_download.offered(view, request, job),
        "errors": list(job.outcome.get("errors", ())) if job.kind == EXPORT else [],
        **await _operation(view, request, job),
    }


def _is_unseen(request: Request, job: Job) -> bool:
    return job.user_id == current_user(request).id and job.is_ended and job.seen_at is None


def _counts(job: Job) -> Iterator[Count]:
    """What became of the rows that nothing stood in the way of."""
    outcome = job.outcome
    if "changed" in outcome:
        yield Count("check", "green", outcome["changed"], "changed")
    if count := outcome.get("unchanged"):
        yield Count("equal", "", count, "already so")
    if count := outcome.get("conflict_count"):
        yield Count("git-branch", "amber", count, "values changed since, and left so")
    if (rest := job.rows_total - job.rows_done) and job.is_ended:
        yield Count("player-skip-forward", "", rest, "not begun")


def _reasons(job: Job) -> Iterator[Count]:
    """What was left alone and what went wrong, by the reason, the most frequent first."""
    for reason, count in _by_count(job.outcome.get("errors", {})):
        yield Count("alert-octagon", "red", count, f"not done: {reason}")
    for reason, count in _by_count(job.outcome.get("refused", {})):
        yield Count("ban", "amber", count, f"refused: {reason}")


def _by_count(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


async def _rows(view: View, request: Request, job: Job, left: int) -> Sequence[ShownRow]:
    """The first rows that were left alone, once it has ended: until then there are others every second."""
    if not left or not job.is_ended:
        return []
    found = await first_left_alone(request.state.session, job.id, MOST_SHOWN)
    return await shown_rows(view, request, found)


async def _operation(view: View, request: Request, job: Job) -> Mapping[str, Any]:
    """Where all that it changed is to be seen, and the way back once it has ended."""
    operations = view.site.view_of(Operation)
    found: Operation | None = await request.state.session.get(Operation, job.id)
    if found is None or operations is None or not operations.may(request, "details"):
        return {"operation_url": "", "undo": None, "undo_reason": ""}
    undo, reason = None, ""
    if job.is_ended:
        undo, reason = await undoing.way_back(operations, request, found)
    return {"operation_url": operations.url("details", job.id), "undo": undo, "undo_reason": reason}


def _in_words(job: Job) -> Sequence[str]:
    """How fast it goes, and how long that still takes: `1,234 rows a second`, `about 2 minutes left`."""
    pace = pace_of(job, datetime.now(UTC))
    if pace is None:
        return []
    return [f"{_rounded(pace.rows_a_second)} rows a second", *([] if job.is_ended else [_left(pace)])]


def _rounded(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= 10 else f"{amount:,.1f}"


def _left(pace: Pace) -> str:
    seconds = pace.seconds_left
    if seconds < 10:
        return "a few seconds left"
    if seconds < 90:
        return f"about {round(seconds, -1):.0f} seconds left"
    if seconds < 90 * 60:
        return f"about {seconds / 60:.0f} minutes left"
    return f"about {seconds / 3600:.0f} hours left"
