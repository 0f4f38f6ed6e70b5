"""The newest changes of some records, each found by the index, in the partitions' order, and no further.

It is one scan for all of them: PostgreSQL plans one for each partition, and that takes longer than the scan.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    Text,
    column,
    func,
    literal,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import InstrumentedAttribute

from backoffice.audit.names import Place
from backoffice.audit.record import CHANGES_OF_ROWS
from models import AuditLog


@dataclass(frozen=True)
class Wanted:
    """At most so many of the newest changes of one record."""

    table_name: str
    record_id: int
    limit: int


def newest_changes(
    wanted: Sequence[Wanted],
    columns: Sequence[InstrumentedAttribute[Any]],
    before: Place | None = None,
) -> Select[*tuple[Any, ...]]:
    """`columns` of the newest entries of each record, those before a place if one is given; in no order."""
    records = _records(wanted)
    newest = (
        select(*columns)
        .where(
            AuditLog.table_name == records.c.table_name,
            AuditLog.record_id == records.c.record_id,
            AuditLog.action.in_(CHANGES_OF_ROWS),
            *_before(before),
        )
        .order_by(AuditLog.created_at.desc(), AuditLog.id.desc())
        .limit(records.c.most)
        .lateral("newest")
    )
    return select(*newest.c).select_from(records.join(newest, true()))


def _records(wanted: Sequence[Wanted]) -> FromClause:
    names, keys, limits = zip(
        *((each.table_name, each.record_id, each.limit) for each in wanted), strict=True
    )
    unnested = func.unnest(
        literal(list(names), ARRAY(Text)),
        literal(list(keys), ARRAY(BigInteger)),
        literal(list(limits), ARRAY(BigInteger)),
    )
    return unnested.table_valued(
        column("table_name", Text), column("record_id", BigInteger), column("most", BigInteger)
    ).render_derived(name="wanted")


def _before(place: Place | None) -> list[ColumnElement[bool]]:
    """What is older; partitions that are newer are not looked at."""
    if place is None:
        return []
    when: ColumnElement[datetime] = literal(place.when, AuditLog.created_at.type)
    order = tuple_(AuditLog.created_at, AuditLog.id)
    return [AuditLog.created_at <= when, order < tuple_(when, literal(place.id, BigInteger))]
