"""Who set each field of a record last, by the names that its model has for them."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import RelationshipProperty

from backoffice.admin.cells import key_of
from backoffice.audit.blame import Blame, blame, blame_in
from backoffice.audit.browse import Entry
from models import Base


async def last_set(
    session: AsyncSession, record: Any, history: Sequence[Entry] | None = None
) -> dict[str, Blame]:
    """By column and relationship; of what the history does not keep there is nothing.

    It takes one query, or none with the record's whole `history`.
    """
    model: type[Base] = type(record)
    table = model.__tablename__
    if history is not None:
        found = blame_in(history, table)
    else:
        found = await blame(session, table, key_of(record))
    return {name: found[source] for name, source in _sources(model).items() if source in found}


@cache
def _sources(model: type[Base]) -> Mapping[str, str]:
    """Where the history keeps each attribute: under a column, or a table of links."""
    mapper = inspect(model)
    columns = {name: attribute.columns[0].name for name, attribute in mapper.column_attrs.items()}
    return columns | {name: _source(relation) for name, relation in mapper.relationships.items()}


def _source(relation: RelationshipProperty[Any]) -> str:
    if relation.secondary is not None:
        return str(relation.secondary)
    return "" if relation.uselist else next(iter(relation.local_columns)).name
