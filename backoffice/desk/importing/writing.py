"""Writing many rows of one table at once: a statement for all of them, whose values come row by row."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Table, bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

Values = Mapping[str, Any]


async def next_ids(session: AsyncSession, table: Table, count: int) -> list[int]:
    """Keys for rows that are about to be written."""
    sequence = func.pg_get_serial_sequence(table.name, "id")
    each = func.generate_series(1, count).table_valued("number")
    return [*await session.scalars(select(func.nextval(sequence)).select_from(each))]


async def insert_rows(session: AsyncSession, table: Table, rows: Sequence[Values]) -> None:
    """Add rows that all have the same columns. A moment that is None is now."""
    if not rows:
        return
    values = {
        name: func.coalesce(_parameter(table, name), func.now())
        if name in ("created_at", "updated_at")
        else _parameter(table, name)
        for name in rows[0]
    }
    await session.execute(insert(table).values(values), [_named(row) for row in rows])


async def change_rows(
    session: AsyncSession, table: Table, names: Sequence[str], changes: Mapping[int, Values]
) -> None:
    """Give each row, by its id, the values that it has among `names`; what is missing stays as it is."""
    if not changes:
        return
    values = {name: func.coalesce(_parameter(table, name), table.c[name]) for name in names}
    statement = update(table).where(table.c.id == bindparam("new_id", type_=table.c.id.type))
    rows = [
        {"new_id": id_, **{f"new_{name}": row.get(name) for name in names}}
        for id_, row in sorted(changes.items())
    ]
    await session.execute(statement.values({**values, "updated_at": func.now()}), rows)


def moment(text: str | None) -> datetime | None:
    """A moment as it was staged."""
    return datetime.fromisoformat(text) if text else None


def _parameter(table: Table, name: str) -> Any:
    # Not under the column's own name, which belongs to its plain value.
    return bindparam(f"new_{name}", type_=table.c[name].type)


def _named(row: Values) -> dict[str, Any]:
    return {f"new_{name}": value for name, value in row.items()}
