"""Jobs: long work in chunks, on any number of workers, each chunk done once whoever is killed in between.

Who asks for one submits it in their own transaction (`submit`); workers are handed its chunks
(`worker`), and do each in one transaction with its history and its progress (`work`).
"""

from backoffice.jobs.approval import approve, reject
from backoffice.jobs.bulk import BULK, bulk_kind
from backoffice.jobs.cancelling import cancel
from backoffice.jobs.kinds import ChunkOutcome, JobKind
from backoffice.jobs.submitting import CHUNK_ROWS, Part, Work, parts_of, submit
from backoffice.jobs.undoing import submit_undo, undo_kind
from backoffice.jobs.worker import Worker, working

__all__ = [
    "BULK",
    "CHUNK_ROWS",
    "ChunkOutcome",
    "JobKind",
    "Part",
    "Work",
    "Worker",
    "approve",
    "bulk_kind",
    "cancel",
    "parts_of",
    "reject",
    "submit",
    "submit_undo",
    "undo_kind",
    "working",
]
