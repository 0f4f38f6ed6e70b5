"""Rows by a cursor, without SQLAlchemy in between: all of them, and failures as it would tell them."""

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from backoffice.admin.edge import QUERY_CANCELED
from backoffice.admin.export_cursor import BATCH, cursor_of
from backoffice.audit.context import Change
from backoffice.database import SessionFactory, transaction


def reading(**limits: int) -> Change:
    return Change(verb="test", actor="test", read_only=True, **limits)  # type: ignore[arg-type]


class TestRows:
    @pytest.mark.parametrize("count", [0, 1, BATCH, 2 * BATCH + 1])
    async def test_come_in_batches(self, factory: SessionFactory, count: int) -> None:
        numbers = select(func.generate_series(1, count).column_valued("number"))
        async with (
            transaction(factory, reading()) as session,
            cursor_of(session, numbers) as batches,
        ):
            found = [[number for (number,) in rows] async for rows in batches]
        assert [number for rows in found for number in rows] == list(range(1, count + 1))
        assert all(0 < len(rows) <= BATCH for rows in found)

    async def test_of_two_statements_do_not_mix(self, factory: SessionFactory) -> None:
        """The driver remembers what the rows of a statement look like."""
        for statement, rows in ((select(text("1, 'a'")), [(1, "a")]), (select(text("'b'")), [("b",)])):
            async with (
                transaction(factory, reading()) as session,
                cursor_of(session, statement) as batches,
            ):
                assert [tuple(row) async for batch in batches for row in batch] == rows


class TestFailure:
    async def test_is_told_as_that_of_any_statement(self, factory: SessionFactory) -> None:
        slow = select(func.pg_sleep(10))
        with pytest.raises(DBAPIError) as failure:
            async with (
                transaction(factory, reading(statement_timeout_ms=100)) as session,
                cursor_of(session, slow) as batches,
            ):
                await anext(batches)
        assert getattr(failure.value.orig, "sqlstate", None) == QUERY_CANCELED
