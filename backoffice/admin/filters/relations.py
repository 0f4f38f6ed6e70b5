"""Filters by other records: the one that a row leads to, or several that it is linked with."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, Select, and_, exists, false, func, inspect, not_, or_, select
from sqlalchemy.orm import InstrumentedAttribute, RelationshipProperty
from starlette.datastructures import QueryParams

from backoffice.admin.filters.base import (
    MOST_VALUES,
    Asking,
    Facet,
    Filter,
    Part,
    Popular,
    Reading,
    values_of,
)
from backoffice.admin.filters.names import Wanted
from backoffice.admin.filters.operators import PRESENCE, Operator
from backoffice.admin.filters.texts import parse_value
from backoffice.admin.pages import FilterControl, Option
from backoffice.admin.pickers import Picker
from backoffice.errors import BadInput, ConfigurationError
from models import Base

if TYPE_CHECKING:
    from backoffice.admin.view import View

ME, NOBODY = "me", "nobody"
_SPECIAL: Final = (ME, NOBODY)

#: Of so many rows, the first ones in the list's order, the most frequent records are taken.
SAMPLED_ROWS: Final = 1_000
POPULAR: Final = 5


@dataclass(frozen=True)
class _OfRecords(Filter):
    """What filters by other records share: keys that are picked."""

    picker: Picker
    special: Mapping[str, str] = field(default_factory=dict)
    #: Whether those that most rows have are counted, and offered first.
    counts: bool = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        unknown = self.special.keys() - set(_SPECIAL)
        if unknown:
            name = type(self).__name__
            raise ConfigurationError(
                f"{name}({self.name!r}): special may hold {list(_SPECIAL)}, not {unknown}."
            )

    def wanted(self, values: Iterable[str]) -> list[Wanted]:
        keys = [key for value in values if (key := self._key(value)) is not None]
        return [Wanted(self.picker, keys[:MOST_VALUES])]

    def own_operators(self, view: "View") -> Sequence[Operator]:
        return (Operator.IS, Operator.NOT)

    def value_control(
        self, asking: Asking, operator: Operator, values: Sequence[str], name: str
    ) -> FilterControl:
        fixed = [Option(word, label, word in values) for word, label in self.special.items()]
        return self._picked(asking, name, values, fixed, is_multiple=True)

    def _key(self, value: str) -> Any:
        """The key that a value names; None where it names none."""
        try:
            return None if value in (*self.special, *PRESENCE) else parse_value(self.picker.key, value)
        except BadInput:
            return None

    def _shown(self, asking: Asking, value: str) -> str:
        return self.special.get(value) or asking.names.of(self.picker, parse_value(self.picker.key, value))

    def _picked(
        self,
        asking: Asking,
        name: str,
        values: Sequence[str],
        fixed: Sequence[Option],
        *,
        is_multiple: bool,
    ) -> FilterControl:
        """An asynchronous select with what is chosen, after what is always there."""
        keys = [key for value in values if (key := self._key(value)) is not None]
        chosen = [Option(str(key), asking.names.of(self.picker, key), True) for key in keys]
        return FilterControl(
            name,
            self.title(asking.view),
            "picker",
            (*fixed, *chosen),
            lookup_url=f"{asking.view.url('ajax/lookup')}?name={self.name}",
            is_multiple=is_multiple,
        )


@dataclass(frozen=True)
class Related(_OfRecords):
    """The record that a many-to-one leads to, by its key; `special` labels `me` and `nobody`, if offered."""

    def read(self, asking: Asking) -> Reading:
        title, value = self.title(asking.view), asking.params.get(self.name, "").strip()
        control = self._picked(asking, self.name, [value], self._fixed(asking.view, value), is_multiple=False)
        if not value:
            return Reading(control)
        if present := self.read_presence(asking, value, control):
            return present
        try:
            condition = self._leads_to(asking, [value])
        except BadInput as error:
            return Reading(control, problem=f"{title}: {error}")
        return Reading(control, condition, [Part(f"{title}: {self._shown(asking, value)}")])

    def held(self, view: "View", params: QueryParams) -> str | None:
        is_record = params.get(self.name) not in {NOBODY, *PRESENCE}
        return _local_column(view.model, self.name).key if is_record else None

    def is_personal(self, params: QueryParams) -> bool:
        return params.get(self.name) == ME

    def facet(self, asking: Asking) -> Facet | None:
        column = _local_column(asking.view.model, self.name)
        values = [(word, self._leads_to(asking, [word])) for word in self.special]
        if not self.counts:
            return Facet(values) if values else None
        return Facet(values, Popular(self.picker, _most_frequent_in(column), lambda key: column == key))

    def matching(
        self, asking: Asking, operator: Operator, values: Sequence[str]
    ) -> tuple[ColumnElement[bool], list[str]]:
        condition = self._leads_to(asking, values)
        if operator is Operator.NOT:
            condition = not_(condition)
        return condition, [self._shown(asking, value) for value in values]

    def may_be_missing(self, model: type[Base]) -> bool:
        [column] = inspect(model).attrs[_local_column(model, self.name).key].columns
        return bool(column.nullable)

    def missing(self, model: type[Base]) -> ColumnElement[bool]:
        return _local_column(model, self.name).is_(None)

    def _leads_to(self, asking: Asking, values: Sequence[str]) -> ColumnElement[bool]:
        """Whether a row leads to one of them: yes or no, also where it leads nowhere."""
        column = _local_column(asking.view.model, self.name)
        keys = [asking.user.id if value == ME and ME in self.special else value for value in values]
        asks_for_none = NOBODY in self.special and NOBODY in values
        wanted = [
            parse_value(self.picker.key, str(key)) for key in keys if not (asks_for_none and key == NOBODY)
        ]
        found = [column == wanted[0]] if len(wanted) == 1 else [column.in_(wanted)] if wanted else []
        if not self.may_be_missing(asking.view.model):
            return or_(false(), *found)
        empty = [column.is_(None)] if asks_for_none else []
        return or_(*empty, *(and_(column.is_not(None), one) for one in found))

    def _fixed(self, view: "View", value: str) -> list[Option]:
        """What can be asked for in place of a record."""
        fixed = [Option(word, label, word == value) for word, label in self.special.items()]
        presence = self.presence_options(view, value)
        return [*fixed, *(one for one in presence if not (NOBODY in self.special and one.value == "empty"))]


@dataclass(frozen=True)
class RelatedMany(_OfRecords):
    """Records of a many-to-many, by their keys; of several, a row has all: `tags=1&tags=7`."""

    #: Whether rows with none, or with any, can be asked for: where few have any, that is a look at all rows.
    presence: bool = field(default=True, kw_only=True)

    def read(self, asking: Asking) -> Reading:
        title, values = self.title(asking.view), values_of(asking.params, self.name)
        value = values[0] if len(values) == 1 else ""
        presence = self.presence_options(asking.view, value)
        if len(values) > MOST_VALUES:
            control = self._picked(asking, self.name, (), presence, is_multiple=True)
            return Reading(control, problem=f"{title}: at most {MOST_VALUES} at once.")
        control = self._picked(asking, self.name, values, presence, is_multiple=True)
        if present := self.read_presence(asking, value, control):
            return present
        try:
            keys = list(dict.fromkeys(parse_value(self.picker.key, value) for value in values))
        except BadInput as error:
            return Reading(control, problem=f"{title}: {error}")
        relation = inspect(asking.view.model).relationships[self.name]
        conditions = [_is_linked(relation, [key]) for key in keys]
        rest = {key: [(self.name, str(other)) for other in keys if other != key] for key in keys}
        parts = [Part(f"{title}: {asking.names.of(self.picker, key)}", rest[key]) for key in keys]
        return Reading(control, and_(*conditions) if conditions else None, parts)

    def facet(self, asking: Asking) -> Facet | None:
        if not self.counts:
            return None
        relation = inspect(asking.view.model).relationships[self.name]
        among = _most_frequent_links(relation)
        return Facet([], Popular(self.picker, among, lambda key: _is_linked(relation, [key])))

    def matching(
        self, asking: Asking, operator: Operator, values: Sequence[str]
    ) -> tuple[ColumnElement[bool], list[str]]:
        keys = [parse_value(self.picker.key, value) for value in values]
        linked = _is_linked(inspect(asking.view.model).relationships[self.name], keys)
        shown = [self._shown(asking, value) for value in values]
        return not_(linked) if operator is Operator.NOT else linked, shown

    def may_be_missing(self, model: type[Base]) -> bool:
        return self.presence

    def missing(self, model: type[Base]) -> ColumnElement[bool]:
        return not_(_is_linked(inspect(model).relationships[self.name], None))


def _local_column(model: type[Base], name: str) -> InstrumentedAttribute[Any]:
    """The foreign key of the many-to-one `name`."""
    mapper = inspect(model)
    local, _ = mapper.relationships[name].local_remote_pairs[0]
    attribute: InstrumentedAttribute[Any] = mapper.get_property_by_column(local).class_attribute
    return attribute


def _is_linked(relation: RelationshipProperty[Any], keys: Sequence[Any] | None) -> ColumnElement[bool]:
    """Whether a row is linked to one of `keys`, or to any record: read from the table between alone."""
    ((own, link_to_own),) = relation.synchronize_pairs
    ((_, link_to_other),) = relation.secondary_synchronize_pairs or ()
    if keys is None:
        # Asked row by row, as long as a page needs: a join would read all links to find rows without any.
        links = select(link_to_own).where(link_to_own == own).correlate(own.table).offset(0)
        return links.exists()
    linked = exists().where(link_to_own == own)
    return linked.where(link_to_other == keys[0] if len(keys) == 1 else link_to_other.in_(keys))


def _most_frequent_in(column: InstrumentedAttribute[Any]) -> Callable[[Select[Any]], Select[Any]]:
    """Of some rows, the keys in `column` that most of them have."""

    def popular(rows: Select[Any]) -> Select[Any]:
        some = rows.with_only_columns(column.label("key")).limit(SAMPLED_ROWS).subquery()
        return _most_frequent(select(some.c.key).where(some.c.key.is_not(None)), some.c.key)

    return popular


def _most_frequent_links(relation: RelationshipProperty[Any]) -> Callable[[Select[Any]], Select[Any]]:
    """The same of a many-to-many."""
    ((own, link_to_own),) = relation.synchronize_pairs
    ((_, link_to_other),) = relation.secondary_synchronize_pairs or ()

    def popular(rows: Select[Any]) -> Select[Any]:
        some = rows.with_only_columns(own.label("key")).limit(SAMPLED_ROWS).subquery()
        return _most_frequent(select(link_to_other).where(link_to_own == some.c.key), link_to_other)

    return popular


def _most_frequent(keys: Select[Any], key: Any) -> Select[Any]:
    return keys.group_by(key).order_by(func.count().desc(), key).limit(POPULAR)
