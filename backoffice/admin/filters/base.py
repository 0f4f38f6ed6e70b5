"""What every filter is: a field of the rows that an address asks for, plainly or in a condition."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sqlalchemy import ColumnElement, Select, inspect, not_
from starlette.datastructures import QueryParams
from starlette.requests import Request

from backoffice.accounts.sessions import CurrentUser
from backoffice.admin.filters.names import Names, Wanted
from backoffice.admin.filters.operators import LISTS, PRESENCE, Operator, in_words
from backoffice.admin.pages import FilterControl, Option
from backoffice.admin.pickers import Picker
from backoffice.admin.request import current_user
from backoffice.errors import BadInput
from models import Base

if TYPE_CHECKING:
    from backoffice.admin.view import View

Pair = tuple[str, str]

#: Values of one filter at once.
MOST_VALUES: Final = 50


@dataclass(frozen=True)
class Asking:
    """Who asks, on which page; what the records are called that the address names, and what terms find."""

    view: "View"
    request: Request
    names: Names
    #: What the list's search finds by each term of a condition, or why it finds nothing.
    found: Mapping[str, ColumnElement[bool] | str] = field(default_factory=dict)

    @property
    def params(self) -> QueryParams:
        return self.request.query_params

    @property
    def user(self) -> CurrentUser:
        return current_user(self.request)


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
class Compared:
    """One condition of an advanced filter: what rows fulfil, and how to say so."""

    condition: ColumnElement[bool]
    words: str


@dataclass(frozen=True)
class Popular:
    """Records that many rows lead to.

    `among` makes, of a statement for rows, one for the keys that most of the first of them have; `having`
    is what the rows of a key fulfil.
    """

    picker: Picker
    among: Callable[[Select[Any]], Select[Any]]
    having: Callable[[Any], ColumnElement[bool]]


@dataclass(frozen=True)
class Facet:
    """The values of a filter whose rows are counted, each with what its rows fulfil; and popular ones."""

    values: Sequence[tuple[str, ColumnElement[bool]]]
    popular: Popular | None = None


@dataclass(frozen=True)
class Filter(ABC):
    """A filter by the attribute `name`, which is also its parameter; `label` is the column's unless given."""

    #: Whether what it makes of a value may differ: by who asks, what they may know, or when.
    varies: ClassVar[bool] = True

    name: str
    label: str = field(default="", kw_only=True)

    @property
    def parameters(self) -> Sequence[str]:
        """The names that it reads from the address."""
        return (self.name,)

    def title(self, view: "View") -> str:
        return self.label or view.label(self.name)

    # Plainly ------------------------------------------------------------------------------------

    @abstractmethod
    def read(self, asking: Asking) -> Reading:
        """What the request's address asks of this filter."""

    def held(self, view: "View", params: QueryParams) -> str | None:
        """The column that rows have one value in, as the address asks; None if it asks for anything else."""
        return None

    def is_personal(self, params: QueryParams) -> bool:
        """Whether that value is another one for everybody who asks."""
        return False

    def wanted(self, values: Iterable[str]) -> list[Wanted]:
        """The records that these values name, as far as they name any."""
        return []

    def facet(self, asking: Asking) -> Facet | None:
        """What is counted beside it; None: nothing."""
        return None

    # In a condition -----------------------------------------------------------------------------

    @abstractmethod
    def own_operators(self, view: "View") -> Sequence[Operator]:
        """How it compares with values."""

    @abstractmethod
    def matching(
        self, asking: Asking, operator: Operator, values: Sequence[str]
    ) -> tuple[ColumnElement[bool], list[str]]:
        """What rows fulfil, never unknown, and the values in words; BadInput where they make no sense."""

    @abstractmethod
    def value_control(
        self, asking: Asking, operator: Operator, values: Sequence[str], name: str
    ) -> FilterControl:
        """What asks for the values of a condition, under the parameter `name`."""

    def operators(self, view: "View") -> list[Operator]:
        """All that conditions may say of this field."""
        return [*self.own_operators(view), *(PRESENCE if self.may_be_missing(view.model) else ())]

    def compare(self, asking: Asking, operator: Operator, values: Sequence[str]) -> Compared:
        """One condition on this field; BadInput, with the field's title, where it makes no sense."""
        title = self.title(asking.view)
        offered = self.operators(asking.view)
        if operator not in offered:
            raise BadInput(f"{title}: there is no “{operator}” here, but {', '.join(offered)}.")
        _check_number(title, operator, values)
        if operator in PRESENCE:
            condition = self._present(asking.view, operator)
            return Compared(condition, f"{title} {in_words(operator, [])}")
        try:
            condition, shown = self.matching(asking, operator, values)
        except BadInput as error:
            raise BadInput(f"{title}: {error}") from None
        return Compared(condition, f"{title} {in_words(operator, shown)}")

    def may_be_missing(self, model: type[Base]) -> bool:
        """Whether there can be rows without a value."""
        column = inspect(model).columns.get(self.name)
        return column is not None and bool(column.nullable)

    def missing(self, model: type[Base]) -> ColumnElement[bool]:
        """Whether a row has no value, where that may be."""
        condition: ColumnElement[bool] = getattr(model, self.name).is_(None)
        return condition

    # Presence, plainly --------------------------------------------------------------------------

    def read_presence(self, asking: Asking, value: str, control: FilterControl) -> Reading | None:
        """What `empty` and `not-empty` ask as the whole value; None for other values."""
        if value not in PRESENCE or not self.may_be_missing(asking.view.model):
            return None
        condition = self._present(asking.view, value)
        words = f"{self.title(asking.view)}: {_PRESENCE_LABELS[value].lower()}"
        return Reading(control, condition, [Part(words)])

    def presence_options(self, view: "View", value: str) -> list[Option]:
        """The two as options, where there is a choice."""
        if not self.may_be_missing(view.model):
            return []
        return [Option(one, label, one == value) for one, label in _PRESENCE_LABELS.items()]

    def _present(self, view: "View", presence: str) -> ColumnElement[bool]:
        missing = self.missing(view.model)
        return missing if presence == Operator.EMPTY else not_(missing)


_PRESENCE_LABELS: Final[dict[str, str]] = {
    Operator.EMPTY.value: "Empty",
    Operator.NOT_EMPTY.value: "Not empty",
}


def _check_number(title: str, operator: Operator, values: Sequence[str]) -> None:
    """Refuse another number of values than the operator takes."""
    if operator in PRESENCE:
        if values:
            raise BadInput(f"{title}: “{operator}” takes no value.")
        return
    if not values or not all(values):
        raise BadInput(f"{title}: a value is missing.")
    if operator is Operator.BETWEEN and len(values) != 2:
        raise BadInput(f"{title}: “between” takes two values.")
    if operator is not Operator.BETWEEN and operator not in LISTS and len(values) > 1:
        raise BadInput(f"{title}: “{operator}” takes one value.")
    if len(values) > MOST_VALUES:
        raise BadInput(f"{title}: at most {MOST_VALUES} values at once.")


def values_of(params: QueryParams, name: str) -> list[str]:
    """All values of a parameter, repeated or with commas between, each once."""
    given = (value.strip() for text in params.getlist(name) for value in text.split(","))
    return list(dict.fromkeys(value for value in given if value))
