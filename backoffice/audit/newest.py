"""The newest changes of some records, found by the index, in the partitions' order, and no further.

Of a few records it is one scan for all of them, a record at a time: PostgreSQL plans and begins one in each
partition, and that takes longer than the scan. Of many records of one table it is one for all at a time.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    FromClause,
    Select,
    Table,
    any_,
    bindparam,
    cast,
    func,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.elements import KeyedColumnElement

from backoffice.audit.links import RECORD_ID, written_out
from backoffice.audit.names import Place
from backoffice.audit.record import CHANGES_OF_ROWS
from models import AuditLog

LOG: Final = AuditLog.__table__.c

# The place that is gone on from.
_WHEN: Final[BindParameter[Any]] = bindparam("before_when", type_=LOG.created_at.type)
_ID: Final[BindParameter[int]] = bindparam("before_id", type_=BigInteger)

#: As parameters they would be put into the statement anew each time.
IS_CHANGE_OF_A_ROW: Final = LOG.action.in_([written_out(action) for action in CHANGES_OF_ROWS])


def wanted(table_name: str, most: ColumnElement[int]) -> Select[str, int, int]:
    """At most so many changes of the record `record_id`, a row for `newest_changes`."""
    return select(
        written_out(table_name).label("table_name"), RECORD_ID.label("record_id"), most.label("most")
    )


def newest_changes(
    records: FromClause, columns: Sequence[KeyedColumnElement[Any]], *, with_before: bool = False
) -> Select[*tuple[Any, ...]]:
    """`columns` of the newest entries of each of `records`, which are rows of `wanted`; in no order.

    With `with_before`, of those that stand before the place that the parameters of `before` name.
    """
    newest = (
        select(*columns)
        .where(
            LOG.table_name == records.c.table_name,
            LOG.record_id == records.c.record_id,
            IS_CHANGE_OF_A_ROW,
            *(_is_before() if with_before else ()),
        )
        .order_by(LOG.created_at.desc(), LOG.id.desc())
        .limit(records.c.most)
        .lateral("newest")
    )
    return select(*newest.c).select_from(records.join(newest, true()))


def changes_of(
    table: Table,
    ids: Select[int],
    columns: Sequence[KeyedColumnElement[Any]],
    most: ColumnElement[int],
    *,
    with_before: bool = False,
) -> Select[*tuple[Any, ...]]:
    """`columns` of the newest entries of all rows of `table` with these `ids`, at most so many together."""
    # As an array: the index is gone through once in each partition, from one of them to the next.
    listed = select(func.array(ids.scalar_subquery(), type_=ARRAY(BigInteger))).scalar_subquery()
    return (
        select(*columns)
        .where(
            LOG.table_name == written_out(table.name),
            LOG.record_id == any_(cast(listed, ARRAY(BigInteger))),
            IS_CHANGE_OF_A_ROW,
            *(_is_before() if with_before else ()),
        )
        .order_by(LOG.created_at.desc(), LOG.id.desc())
        .limit(most)
    )


def before(place: Place | None) -> dict[str, Any]:
    """The parameters for a place in the history; none for its beginning."""
    return {} if place is None else {"before_when": place.when, "before_id": place.id}


def _is_before() -> tuple[ColumnElement[bool], ...]:
    """What is older; partitions that are newer are not looked at."""
    return LOG.created_at <= _WHEN, tuple_(LOG.created_at, LOG.id) < tuple_(_WHEN, _ID)
