"""Links, such as a tag on a ticket: rows of an association table, which belong to one record's history."""

from sqlalchemy import Column, Table


def record_column(table: Table) -> Column[int]:
    """The column of an association table that leads to the record in whose history its links are."""
    return table.c[table.info["audit_record"]]


def parent_table(table: Table) -> Table:
    """The table of that record."""
    (key,) = record_column(table).foreign_keys
    return key.column.table
