"""Undo: putting back what an operation changed, except where somebody changed it since."""

from backoffice.audit.revert.result import UndoConflict
from backoffice.audit.revert.share import Share
from backoffice.audit.revert.traces import (
    Trace,
    count_entries,
    find_acts,
    find_records,
    find_traces,
    record_table,
)
from backoffice.audit.revert.undo import (
    UndoResult,
    require_undoable,
    undo,
    undo_share,
    why_not,
)

__all__ = [
    "Share",
    "Trace",
    "UndoConflict",
    "UndoResult",
    "count_entries",
    "find_acts",
    "find_records",
    "find_traces",
    "record_table",
    "require_undoable",
    "undo",
    "undo_share",
    "why_not",
]
