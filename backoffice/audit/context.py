"""Who acts, in which operation: set on each transaction, read by the audit triggers."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Connection, Text, bindparam, event, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, SessionTransaction

#: The parameter that has the key of whoever acts, as text; empty for nobody.
ACTOR_ID: Final = "actor_id"


@dataclass
class Change:
    """One operation, as it happens.

    The edge makes it with what it knows (verb, actor, request); the verb that runs adds what it did
    (`selection`, `parameters`, `outcome`). `backoffice.audit.record` writes it down at the end
    of the transaction, if anything changed.
    """

    verb: str
    actor: str
    actor_id: int | None = None
    request_id: str | None = None
    address: str | None = None
    reason: str | None = None
    #: 0 is no limit.
    statement_timeout_ms: int = 0
    #: Whatever a read-only transaction tries to write, PostgreSQL refuses.
    read_only: bool = False
    #: Whether PostgreSQL plans what is read for the values asked for, or may plan once for all of them.
    plans_by_value: bool = True
    operation_id: UUID = field(default_factory=uuid4)
    selection: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    outcome: dict[str, Any] = field(default_factory=dict)
    reverts_id: UUID | None = None
    #: Whether it is written down already: it goes on for longer than one transaction.
    is_begun: bool = False
    #: Whether the first statement of its first transaction sets the context itself, by `context_columns`.
    sets_context_first: bool = False


_current: ContextVar[Change | None] = ContextVar("backoffice_change", default=None)


def current_change() -> Change:
    """The operation that is under way; a RuntimeError outside of one."""
    change = _current.get()
    if change is None:
        raise RuntimeError("no operation is under way: open one with backoffice.database.transaction()")
    return change


@contextmanager
def changing(change: Change) -> Iterator[Change]:
    """Make `change` the current operation of this task."""
    token = _current.set(change)
    try:
        yield change
    finally:
        _current.reset(token)


@contextmanager
def without_change() -> Iterator[None]:
    """Begin a transaction that is no part of the operation under way: nothing is set on it."""
    token = _current.set(None)
    try:
        yield
    finally:
        _current.reset(token)


#: The settings that are a transaction's context: by the name of the parameter that has the value.
_SETTINGS: Final[Mapping[str, str]] = {
    ACTOR_ID: "backoffice.actor_id",
    "operation_id": "backoffice.operation_id",
    "request_id": "backoffice.request_id",
    "address": "backoffice.address",
    "statement_timeout": "statement_timeout",
    "read_only": "transaction_read_only",
    "plan_cache_mode": "plan_cache_mode",
}


def _set_locally(setting: str, value: Any) -> ColumnElement[str]:
    # For the rest of the transaction alone: a pooled connection carries nothing over.
    return func.set_config(setting, value, True, type_=Text)


def actor_set_to(key: Any) -> ColumnElement[str]:
    """What makes the person of that key (as text) who acts, when it is selected."""
    return _set_locally(_SETTINGS[ACTOR_ID], key)


def context_columns() -> list[ColumnElement[str]]:
    """What sets the context when it is selected, each labelled as its parameter in `context_values`."""
    return [
        _set_locally(setting, bindparam(name, type_=Text)).label(name) for name, setting in _SETTINGS.items()
    ]


def context_values(change: Change) -> dict[str, str]:
    """The values that `context_columns` take."""
    return {
        ACTOR_ID: "" if change.actor_id is None else str(change.actor_id),
        "operation_id": str(change.operation_id),
        "request_id": change.request_id or "",
        "address": change.address or "",
        "statement_timeout": str(change.statement_timeout_ms),
        "read_only": "on" if change.read_only else "off",
        # What a list is searched and filtered for decides its plan; what writes repeats itself instead.
        "plan_cache_mode": "force_custom_plan" if change.read_only and change.plans_by_value else "auto",
    }


# Made once, and one round trip.
_SET_CONTEXT: Final = select(*context_columns())


@event.listens_for(Session, "after_begin")
def _set_context(session: Session, transaction: SessionTransaction, connection: Connection) -> None:
    change = _current.get()
    if change is None or transaction.nested:
        return
    if change.sets_context_first:
        change.sets_context_first = False
        return
    connection.execute(_SET_CONTEXT, context_values(change))


async def act_as(session: AsyncSession, actor_id: int, actor: str) -> None:
    """Name the actor of the operation under way, once known; what `session` writes from here is theirs."""
    change = current_change()
    change.actor_id, change.actor = actor_id, actor
    await session.execute(select(actor_set_to(str(actor_id))))
