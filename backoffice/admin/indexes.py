"""Start-up check: what a list is sorted and filtered by has an index, or its table stays small.

It reads declarations alone. That PostgreSQL then uses the indexes is what the tests ask it, with `EXPLAIN`.
"""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import Boolean, Column, Index, Table, inspect
from sqlalchemy.orm import RelationshipProperty

from backoffice.admin.places import default_order, sortable
from backoffice.errors import ConfigurationError
from models import Base

if TYPE_CHECKING:
    from backoffice.admin.view import View

#: The rows of a partial index with one of these conditions are all that a list, or its trash, shows.
WHOLE_LISTS: Final = {"None", "deleted_at IS NULL", "deleted_at IS NOT NULL"}
_WORD: Final = re.compile(r"\w+")


def check_indexes(view: "View") -> None:
    """Refuse a view whose list would read its whole table to be sorted or filtered."""
    if view.stays_small:
        return
    table = Base.metadata.tables[view.model.__tablename__]
    for name in (default_order(view, is_trash=False)[0], *sortable(view, is_trash=view.has_trash)):
        column = inspect(view.model).columns[name]
        if not any(chain and chain[0] is column for chain in walks(table)):
            _refuse(view, "sorted", name, f"an index that begins with {column.name}")
    for declared in view.filters:
        for column in _filtered(view, declared.name):
            if not any(column is each for each in _kept(column.table)):
                _refuse(view, "filtered", declared.name, f"an index that holds {column.name}")


def _refuse(view: "View", what: str, name: str, wanted: str) -> None:
    raise ConfigurationError(
        f"{type(view).__name__} can be {what} by “{name}”, which reads the whole table: declare {wanted}"
        " beside the model, with a migration, or say stays_small = True where the table never has many rows."
    )


def walks(table: Table) -> Iterator[list[Column[Any]]]:
    """The columns of each index that a list can be walked by."""
    yield list(table.primary_key.columns)
    yield from ([column] for column in table.columns if column.unique)
    for index in table.indexes:
        if _is_ordered(index) and str(index.dialect_options["postgresql"]["where"]) in WHOLE_LISTS:
            yield list(index.columns)


def _is_ordered(index: Index) -> bool:
    return index.dialect_options["postgresql"]["using"] in {False, None, "btree"}


def _kept(table: Any) -> Iterator[Column[Any]]:
    """The columns that an index holds, to be found by or to be compared without a look at the row."""
    for chain in walks(table):
        yield from chain
    for index in filter(_is_ordered, table.indexes):
        options = index.dialect_options["postgresql"]
        yield from (table.columns[name] for name in options["include"] or ())
        # The rarer side of a flag is found by an index of these rows alone.
        named = set(_WORD.findall(str(options["where"])))
        yield from (each for each in table.columns if each.name in named and isinstance(each.type, Boolean))


def _filtered(view: "View", name: str) -> Sequence[Column[Any]]:
    """The columns behind a filter; none behind a computed value, which is made of some of its own."""
    mapper = inspect(view.model)
    if name in mapper.relationships:
        return _joined(mapper.relationships[name])
    return [mapper.columns[name]] if name in mapper.columns else []


def _joined(relation: RelationshipProperty[Any]) -> Sequence[Column[Any]]:
    """The columns by which a relation finds its records: of a table between, those of the far side."""
    if relation.secondary is not None:
        joined = [between for _, between in relation.secondary_synchronize_pairs or ()]
    else:
        pairs = relation.local_remote_pairs or ()
        joined = [remote if relation.uselist else local for local, remote in pairs]
    return cast("list[Column[Any]]", joined)
