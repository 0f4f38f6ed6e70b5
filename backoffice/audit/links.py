"""What belongs to a record's history: its links, such as a tag on a ticket, and the rows below it."""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Column,
    ColumnElement,
    Select,
    Table,
    Text,
    bindparam,
    literal_column,
    select,
    union,
)

from models import AuditLog, Base

#: Of the statements about a record: its key.
RECORD_ID: Final[BindParameter[int]] = bindparam("record_id", type_=BigInteger)


def record_column(table: Table) -> Column[int]:
    """The column of an association table that leads to the record in whose history its links are."""
    return table.c[table.info["audit_record"]]


def parent_table(table: Table) -> Table:
    """The table of that record."""
    (key,) = record_column(table).foreign_keys
    return key.column.table


@cache
def tables_of_links(table_name: str) -> Sequence[str]:
    """The association tables whose rows belong to records of this table."""
    return [
        table.name
        for table in Base.metadata.sorted_tables
        if "audit_record" in table.info and parent_table(table).name == table_name
    ]


def parent_column(child: Table, table: Table) -> Column[int]:
    """The column of `child` that leads to the record of `table` that its rows are below."""
    (key,) = (key for key in child.foreign_keys if key.column.table is table)
    return key.parent


@cache
def ids_below(table: Table, child: Table) -> Select[int]:
    """What is below the record `RECORD_ID`, and whatever left it: was deleted, or moved to another one."""
    parent, log = parent_column(child, table), AuditLog.__table__.c
    # As the index `ix_audit_logs_child` has it.
    left = literal_column(f"(audit_logs.changes #>> '{{{parent.name},old}}')::bigint", BigInteger)
    gone = select(log.record_id).where(log.table_name == written_out(child.name), left == RECORD_ID)
    return select(union(select(child.c.id).where(parent == RECORD_ID), gone).subquery().c[0])


def written_out(word: str) -> ColumnElement[Any]:
    """One of our own words in the statement itself: a plan for any record can use an index of it alone."""
    return literal_column("'{}'".format(word.replace("'", "''")), Text)
