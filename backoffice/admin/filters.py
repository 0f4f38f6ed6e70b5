"""Filters above a list: declarations, each of which reads the list's address and says in words what it asks.

A value that makes no sense is a `problem`, a sentence; the list then shows no rows rather than others than
those that were meant.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, inspect, not_, select
from sqlalchemy.orm import InstrumentedAttribute, RelationshipProperty
from starlette.datastructures import QueryParams
from starlette.requests import Request

from backoffice.accounts.sessions import CurrentUser
from backoffice.admin.cells import naming_options
from backoffice.admin.formats import words, zone
from backoffice.admin.pages import FilterControl, Option
from backoffice.admin.pickers import Picker
from backoffice.admin.request import current_user
from backoffice.database import INCLUDE_TRASHED
from backoffice.errors import BadInput, ConfigurationError
from backoffice.keys import is_key
from models import Base

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View

Pair = tuple[str, str]

#: Days outside of these are typing mistakes; calendars and time zones end not far beyond.
FIRST_YEAR, LAST_YEAR = 1900, 2999
#: Values of one filter at once.
MOST_VALUES: Final = 50


@dataclass(frozen=True)
class Part:
    """One thing that a filter asks, in words, and what the filter's parameters are without it."""

    words: str
    rest: Sequence[Pair] = ()


@dataclass(frozen=True)
class Reading:
    """What a filter makes of an address."""

    control: FilterControl
    condition: ColumnElement[bool] | None = None
    parts: Sequence[Part] = ()
    #: What stands between several parts in a sentence.
    conjunction: str = "and"
    problem: str = ""

    @property
    def words(self) -> str:
        """All that it asks, such as `Status: Open or Closed`; empty if it asks nothing."""
        first, *others = [part.words for part in self.parts] or [""]
        return f" {self.conjunction} ".join([first, *(other.partition(": ")[2] for other in others)])


@dataclass(frozen=True)
class Filter(ABC):
    """A filter by the attribute `name`, which is also its parameter; `label` is the column's unless given."""

    name: str
    label: str = field(default="", kw_only=True)

    @property
    def parameters(self) -> Sequence[str]:
        """The names that it reads from the address."""
        return (self.name,)

    @abstractmethod
    async def read(self, site: "AdminSite", view: "View", request: Request) -> Reading:
        """What the request's address asks of this filter."""

    def title(self, view: "View") -> str:
        return self.label or view.label(self.name)


@dataclass(frozen=True)
class Choice(Filter):
    """One or several members of an enum column: `status=open&status=closed`, or with a comma between."""

    async def read(self, site: "AdminSite", view: "View", request: Request) -> Reading:
        title, column = self.title(view), getattr(view.model, self.name)
        members: Sequence[StrEnum] = list(column.type.enum_class)
        values = _values(request.query_params, self.name)
        chosen = [member for member in members if member.value in values]
        control = FilterControl(self.name, title, "choice", _options(members, chosen))
        unknown = [value for value in values if value not in {member.value for member in members}]
        if unknown:
            return Reading(control, problem=f"{title}: there is no “{unknown[0][:40]}”.")
        condition = column.in_(chosen) if chosen else None
        rest = {
            member: [(self.name, other.value) for other in chosen if other is not member] for member in chosen
        }
        parts = [Part(f"{title}: {words(one)}", rest[one]) for one in chosen]
        return Reading(control, condition, parts, conjunction="or")


def _options(members: Sequence[StrEnum], chosen: Sequence[StrEnum]) -> list[Option]:
    """An option a member; several that are chosen make one option together, so that a form keeps them."""
    options = [Option(member.value, words(member), [member] == chosen) for member in members]
    if len(chosen) > 1:
        together = ",".join(member.value for member in chosen)
        options.insert(0, Option(together, " or ".join(words(member) for member in chosen), True))
    return options


@dataclass(frozen=True)
class Flag(Filter):
    """A boolean: `1` asks for yes, `0` for no."""

    async def read(self, site: "AdminSite", view: "View", request: Request) -> Reading:
        title, value = self.title(view), request.query_params.get(self.name, "")
        attribute = getattr(view.model, self.name)
        match value:
            case "":
                return Reading(self._control(view, value))
            case "1":
                return Reading(self._control(view, value), attribute, [Part(title)])
            case "0":
                return Reading(self._control(view, value), not_(attribute), [Part(f"{title}: no")])
            case _:
                return Reading(self._control(view, ""), problem=f"{title}: write 1 for yes or 0 for no.")

    def _control(self, view: "View", value: str) -> FilterControl:
        """A box to tick for a computed state, which one looks for; a column may be asked for either way."""
        if self.name in inspect(view.model).column_attrs or value == "0":
            options = [Option("1", "Yes", value == "1"), Option("0", "No", value == "0")]
            return FilterControl(self.name, self.title(view), "choice", options)
        return FilterControl(self.name, self.title(view), "flag", value=value)


@dataclass(frozen=True)
class Dates(Filter):
    """Moments between two days, both included, as the calendar of the one who asks has them."""

    @property
    def parameters(self) -> Sequence[str]:
        return (f"{self.name}_from", f"{self.name}_to")

    async def read(self, site: "AdminSite", view: "View", request: Request) -> Reading:
        title = self.title(view)
        first, last = (request.query_params.get(name, "").strip() for name in self.parameters)
        control = FilterControl(self.name, title, "dates", value=first, value_to=last)
        try:
            since, until = _day(first), _day(last)
        except ValueError:
            return Reading(control, problem=f"{title}: write a day like 2026-05-31.")
        if since and until and since > until:
            return Reading(control, problem=f"{title}: the first day comes after the last.")
        condition = _between(getattr(view.model, self.name), since, until, current_user(request).time_zone)
        return Reading(control, condition, _parts_of_days(title, since, until))


def _day(text: str) -> date | None:
    if not text:
        return None
    day = date.fromisoformat(text)
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(text)
    return day


def _between(
    column: InstrumentedAttribute[datetime], since: date | None, until: date | None, time_zone: str
) -> ColumnElement[bool] | None:
    conditions = []
    if since:
        conditions.append(column >= datetime.combine(since, time(), zone(time_zone)))
    if until:
        conditions.append(column < datetime.combine(until + timedelta(days=1), time(), zone(time_zone)))
    return and_(*conditions) if conditions else None


def _parts_of_days(title: str, since: date | None, until: date | None) -> list[Part]:
    match since, until:
        case None, None:
            return []
        case _, None:
            return [Part(f"{title}: since {since}")]
        case None, _:
            return [Part(f"{title}: until {until}")]
        case _ if since == until:
            return [Part(f"{title}: {since}")]
        case _:
            return [Part(f"{title}: {since} to {until}")]


@dataclass(frozen=True)
class Exact(Filter):
    """Exactly what is typed, of a column of texts, numbers or UUIDs; `hidden` shows when asked for alone."""

    hidden: str = field(default="", kw_only=True)

    async def read(self, site: "AdminSite", view: "View", request: Request) -> Reading:
        title, typed = self.title(view), request.query_params.get(self.name, "").strip()
        control = FilterControl(self.name, title, "text", value=typed)
        column = getattr(view.model, self.name)
        if not typed:
            return Reading(control, column != self.hidden if self.hidden else None)
        try:
            value = parse_value(column, typed)
        except BadInput as error:
            return Reading(control, problem=f"{title}: {error}")
        return Reading(control, column == value, [Part(f"{title}: {typed[:40]}")])


#: What may be asked for in place of a record, by its word in the address.
_SPECIAL: Final[Mapping[str, Any]] = {
    "me": lambda column, user: column == user.id,
    "nobody": lambda column, user: column.is_(None),
}


@dataclass(frozen=True)
class Related(Filter):
    """The record that a many-to-one leads to, by its key; `special` labels `me` and `nobody`, if offered."""

    picker: Picker
    special: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = self.special.keys() - _SPECIAL.keys()
        if unknown:
            raise ConfigurationError(
                f"Related({self.name!r}): special may hold {list(_SPECIAL)}, not {unknown}."
            )

    async def read(self, site: "AdminSite", view: "View", request: Request) -> Reading:
        title, value = self.title(view), request.query_params.get(self.name, "").strip()
        column = _local_column(view.model, self.name)
        options = [Option(word, label, word == value) for word, label in self.special.items()]
        control = _picker_control(self, view, options)
        if not value:
            return Reading(control)
        if value in self.special:
            condition = _SPECIAL[value](column, current_user(request))
            return Reading(control, condition, [Part(f"{title}: {self.special[value]}")])
        try:
            key = parse_value(self.picker.key, value)
        except BadInput as error:
            return Reading(control, problem=f"{title}: {error}")
        label = (await _labels(site, request, self.picker, [key]))[key]
        control = _picker_control(self, view, [*options, Option(str(key), label, True)])
        return Reading(control, column == key, [Part(f"{title}: {label}")])


@dataclass(frozen=True)
class RelatedMany(Filter):
    """Records of a many-to-many, by their keys; of several, a row has all: `tags=1&tags=7`."""

    picker: Picker

    async def read(self, site: "AdminSite", view: "View", request: Request) -> Reading:
        title, values = self.title(view), _values(request.query_params, self.name)
        if len(values) > MOST_VALUES:
            return Reading(
                _picker_control(self, view, ()), problem=f"{title}: at most {MOST_VALUES} at once."
            )
        try:
            keys = [parse_value(self.picker.key, value) for value in values]
        except BadInput as error:
            return Reading(_picker_control(self, view, ()), problem=f"{title}: {error}")
        labels = await _labels(site, request, self.picker, keys)
        control = _picker_control(
            self, view, [Option(str(key), label, True) for key, label in labels.items()]
        )
        relation = inspect(view.model).relationships[self.name]
        conditions = [_is_linked(relation, key) for key in labels]
        rest = {key: [(self.name, str(other)) for other in labels if other != key] for key in labels}
        parts = [Part(f"{title}: {label}", rest[key]) for key, label in labels.items()]
        return Reading(control, and_(*conditions) if conditions else None, parts)


def _picker_control(filter_: Related | RelatedMany, view: "View", options: Sequence[Option]) -> FilterControl:
    return FilterControl(
        filter_.name,
        filter_.title(view),
        "picker",
        options,
        lookup_url=f"{view.url('ajax/lookup')}?name={filter_.name}",
        is_multiple=isinstance(filter_, RelatedMany),
    )


def _local_column(model: type[Base], name: str) -> InstrumentedAttribute[Any]:
    """The foreign key of the many-to-one `name`."""
    mapper = inspect(model)
    local, _ = mapper.relationships[name].local_remote_pairs[0]
    attribute: InstrumentedAttribute[Any] = mapper.get_property_by_column(local).class_attribute
    return attribute


def _is_linked(relation: RelationshipProperty[Any], key: Any) -> ColumnElement[bool]:
    """Whether a row is linked to the record `key`, read from the table between them alone."""
    ((own, link_to_own),) = relation.synchronize_pairs
    ((_, link_to_other),) = relation.secondary_synchronize_pairs or ()
    return exists().where(link_to_own == own, link_to_other == key)


async def _labels(
    site: "AdminSite", request: Request, picker: Picker, keys: Collection[Any]
) -> dict[Any, str]:
    """What the records of `keys` are called, in that order; by number where this person may not know."""
    if not keys:
        return {}
    statement = select(picker.model).where(picker.key.in_(keys), *_knowable(site, request, picker))
    statement = statement.options(*naming_options(picker.model)).execution_options(**INCLUDE_TRASHED)
    records = await request.state.session.scalars(statement)
    known = {getattr(record, picker.key.key): picker.label(record) for record in records}
    return {key: known.get(key, f"#{key}") for key in keys}


def _knowable(site: "AdminSite", request: Request, picker: Picker) -> Iterable[ColumnElement[bool]]:
    """Who may list the records has their names by it, also of those that can no longer be picked."""
    user: CurrentUser = current_user(request)
    view = site.view_of(picker.model)
    if view is None or not view.may(request, "list"):
        return [picker.allowed(user)]
    scope = view.scope(user)
    return [] if scope is None else [scope]


def _values(params: QueryParams, name: str) -> list[str]:
    """All values of a parameter, repeated or with commas between, each once."""
    given = (value.strip() for text in params.getlist(name) for value in text.split(","))
    return list(dict.fromkeys(value for value in given if value))


def parse_value(column: InstrumentedAttribute[Any], typed: str) -> Any:
    """What `typed` stands for in a column of texts, whole numbers or UUIDs; BadInput if it can be none."""
    kind = column.type.python_type
    if kind is str:
        return typed
    if kind is int:
        if is_key(typed.removeprefix("-")):
            return int(typed)
        raise BadInput(f"“{typed[:40]}” is not a number that a record can have.")
    if kind is UUID:
        try:
            return UUID(typed)
        except ValueError:
            raise BadInput(f"“{typed[:40]}” is not the identifier of anything.") from None
    raise ConfigurationError(f"{column}: a filter can ask for texts, whole numbers and UUIDs.")
