"""Jobs: long work in chunks, on any number of workers, each chunk done once whoever is killed in between.

Who asks for one submits it in their own transaction (`submit`); workers are handed its chunks
(`worker`), and do each in one transaction with its history and its progress (`work`).
"""

from backoffice.jobs.approval import approve, reject
from backoffice.jobs.bulk import BULK, bulk_kind
from backoffice.jobs.cancelling import cancel
from backoffice.jobs.kinds import ChunkOutcome, JobKind
from backoffice.jobs.pace import Pace, pace_of
from backoffice.jobs.results import LeftAlone, all_conflicts, first_left_alone, left_alone
from backoffice.jobs.seeing import see_jobs
from backoffice.jobs.submitting import CHUNK_ROWS, Part, Work, parts_of, submit
from backoffice.jobs.undoing import submit_undo, undo_kind
from backoffice.jobs.worker import Worker, working

__all__ = [
    "BULK",
    "CHUNK_ROWS",
    "ChunkOutcome",
    "JobKind",
    "LeftAlone",
    "Pace",
    "Part",
    "Work",
    "Worker",
    "all_conflicts",
    "approve",
    "bulk_kind",
    "cancel",
    "first_left_alone",
    "left_alone",
    "pace_of",
    "parts_of",
    "reject",
    "see_jobs",
    "submit",
    "submit_undo",
    "undo_kind",
    "working",
]
