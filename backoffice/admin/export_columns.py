"""What an export has: the list's columns as SQL, a value each, relations by the names of their records."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    JSON,
    Boolean,
    ColumnElement,
    DateTime,
    Enum,
    Integer,
    LargeBinary,
    Numeric,
    Select,
    String,
    Text,
    case,
    cast,
    func,
    inspect,
    literal_column,
    select,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import RelationshipProperty, aliased
from sqlalchemy.types import NullType, TypeEngine

from backoffice.admin.formats import words
from backoffice.database import INCLUDE_TRASHED
from backoffice.errors import ConfigurationError
from models import Base, Trashable

if TYPE_CHECKING:
    from backoffice.admin.view import View


class ValueKind(StrEnum):
    """What the values of a column are: the formats write each in a way of its own."""

    TEXT = "text"
    #: One of a closed vocabulary, of letters alone.
    WORD = "word"
    NUMBER = "number"
    FLAG = "flag"
    MOMENT = "moment"
    #: JSON, as text.
    JSON = "json"
    TEXTS = "texts"


@dataclass(frozen=True)
class ExportColumn:
    """A column of the file."""

    name: str
    label: str
    kind: ValueKind


#: Makes one value of the names of several records.
Gathered = Callable[[ColumnElement[Any], Sequence[ColumnElement[Any]]], ColumnElement[Any]]
#: Makes one text of the values of the columns.
LineOf = Callable[[Sequence[ExportColumn], Sequence[ColumnElement[Any]]], ColumnElement[Any]]


def export_columns(view: "View", *, is_trash: bool = False, chosen: Sequence[str] = ()) -> list[ExportColumn]:
    """The columns of an export of `view`, from left to right; `chosen` are those that somebody asked for."""
    names = exported(view, is_trash, chosen)
    return [ExportColumn(name, view.label(name), _kind(view.model, name)) for name in names]


def exported(view: "View", is_trash: bool, chosen: Sequence[str] = ()) -> list[str]:
    """The names of what is exported: what the list shows, unless the view declares something else."""
    names = [*(chosen or view.export_columns or view.get_list_columns())]
    return [*names, "deleted_at"] if is_trash and "deleted_at" not in names else names


def check_export(view: "View") -> None:
    """Refuse a view whose export would have what cannot be selected, or what nobody may take away."""
    for name in exported(view, view.has_trash) if view.can_export else ():
        where = f"{type(view).__name__}: “{name}” cannot be exported, because it is"
        mend = "say what else is, with export_columns = […], or turn it off with can_export = False."
        if not _is_selectable(view.model, name):
            raise ConfigurationError(f"{where} no column: {mend}")
        if _is_secret(view.model, name):
            raise ConfigurationError(f"{where} secret: {mend}")


def is_exportable(model: type[Base], name: str) -> bool:
    """Whether the attribute can be selected, and may be seen."""
    return _is_selectable(model, name) and not _is_secret(model, name)


def exported_rows(filtered: Select[Any], model: type[Base], columns: Sequence[ExportColumn]) -> Select[Any]:
    """The statement for the values of `columns` in place of whole records, one row a record.

    `filtered` says itself whether its rows are live: records in the trash that they lead to are named, too.
    """
    values, targets = _values(model, columns, _list_of)
    return _selected(filtered, model, values, targets)


def exported_lines(
    filtered: Select[Any], model: type[Base], columns: Sequence[ExportColumn], line_of: LineOf
) -> Select[Any]:
    """The same rows, each as the one text that `line_of` makes of its values."""
    values, targets = _values(model, columns, _one_of)
    labelled = [value.label(f"cell_{number}") for number, value in enumerate(values)]
    # Apart, by OFFSET: a line looks at each value several times, and it is to be found out once.
    cells = (
        select(*labelled).correlate(model, *targets.values()).offset(literal_column("0")).subquery("cells")
    )
    line = select(line_of(columns, list(cells.c))).scalar_subquery()
    return _selected(filtered, model, [line], targets)


def _values(
    model: type[Base], columns: Sequence[ExportColumn], gathered: Gathered
) -> tuple[list[ColumnElement[Any]], dict[str, Any]]:
    """The value of each column, and what they need joined, by relation."""
    relations, names = inspect(model).relationships, [column.name for column in columns]
    targets = {name: aliased(relations[name].mapper.class_) for name in names if _is_single(model, name)}
    values = [
        _titled(targets[name], relations[name].mapper.class_)
        if name in targets
        else _value(model, name, gathered)
        for name in names
    ]
    return values, targets


def _selected(
    filtered: Select[Any], model: type[Base], values: Sequence[ColumnElement[Any]], targets: Mapping[str, Any]
) -> Select[Any]:
    statement = filtered.with_only_columns(*values, maintain_column_froms=True)
    for name, target in targets.items():
        statement = statement.outerjoin(getattr(model, name).of_type(target))
    return statement.execution_options(**INCLUDE_TRASHED)


# What they are ---------------------------------------------------------------------------------


def _is_single(model: type[Base], name: str) -> bool:
    relation = inspect(model).relationships.get(name)
    return relation is not None and not relation.uselist


def _is_selectable(model: type[Base], name: str) -> bool:
    return name in inspect(model).all_orm_descriptors and hasattr(model, name)


def _is_secret(model: type[Base], name: str) -> bool:
    column = inspect(model).columns.get(name)
    return column is not None and column.info.get("audit") == "secret"


def _kind(model: type[Base], name: str) -> ValueKind:
    relation = inspect(model).relationships.get(name)
    if relation is not None:
        return ValueKind.TEXTS if relation.uselist else ValueKind.TEXT
    return _kind_of_type(getattr(model, name).type)


def _kind_of_type(column_type: TypeEngine[Any]) -> ValueKind:
    if isinstance(column_type, Enum) and all(word.isidentifier() for word in column_type.enums):
        return ValueKind.WORD
    kinds = (
        (Boolean, ValueKind.FLAG),
        ((Integer, Numeric), ValueKind.NUMBER),
        (DateTime, ValueKind.MOMENT),
        (JSON, ValueKind.JSON),
    )
    return next((kind for known, kind in kinds if isinstance(column_type, known)), ValueKind.TEXT)


# Their values ----------------------------------------------------------------------------------


def _value(model: type[Base], name: str, gathered: Gathered) -> ColumnElement[Any]:
    relation = inspect(model).relationships.get(name)
    if relation is not None:
        return _titles(model, relation, gathered)
    column: ColumnElement[Any] = getattr(model, name)
    if isinstance(column.type, LargeBinary):
        return func.encode(column, "hex")
    is_text = _kind_of_type(column.type) in {ValueKind.TEXT, ValueKind.WORD, ValueKind.JSON}
    is_plain = isinstance(column.type, String) and not isinstance(column.type, Enum)
    return cast(column, Text) if is_text and not is_plain else column


def _titles(model: type[Base], relation: RelationshipProperty[Any], gathered: Gathered) -> ColumnElement[Any]:
    """The names of the records of a collection, in its own order, without those in the trash."""
    target = relation.mapper.class_
    order = relation.order_by or inspect(target).primary_key
    names = select(gathered(_titled(target, target), order)).where(relation.class_attribute)
    if issubclass(target, Trashable):
        names = names.where(target.deleted_at.is_(None))
    # The driver makes lists of arrays by itself; to go through each once more took a fifth of an export.
    return type_coerce(names.correlate(model).scalar_subquery(), NullType())


def _list_of(name: ColumnElement[Any], order: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
    return func.array_agg(aggregate_order_by(name, *order))


def _one_of(name: ColumnElement[Any], order: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
    """All in one text, one after the other."""
    return func.string_agg(name, aggregate_order_by(literal_column("', '"), *order))


def _titled(source: Any, model: type[Base]) -> ColumnElement[Any]:
    """What `str()` of a record says, as SQL on `source`; NULL where there is no record."""
    key = getattr(source, inspect(model).get_property_by_column(inspect(model).primary_key[0]).key)
    pieces = _pieces(model) or [f"{words(model.__tablename__)} ", str(key.key), ""]
    names = pieces[1::2]
    if len(names) == 1 and not any(pieces[::2]):
        return cast(getattr(source, names[0]), Text)
    parts = [
        _quoted(piece) if place % 2 == 0 else getattr(source, piece) for place, piece in enumerate(pieces)
    ]
    return case((key.is_not(None), func.concat(*parts)))


def _quoted(piece: str) -> ColumnElement[str]:
    return literal_column("'{}'".format(piece.replace("'", "''")), Text)


def _pieces(model: type[Base]) -> list[str]:
    """Text and names of columns by turns, as `str()` puts them together; empty where it does otherwise."""
    stand_in: Any = _Marking()
    if model.__str__ is object.__str__:
        return []
    try:
        pieces = model.__str__(stand_in).split(_MARK)
    except (AttributeError, LookupError, TypeError, ValueError):
        return []
    names = pieces[1::2]
    return pieces if names and set(names) <= set(inspect(model).column_attrs.keys()) else []


_MARK = "\0"


class _Marking:
    """Has every attribute: its name, between marks."""

    def __getattr__(self, name: str) -> str:
        return f"{_MARK}{name}{_MARK}"
