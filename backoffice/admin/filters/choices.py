"""Filters by a closed vocabulary: the members of an enum, yes or no."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sqlalchemy import ColumnElement, false, inspect, not_, or_
from starlette.datastructures import QueryParams

from backoffice.admin.filters.base import Asking, Facet, Filter, Part, Reading, values_of
from backoffice.admin.filters.operators import PRESENCE, Operator
from backoffice.admin.formats import words
from backoffice.admin.pages import FilterControl, Option
from backoffice.errors import BadInput

if TYPE_CHECKING:
    from backoffice.admin.view import View

YES, NO = "yes", "no"
_FLAGS: Final = {YES: "Yes", NO: "No"}


@dataclass(frozen=True)
class Choice(Filter):
    """Members of an enum column: `status=open&status=closed`, or with a comma between.

    One that `is_single` takes one of them.
    """

    varies: ClassVar[bool] = False

    is_single: bool = field(default=False, kw_only=True)

    def read(self, asking: Asking) -> Reading:
        values = values_of(asking.params, self.name)
        present = self.read_presence(asking, values[0], self._control(asking, values)) if values else None
        if present is not None and len(values) == 1:
            return present
        title = self.title(asking.view)
        try:
            chosen = self._members(asking.view, values)
        except BadInput as error:
            return Reading(self._control(asking, ()), problem=f"{title}: {error}")
        control = self._control(asking, values)
        if self.is_single and len(chosen) > 1:
            return Reading(control, problem=f"{title}: choose one.")
        condition = getattr(asking.view.model, self.name).in_(chosen) if chosen else None
        rest = {one: [(self.name, other.value) for other in chosen if other is not one] for one in chosen}
        parts = [Part(f"{title}: {words(one)}", rest[one]) for one in chosen]
        return Reading(control, condition, parts, conjunction="or")

    def held(self, view: "View", params: QueryParams) -> str | None:
        values = values_of(params, self.name)
        return self.name if len(values) == 1 and values[0] not in PRESENCE else None

    def facet(self, asking: Asking) -> Facet:
        column = getattr(asking.view.model, self.name)
        return Facet([(member.value, column == member) for member in self._vocabulary(asking.view)])

    def own_operators(self, view: "View") -> Sequence[Operator]:
        return (Operator.IS, Operator.NOT)

    def matching(
        self, asking: Asking, operator: Operator, values: Sequence[str]
    ) -> tuple[ColumnElement[bool], list[str]]:
        members = self._members(asking.view, values)
        column = getattr(asking.view.model, self.name)
        return among(column, members, is_not=operator is Operator.NOT), [words(one) for one in members]

    def value_control(
        self, asking: Asking, operator: Operator, values: Sequence[str], name: str
    ) -> FilterControl:
        options = tuple(self._options(asking.view, values))
        return FilterControl(name, self.title(asking.view), "choices", options, is_multiple=True)

    def _vocabulary(self, view: "View") -> Sequence[StrEnum]:
        return list(getattr(view.model, self.name).type.enum_class)

    def _members(self, view: "View", values: Sequence[str]) -> list[StrEnum]:
        """The members of these values, in the vocabulary's order."""
        vocabulary = self._vocabulary(view)
        unknown = [value for value in values if value not in {member.value for member in vocabulary}]
        if unknown:
            raise BadInput(f"there is no “{unknown[0][:40]}”.")
        return [member for member in vocabulary if member.value in values]

    def _options(self, view: "View", values: Sequence[str]) -> list[Option]:
        return [
            Option(member.value, words(member), member.value in values) for member in self._vocabulary(view)
        ]

    def _control(self, asking: Asking, values: Sequence[str]) -> FilterControl:
        presence = self.presence_options(asking.view, values[0] if len(values) == 1 else "")
        options = (*self._options(asking.view, values), *presence)
        kind = "choice" if self.is_single else "choices"
        return FilterControl(
            self.name, self.title(asking.view), kind, options, is_multiple=not self.is_single
        )


def among(column: Any, values: Sequence[Any], *, is_not: bool) -> ColumnElement[bool]:
    """Whether the column has one of `values`, or none of them: a row without a value has none."""
    if not is_not:
        return or_(false(), column.in_(values))
    return or_(column.is_(None), column.not_in(values))


@dataclass(frozen=True)
class Flag(Filter):
    """A boolean: `1` asks for yes, `0` for no; in conditions it is `yes` or `no`."""

    def read(self, asking: Asking) -> Reading:
        title, value = self.title(asking.view), asking.params.get(self.name, "")
        control = self._control(asking.view, value)
        if present := self.read_presence(asking, value, control):
            return present
        match value:
            case "":
                return Reading(control)
            case "1":
                return Reading(control, getattr(asking.view.model, self.name), [Part(title)])
            case "0":
                return Reading(control, not_(getattr(asking.view.model, self.name)), [Part(f"{title}: no")])
            case _:
                problem = f"{title}: write 1 for yes or 0 for no."
                return Reading(self._control(asking.view, ""), problem=problem)

    def facet(self, asking: Asking) -> Facet:
        attribute = getattr(asking.view.model, self.name)
        return Facet([("1", attribute), ("0", not_(attribute))])

    def own_operators(self, view: "View") -> Sequence[Operator]:
        return (Operator.IS,)

    def matching(
        self, asking: Asking, operator: Operator, values: Sequence[str]
    ) -> tuple[ColumnElement[bool], list[str]]:
        if len(values) != 1 or values[0] not in _FLAGS:
            raise BadInput("write yes or no.")
        attribute = getattr(asking.view.model, self.name)
        is_true = attribute.is_(True) if self._is_column(asking.view) else attribute
        return is_true if values[0] == YES else not_(is_true), [_FLAGS[values[0]].lower()]

    def value_control(
        self, asking: Asking, operator: Operator, values: Sequence[str], name: str
    ) -> FilterControl:
        options = tuple(Option(value, label, value in values) for value, label in _FLAGS.items())
        return FilterControl(name, self.title(asking.view), "choice", options)

    def _control(self, view: "View", value: str) -> FilterControl:
        """A box to tick for a computed state, which one looks for; a column may be asked for either way."""
        if self._is_column(view) or value == "0":
            yes_or_no = Option("1", "Yes", value == "1"), Option("0", "No", value == "0")
            options = (*yes_or_no, *self.presence_options(view, value))
            return FilterControl(self.name, self.title(view), "choice", options)
        return FilterControl(self.name, self.title(view), "flag", value=value)

    def _is_column(self, view: "View") -> bool:
        return self.name in inspect(view.model).column_attrs
