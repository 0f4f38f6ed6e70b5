"""Cells: how a record's values are shown, which of its columns that takes, and what leads where."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, Boolean, DateTime, Enum, LargeBinary, Numeric, Text, inspect
from sqlalchemy import Integer as IntegerType
from sqlalchemy.dialects.postgresql import INET, TSVECTOR
from sqlalchemy.orm import InstrumentedAttribute, RelationshipProperty, joinedload, load_only, selectinload
from sqlalchemy.orm.interfaces import ORMOption
from sqlalchemy.types import TypeEngine, Uuid
from starlette.requests import Request

from backoffice.admin.formats import words
from backoffice.admin.pages import Cell, Kind
from models import Base, Trashable

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite

#: Makes the cell of one column from a record.
CellMaker = Callable[[Any], Cell]

#: A model's own colour (`#rrggbb`): its records are shown as coloured labels.
COLOR = "color"

_KINDS: Sequence[tuple[type[TypeEngine[Any]], Kind]] = (
    (Enum, Kind.CHOICE),
    (Boolean, Kind.FLAG),
    (DateTime, Kind.MOMENT),
    (JSON, Kind.JSON),
    (Uuid, Kind.CODE),
    (INET, Kind.CODE),
    (IntegerType, Kind.NUMBER),
    (Numeric, Kind.NUMBER),
)
_HEAVY = (JSON, TSVECTOR, LargeBinary)


# What a column is ------------------------------------------------------------------------------


def kind_of(model: type[Base], name: str, kinds: Mapping[str, Kind]) -> Kind:
    """How the attribute `name` is shown: as `kinds` says, or as its type tells."""
    return kinds[name] if name in kinds else _own_kind(model, name)


@cache
def _own_kind(model: type[Base], name: str) -> Kind:
    relation = inspect(model).relationships.get(name)
    if relation is not None:
        return Kind.RECORDS if relation.uselist else Kind.RECORD
    attribute = getattr(model, name)
    kind = _kind_of_type(getattr(attribute, "type", None))
    # An identifier is read digit by digit, not as an amount.
    return Kind.CODE if kind is Kind.NUMBER and _is_identifier(model, name) else kind


def _kind_of_type(column_type: TypeEngine[Any] | None) -> Kind:
    for known, kind in _KINDS:
        if isinstance(column_type, known):
            return kind
    return Kind.LONG_TEXT if _is_unbounded_text(column_type) else Kind.TEXT


def _is_unbounded_text(column_type: TypeEngine[Any] | None) -> bool:
    return isinstance(column_type, Text) and column_type.length is None


def _is_identifier(model: type[Base], name: str) -> bool:
    column = inspect(model).columns.get(name)
    return column is not None and (column.primary_key or bool(column.foreign_keys) or name.endswith("_id"))


def title_of(record: Any) -> str:
    """What a record is called; one without a name of its own by its number."""
    own = str(record).strip() if _has_title(type(record)) else ""
    return own or f"{words(inspect(type(record)).local_table.name)} {key_of(record)}"


def _has_title(model: Any) -> bool:
    return model.__str__ is not object.__str__


def key_of(record: Any) -> Any:
    """The value of a record's one primary key."""
    return getattr(record, _key_name(record.__class__))


@cache
def _key_name(model: type[Base]) -> str:
    mapper = inspect(model)
    return mapper.get_property_by_column(mapper.primary_key[0]).key


# Cells -----------------------------------------------------------------------------------------


def cell_maker(site: "AdminSite", request: Request, model: type[Base], name: str, kind: Kind) -> CellMaker:
    """Makes the cells of one column; where its links lead is found once, not once a row."""
    relation = inspect(model).relationships.get(name)
    if relation is not None:
        return _maker_of_related(name, relation, _details_path(site, request, relation.mapper.class_))
    if kind is Kind.LABEL:
        return lambda record: _label(getattr(record, name), record, "")
    value = attrgetter(name)
    if kind is Kind.CODE:
        return lambda record: Cell(kind, _text(value(record)))
    return lambda record: Cell(kind, value(record))


def _maker_of_related(name: str, relation: RelationshipProperty[Any], path: str) -> CellMaker:
    one = _label_of_record if COLOR in relation.mapper.column_attrs else _link_to_record

    def single(record: Any) -> Cell:
        related = getattr(record, name)
        return Cell(Kind.RECORD, None) if related is None else one(related, path)

    def several(record: Any) -> Cell:
        return Cell(Kind.RECORDS, [one(related, path) for related in getattr(record, name)])

    return several if relation.uselist else single


def _link_to_record(record: Any, path: str) -> Cell:
    return Cell(Kind.RECORD, title_of(record), f"{path}/{key_of(record)}" if path else "")


def _label_of_record(record: Any, path: str) -> Cell:
    return _label(title_of(record), record, f"{path}/{key_of(record)}" if path else "")


def _label(text: Any, record: Any, url: str) -> Cell:
    return Cell(Kind.LABEL, None if text is None else (str(text), getattr(record, COLOR)), url)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _details_path(site: "AdminSite", request: Request, model: type[Base]) -> str:
    """Where records of `model` are shown; empty where they are not, or not to this person."""
    view = site.view_of(model)
    return view.url("details") if view is not None and view.may(request, "details") else ""


# Loading ---------------------------------------------------------------------------------------


def loading_options(model: type[Base], names: Collection[str]) -> list[ORMOption]:
    """Load the relations among `names` with a record: what is needed to show and to edit it.

    A collection may come in the rows themselves, which are then as many as it has members: `unique` them.
    """
    return [*_loaders(_relations(model, names))]


@lru_cache(maxsize=256)
def listing_options(model: type[Base], names: tuple[str, ...]) -> Sequence[ORMOption]:
    """Load what the columns `names` of a list show, and nothing else; `unique` its rows, too."""
    columns = [attribute_of(model, name) for name in sorted(_listed_columns(model, names))]
    relations = _relations(model, names)
    related = (
        loader.load_only(*_title_attributes(relation.mapper.class_), raiseload=True)
        for loader, relation in zip(_loaders(relations), relations, strict=True)
    )
    return [load_only(*columns, raiseload=True), *related]


def _loaders(relations: Sequence[RelationshipProperty[Any]]) -> Iterator[Any]:
    """How each is loaded: the first collection that can be with the rows, others by a query of their own."""
    beside = next(filter(_is_never_trashed, relations), None)
    for relation in relations:
        yield joinedload(relation.class_attribute) if relation is beside else _eager(relation)


def _is_never_trashed(relation: RelationshipProperty[Any]) -> bool:
    """Whether a collection has no rows to leave out (see trash.py), so that it can be joined."""
    return bool(relation.uselist) and not issubclass(relation.mapper.class_, Trashable)


def naming_options(entity: Any) -> list[ORMOption]:
    """Load what a record of a model (or of its alias) may be called by: all but long texts in no title."""
    model = inspect(entity).mapper.class_
    names = {*_light_columns(model), *title_columns(model)}
    return [load_only(*(attribute_of(entity, name) for name in sorted(names)), raiseload=True)]


def _relations(model: type[Base], names: Collection[str]) -> list[RelationshipProperty[Any]]:
    relations = inspect(model).relationships
    return [relations[name] for name in names if name in relations]


def _eager(relation: RelationshipProperty[Any]) -> Any:
    # A parent may be in the trash and must still show; a collection leaves out what is (see trash.py).
    return (
        selectinload(relation.class_attribute) if relation.uselist else joinedload(relation.class_attribute)
    )


def _listed_columns(model: type[Base], names: Collection[str]) -> set[str]:
    """The columns behind `names`, the record's title and its state."""
    mapper = inspect(model)
    shown = {name for name in names if name not in mapper.relationships}
    if not shown <= set(mapper.column_attrs.keys()):
        # A computed value is made of columns that only itself knows.
        return {*_light_columns(model), *(shown & set(mapper.column_attrs.keys()))}
    state = {"deleted_at"} if issubclass(model, Trashable) else set()
    return {*shown, *title_columns(model), *state, *({COLOR} & set(mapper.column_attrs.keys()))}


def _title_attributes(model: type[Base]) -> list[InstrumentedAttribute[Any]]:
    names = {*title_columns(model), *({COLOR} & set(inspect(model).column_attrs.keys()))}
    return [attribute_of(model, name) for name in sorted(names)]


def attribute_of(model: Any, name: str) -> InstrumentedAttribute[Any]:
    attribute: InstrumentedAttribute[Any] = getattr(model, name)
    return attribute


@cache
def title_columns(model: type[Base]) -> frozenset[str]:
    """The columns that `str()` of a record reads, with the primary key: tried on a stand-in."""
    mapper, key = inspect(model), _key_name(model)
    if not _has_title(model):
        return frozenset({key})
    stand_in: Any = _StandIn()
    try:
        model.__str__(stand_in)
    except (AttributeError, LookupError, TypeError, ValueError):
        return frozenset(_light_columns(model))
    return frozenset({key, *(stand_in.asked_for & set(mapper.column_attrs.keys()))})


class _StandIn:
    """Has every attribute, as an empty text, and remembers which ones were read."""

    def __init__(self) -> None:
        self.asked_for: set[str] = set()

    def __getattr__(self, name: str) -> str:
        self.asked_for.add(name)
        return ""


def _light_columns(model: type[Base]) -> set[str]:
    """All columns but those that may hold much."""
    return {
        attribute.key
        for attribute in inspect(model).column_attrs
        if not attribute.deferred and not _is_heavy(attribute.columns[0])
    }


def _is_heavy(column: Any) -> bool:
    return isinstance(column.type, _HEAVY) or _is_unbounded_text(column.type)
