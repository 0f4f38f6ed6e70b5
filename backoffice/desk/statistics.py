"""Figures about tickets: how many of each kind, and how long they took."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, extract, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.errors import BadInput
from backoffice.operations.bulk import chosen
from models import Ticket, TicketPriority, TicketStatus, User


@dataclass(frozen=True)
class AssigneeStatistics:
    """The tickets of one person; `avg_resolution_hours` is None while none of them is resolved."""

    assignee_id: int
    assignee: str
    ticket_count: int
    avg_resolution_hours: float | None


@dataclass(frozen=True)
class TicketStatistics:
    """Live tickets by the value of their status and priority, and per person, the busiest first."""

    status_counts: dict[str, int]
    priority_counts: dict[str, int]
    avg_resolution_hours: float | None
    assignee_stats: list[AssigneeStatistics]


async def get_ticket_statistics(
    session: AsyncSession, start_date: datetime | None = None, end_date: datetime | None = None
) -> TicketStatistics:
    """Figures about the live tickets created from `start_date` until before `end_date` (aware moments)."""
    seconds = func.avg(extract("epoch", Ticket.resolved_at - Ticket.created_at))
    kinds = (Ticket.status, Ticket.priority, Ticket.assignee_id)
    # One pass over the tickets for all four figures; `kind` tells the rows apart.
    statement = (
        select(
            *kinds,
            func.grouping(*kinds).label("kind"),
            func.count().label("tickets"),
            (seconds / 3600).label("hours"),
        )
        .where(*_created_between(start_date, end_date))
        .group_by(func.grouping_sets(*(tuple_(kind) for kind in kinds), tuple_()))
    )
    rows = (await session.execute(statement)).all()
    return TicketStatistics(
        status_counts=_by_value(rows, TicketStatus, _BY_STATUS),
        priority_counts=_by_value(rows, TicketPriority, _BY_PRIORITY),
        avg_resolution_hours=next(_hours(row.hours) for row in rows if row.kind == _ALL),
        assignee_stats=await _by_assignee(session, [row for row in rows if row.kind == _BY_ASSIGNEE]),
    )


# GROUPING() of (status, priority, assignee): a bit is set where the column is not grouped by.
_BY_STATUS, _BY_PRIORITY, _BY_ASSIGNEE, _ALL = 0b011, 0b101, 0b110, 0b111


def _created_between(start: datetime | None, end: datetime | None) -> list[ColumnElement[bool]]:
    if any(moment is not None and moment.tzinfo is None for moment in (start, end)):
        raise BadInput("Say in which time zone the period starts and ends.")
    conditions = []
    if start is not None:
        conditions.append(Ticket.created_at >= start)
    if end is not None:
        conditions.append(Ticket.created_at < end)
    return conditions


def _by_value(rows: Sequence[Row[*tuple[Any, ...]]], vocabulary: type[StrEnum], kind: int) -> dict[str, int]:
    counts = {member.value: 0 for member in vocabulary}
    for row in rows:
        if row.kind == kind:
            counts[(row.status if kind == _BY_STATUS else row.priority).value] = row.tickets
    return counts


async def _by_assignee(
    session: AsyncSession, rows: Sequence[Row[*tuple[Any, ...]]]
) -> list[AssigneeStatistics]:
    assigned = [row for row in rows if row.assignee_id is not None]
    people = select(User.id, User.full_name).where(User.id.in_(chosen(row.assignee_id for row in assigned)))
    names = {person.id: person.full_name for person in await session.execute(people)}
    statistics = [
        AssigneeStatistics(row.assignee_id, names[row.assignee_id], row.tickets, _hours(row.hours))
        for row in assigned
    ]
    return sorted(statistics, key=lambda person: (-person.ticket_count, person.assignee))


def _hours(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
