"""Selections frozen at their confirmation: what was counted is what changes, whatever arrives in between."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import BigInteger, Text, cast, delete, func, insert, literal, literal_column, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.database.trash import INCLUDE_TRASHED
from backoffice.operations.bulk import Selection
from models import FrozenSelection

KEPT_FOR: Final = timedelta(days=1)


async def freeze(
    session: AsyncSession, selection: Selection, *, user_id: int, table_name: str, words: str
) -> FrozenSelection:
    """Keep the keys that `selection` yields now, for this person; one statement however many they are.

    What nobody confirmed for a day is removed along the way.
    """
    await session.execute(delete(FrozenSelection).where(FrozenSelection.created_at < func.now() - KEPT_FOR))
    rows = selection.order_by(None).subquery("rows")
    (key,) = rows.c
    ids = func.coalesce(func.array_agg(key).aggregate_order_by(key), literal_column("'{}'::bigint[]"))
    columns = ["user_id", "table_name", "words", "record_ids"]
    frozen = select(
        literal(user_id, BigInteger),
        literal(table_name, Text),
        literal(words, Text),
        cast(ids, ARRAY(BigInteger)),
    )
    made = insert(FrozenSelection).from_select(columns, frozen, include_defaults=False)
    found = await session.scalars(made.returning(FrozenSelection), execution_options=INCLUDE_TRASHED)
    return found.one()


async def find_frozen(
    session: AsyncSession, frozen_id: UUID, *, user_id: int, table_name: str
) -> FrozenSelection | None:
    """That person's selection of rows of that table; None if there is none, or it is too old."""
    return await session.scalar(
        select(FrozenSelection).where(
            FrozenSelection.id == frozen_id,
            FrozenSelection.user_id == user_id,
            FrozenSelection.table_name == table_name,
            FrozenSelection.created_at >= func.now() - KEPT_FOR,
        )
    )
