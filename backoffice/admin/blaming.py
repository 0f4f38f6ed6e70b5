"""Who set each field of a record last, by the names that its model has for them."""

from typing import Any

from sqlalchemy import inspect
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.admin.cells import key_of
from backoffice.audit.blame import Blame, blame
from models import Base


async def last_set(session: AsyncSession, record: Any) -> dict[str, Blame]:
    """By column and relationship, in one query; of what the history does not keep there is nothing."""
    model = type(record)
    found = await blame(session, model.__tablename__, key_of(record))
    mapper = inspect(model)
    names = [*mapper.column_attrs.keys(), *mapper.relationships.keys()]
    sources = {name: _source(model, name) for name in names}
    return {name: found[source] for name, source in sources.items() if source in found}


def _source(model: type[Base], name: str) -> str:
    """Where the history keeps an attribute: under a column, or a table of links."""
    mapper = inspect(model)
    if name in mapper.column_attrs:
        return mapper.column_attrs[name].columns[0].name
    relation = mapper.relationships[name]
    if relation.secondary is not None:
        return str(relation.secondary)
    return "" if relation.uselist else next(iter(relation.local_columns)).name
