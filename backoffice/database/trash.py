"""Rows in the trash are left out of every ORM query that does not ask for them.

Two rules keep it whole. A collection of such rows is loaded by `selectinload`, whose own query is
filtered too. A parent that may be in the trash (the ticket of a comment) is loaded by `joinedload`,
which is not filtered: it must show even when it is trashed.
"""

from weakref import WeakKeyDictionary

from sqlalchemy import Executable, event
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria

from models import INCLUDE_TRASHED, Trashable

__all__ = ["INCLUDE_TRASHED"]

_LIVE_ROWS = with_loader_criteria(
    Trashable, lambda cls: cls.deleted_at.is_(None), include_aliases=True, propagate_to_loaders=False
)


#: Statements that are made once are run often, and what is found out about each is found out once.
_OF_LIVE_ROWS: WeakKeyDictionary[Executable, Executable] = WeakKeyDictionary()


@event.listens_for(Session, "do_orm_execute")
def _leave_out_trashed_rows(state: ORMExecuteState) -> None:
    if not state.is_column_load and not state.execution_options.get("include_trashed", False):
        if state.statement not in _OF_LIVE_ROWS:
            _OF_LIVE_ROWS[state.statement] = state.statement.options(_LIVE_ROWS)
        state.statement = _OF_LIVE_ROWS[state.statement]
