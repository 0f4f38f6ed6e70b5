"""The verb that sets fields of rows, whichever they are: all rows get the same values, all at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    DateTime,
    Enum,
    Table,
    and_,
    delete,
    func,
    inspect,
    literal,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, RelationshipProperty

from backoffice.database.trash import INCLUDE_TRASHED
from backoffice.errors import BadInput
from backoffice.operations.bulk import BulkVerb, Selection
from models import Base, Trashable

NOTHING_CHOSEN: Final = "Choose at least one field to change."
IN_THE_TRASH: Final = "in the trash"

#: How the history keeps what people may set.
_OPEN: Final = frozenset({"plain", "pii"})


def set_fields(model: type[Base], values: Mapping[str, Any]) -> BulkVerb:
    """Give rows of `model` these values. Rows that have all of them already are so; trashed ones are refused.

    `values` are as JSON has them, by the name of the column or the relation: an id stands for a record, and
    of a relation to several the ids are all that a row is to have. BadInput for none, and for what cannot
    be set.
    """
    if not values:
        raise BadInput(NOTHING_CHOSEN)
    links, columns = _links(model, values), _columns(model, values)
    same = (getattr(model, name).is_not_distinct_from(value) for name, value in columns.items())
    # Where nothing but links changes, the row gets a new version all the same: no form that was opened
    # before may put the old ones back.
    written = columns or {"updated_at": func.now()}

    async def apply(session: AsyncSession, selection: Selection) -> None:
        for each in links:
            await each.put(session, selection)
        rows = update(model).where(_key(model).in_(selection)).values(written)
        await session.execute(rows, execution_options={**INCLUDE_TRASHED, "synchronize_session": False})

    return BulkVerb(
        model=model,
        refusals={IN_THE_TRASH: model.deleted_at.is_not(None)} if issubclass(model, Trashable) else {},
        already=and_(*same, *(each.are_so(_key(model)) for each in links)),
        apply=apply,
    )


def is_settable(model: type[Base], name: str) -> bool:
    """Whether rows may share a value there: no key, nothing unique, nothing secret, no bookkeeping."""
    relation = inspect(model).relationships.get(name)
    if relation is not None and relation.uselist:
        return isinstance(relation.secondary, Table)
    column = _column(model, name)
    return column is not None and column.info.get("audit") in _OPEN and not _is_own(column)


def _is_own(column: Column[Any]) -> bool:
    """Whether each row needs a value of its own, or the database makes it."""
    indexes = column.table.indexes
    is_unique = column.unique or any(index.unique and column.name in index.columns for index in indexes)
    return bool(is_unique or column.primary_key or column.computed or "follows" in column.info)


# Columns ----------------------------------------------------------------------------------------


def _columns(model: type[Base], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values to set, by the attribute that holds each."""
    names = [name for name in values if not _is_many(model, name)]
    return {_attribute(model, name): _value(model, name, values[name]) for name in names}


def _attribute(model: type[Base], name: str) -> str:
    """The attribute of the column behind `name`; of a relation that of its foreign key."""
    relation = inspect(model).relationships.get(name)
    if relation is None:
        return name
    [(local, _)] = relation.local_remote_pairs or ()
    key: str = relation.parent.get_property_by_column(local).key
    return key


def _column(model: type[Base], name: str) -> Column[Any] | None:
    column: Column[Any] | None = inspect(model).columns.get(_attribute(model, name))
    return column


def _value(model: type[Base], name: str, raw: Any) -> Any:
    """What JSON has of a value, as its column takes it."""
    column = _column(model, name)
    if column is None or not is_settable(model, name):
        raise BadInput(f"{name} cannot be set for many at once.")
    try:
        value = None if raw is None else _parsed(column, raw)
    except (TypeError, ValueError):
        raise _wrong(name, "This is no value that it can have.") from None
    if value is None and not column.nullable:
        raise _wrong(name, "This is required.")
    return value


def _parsed(column: Column[Any], raw: Any) -> Any:
    if isinstance(column.type, Enum) and column.type.enum_class is not None:
        return column.type.enum_class(raw)
    return datetime.fromisoformat(raw) if isinstance(column.type, DateTime) else raw


def _wrong(name: str, sentence: str) -> BadInput:
    return BadInput(sentence, fields={name: sentence})


# Links ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Links:
    """The records that every row shall lead to, and no others, through an association table."""

    table: Table
    own: Column[int]
    other: Column[int]
    ids: list[int]

    def are_so(self, key: InstrumentedAttribute[int]) -> ColumnElement[bool]:
        """Whether the row at `key` has these links, and no others."""
        every = select(func.count()).select_from(self.table).where(self.own == key).correlate(key.class_)
        wanted = every.where(self.other.in_(self.ids))
        return and_(*(count.scalar_subquery() == len(self.ids) for count in (every, wanted)))

    async def put(self, session: AsyncSession, selection: Selection) -> None:
        """Take off the rows what is not wanted, and add what is."""
        theirs = self.own.in_(selection)
        await session.execute(delete(self.table).where(theirs, self.other.not_in(self.ids)))
        wanted = select(func.unnest(literal(self.ids, ARRAY(BigInteger))).label("id")).subquery("wanted")
        pairs = selection.add_columns(wanted.c.id).join(wanted, true())
        pairs = pairs.order_by(*selection.selected_columns, wanted.c.id)
        rows = insert(self.table).from_select([self.own.name, self.other.name], pairs, include_defaults=False)
        await session.execute(rows.on_conflict_do_nothing())


def _links(model: type[Base], values: Mapping[str, Any]) -> list[_Links]:
    relations = inspect(model).relationships
    return [_links_of(relations[name], ids) for name, ids in values.items() if _is_many(model, name)]


def _links_of(relation: RelationshipProperty[Any], ids: Sequence[int]) -> _Links:
    """Of a relation through a table: on its one side the row, on its other what it leads to."""
    table = relation.secondary
    if not isinstance(table, Table):
        raise BadInput(f"{relation.key} cannot be set for many at once.")
    [(_, own)] = relation.synchronize_pairs
    [(_, other)] = relation.secondary_synchronize_pairs or ()
    return _Links(table, table.c[own.name], table.c[other.name], sorted(set(ids)))


def _is_many(model: type[Base], name: str) -> bool:
    relation = inspect(model).relationships.get(name)
    return relation is not None and bool(relation.uselist)


def _key(model: type[Base]) -> InstrumentedAttribute[int]:
    key: InstrumentedAttribute[int] = getattr(model, inspect(model).primary_key[0].name)
    return key
