"""Undo: putting back what an operation changed, except where somebody changed it since."""

from backoffice.audit.revert.result import UndoConflict
from backoffice.audit.revert.undo import UndoResult, undo, why_not

__all__ = ["UndoConflict", "UndoResult", "undo", "why_not"]
