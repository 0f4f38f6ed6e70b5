"""Filters by what is typed: exactly a text, a number, an identifier; or the words of the list's search."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, literal
from sqlalchemy.orm import InstrumentedAttribute
from starlette.datastructures import QueryParams

from backoffice.admin.filters.base import Asking, Filter, Part, Reading
from backoffice.admin.filters.choices import among
from backoffice.admin.filters.operators import Operator
from backoffice.admin.pages import FilterControl
from backoffice.errors import BadInput, ConfigurationError
from backoffice.keys import is_key
from models import Base

if TYPE_CHECKING:
    from backoffice.admin.view import View

#: Whatever a list's search finds, as a field of conditions.
SEARCH: Final = "search"
#: Each may take a look at the database beforehand.
MOST_SEARCHES: Final = 3


@dataclass(frozen=True)
class Exact(Filter):
    """Exactly what is typed, of a column of texts, numbers or UUIDs; `hidden` shows when asked for alone."""

    hidden: str = field(default="", kw_only=True)

    def read(self, asking: Asking) -> Reading:
        title, typed = self.title(asking.view), asking.params.get(self.name, "").strip()
        control = FilterControl(self.name, title, "text", value=typed)
        column = getattr(asking.view.model, self.name)
        if not typed:
            return Reading(control, self._shown(column))
        try:
            value = parse_value(column, typed)
        except BadInput as error:
            return Reading(control, problem=f"{title}: {error}")
        return Reading(control, column == value, [Part(f"{title}: {typed[:40]}")])

    def held(self, view: "View", params: QueryParams) -> str | None:
        return self.name

    def _shown(self, column: Any) -> ColumnElement[bool] | None:
        """What shows unasked. It stands in the statement itself: the plan for it is made once."""
        if not self.hidden:
            return None
        shown: ColumnElement[bool] = column != literal(self.hidden, column.type, literal_execute=True)
        return shown

    def own_operators(self, view: "View") -> Sequence[Operator]:
        return (Operator.IS, Operator.NOT)

    def matching(
        self, asking: Asking, operator: Operator, values: Sequence[str]
    ) -> tuple[ColumnElement[bool], list[str]]:
        column = getattr(asking.view.model, self.name)
        parsed = [parse_value(column, value) for value in values]
        found = among(column, parsed, is_not=operator is Operator.NOT)
        return found, [f"“{value[:40]}”" for value in values]

    def value_control(
        self, asking: Asking, operator: Operator, values: Sequence[str], name: str
    ) -> FilterControl:
        return FilterControl(name, self.title(asking.view), "text", values=tuple(values))


@dataclass(frozen=True)
class Words(Filter):
    """What the list's search finds; it stands in conditions alone, for a list has its own field for it."""

    name: str = SEARCH

    def title(self, view: "View") -> str:
        return "Search"

    def read(self, asking: Asking) -> Reading:
        raise ConfigurationError("A list has a search of its own: Words is for conditions.")

    def may_be_missing(self, model: type[Base]) -> bool:
        return False

    def own_operators(self, view: "View") -> Sequence[Operator]:
        return (Operator.CONTAINS,)

    def matching(
        self, asking: Asking, operator: Operator, values: Sequence[str]
    ) -> tuple[ColumnElement[bool], list[str]]:
        (term,) = values
        found = asking.found.get(term, f"at most {MOST_SEARCHES} searches at once.")
        if isinstance(found, str):
            raise BadInput(found)
        return found, [f"“{term}”"]

    def value_control(
        self, asking: Asking, operator: Operator, values: Sequence[str], name: str
    ) -> FilterControl:
        return FilterControl(name, self.title(asking.view), "text", values=tuple(values))


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
