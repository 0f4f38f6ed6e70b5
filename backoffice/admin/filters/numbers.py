"""Filters by amounts: between two numbers, either of which may be left open."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, and_, true

from backoffice.admin.filters.base import Asking, Filter, Part, Reading
from backoffice.admin.filters.operators import Operator
from backoffice.admin.formats import number
from backoffice.admin.pages import FilterControl
from backoffice.errors import BadInput
from backoffice.keys import LARGEST_KEY, is_key

if TYPE_CHECKING:
    from backoffice.admin.view import View


@dataclass(frozen=True)
class Numbers(Filter):
    """Whole numbers between two, both included (`size_from`, `size_to`), of a `unit` worth `scale`."""

    unit: str = field(default="", kw_only=True)
    scale: int = field(default=1, kw_only=True)

    @property
    def parameters(self) -> Sequence[str]:
        return (self.name, f"{self.name}_from", f"{self.name}_to")

    def read(self, asking: Asking) -> Reading:
        presence, first, last = (asking.params.get(name, "").strip() for name in self.parameters)
        title = self.title(asking.view)
        control = self._control(asking, presence, first, last)
        if present := self.read_presence(asking, presence, control):
            return present
        if presence:
            return Reading(control, problem=f"{title}: ask with {self.name}_from and {self.name}_to.")
        try:
            least, most = (self._parsed(typed) if typed else None for typed in (first, last))
            condition = self._within(asking.view, least, most)
        except BadInput as error:
            return Reading(control, problem=f"{title}: {error}")
        parts = self._parts(title, least, most)
        return Reading(control, condition if parts else None, parts)

    def own_operators(self, view: "View") -> Sequence[Operator]:
        # Of a coarser unit than the stored one nothing is exactly equal.
        exactly = (Operator.IS, Operator.NOT) if self.scale == 1 else ()
        return (*exactly, Operator.UNDER, Operator.OVER, Operator.BETWEEN)

    def matching(
        self, asking: Asking, operator: Operator, values: Sequence[str]
    ) -> tuple[ColumnElement[bool], list[str]]:
        numbers = [self._parsed(value) for value in values]
        column = getattr(asking.view.model, self.name)
        match operator:
            case Operator.UNDER:
                condition = column < numbers[0] * self.scale
            case Operator.OVER:
                condition = column > numbers[0] * self.scale
            case Operator.BETWEEN:
                condition = self._within(asking.view, *numbers)
            case _:
                condition = column.in_(numbers)
        known = and_(column.is_not(None), condition)
        return ~known if operator is Operator.NOT else known, [self._shown(one) for one in numbers]

    def value_control(
        self, asking: Asking, operator: Operator, values: Sequence[str], name: str
    ) -> FilterControl:
        title, (first, last) = self.title(asking.view), [*values, "", ""][:2]
        if operator is Operator.BETWEEN:
            return FilterControl(name, title, "numbers", value=first, value_to=last, unit=self.unit)
        return FilterControl(name, title, "number", value=first, unit=self.unit, values=tuple(values))

    def _parsed(self, typed: str) -> int:
        digits = typed.removeprefix("-")
        if not is_key(digits) or int(digits) > LARGEST_KEY // self.scale:
            raise BadInput(f"“{typed[:40]}” is no whole number that can be looked for.")
        return int(typed)

    def _within(self, view: "View", least: int | None, most: int | None) -> ColumnElement[bool]:
        if least is not None and most is not None and least > most:
            raise BadInput("the first number is larger than the second.")
        column: Any = getattr(view.model, self.name)
        conditions = [] if least is None else [column >= least * self.scale]
        conditions += [] if most is None else [column <= most * self.scale]
        return and_(true(), *conditions)

    def _shown(self, value: int) -> str:
        return f"{number(value)} {self.unit}".strip()

    def _parts(self, title: str, least: int | None, most: int | None) -> list[Part]:
        if least is not None and most is not None:
            return [Part(f"{title}: {number(least)} to {self._shown(most)}")]
        if least is not None:
            return [Part(f"{title}: at least {self._shown(least)}")]
        return [] if most is None else [Part(f"{title}: at most {self._shown(most)}")]

    def _control(self, asking: Asking, presence: str, first: str, last: str) -> FilterControl:
        options = tuple(self.presence_options(asking.view, presence))
        title = self.title(asking.view)
        return FilterControl(self.name, title, "numbers", options, value=first, value_to=last, unit=self.unit)
