"""Filters by moments: between two days, or in a period such as this week, by the calendar of who asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, and_, true
from sqlalchemy.orm import InstrumentedAttribute

from backoffice.admin.filters.base import Asking, Filter, Part, Reading
from backoffice.admin.filters.operators import Operator
from backoffice.admin.formats import zone
from backoffice.admin.pages import FilterControl, Option
from backoffice.errors import BadInput

if TYPE_CHECKING:
    from backoffice.admin.view import View

#: Days outside of these are typing mistakes; calendars and time zones end not far beyond.
FIRST_YEAR, LAST_YEAR = 1900, 2999
NO_DAY: Final = "write a day like 2026-05-31."

Days = tuple[date | None, date | None]


class Preset(StrEnum):
    """A period that moves with the calendar; a week begins on Monday."""

    TODAY = "today"
    YESTERDAY = "yesterday"
    THIS_WEEK = "this-week"
    LAST_7_DAYS = "last-7-days"
    LAST_30_DAYS = "last-30-days"
    THIS_MONTH = "this-month"

    @property
    def words(self) -> str:
        return self.value.replace("-", " ")

    def days(self, today: date) -> tuple[date, date]:
        """Its first and its last day, both included; today is the last of those that are counted."""
        match self:
            case Preset.TODAY:
                return today, today
            case Preset.YESTERDAY:
                return today - timedelta(days=1), today - timedelta(days=1)
            case Preset.THIS_WEEK:
                monday = today - timedelta(days=today.weekday())
                return monday, monday + timedelta(days=6)
            case Preset.LAST_7_DAYS:
                return today - timedelta(days=6), today
            case Preset.LAST_30_DAYS:
                return today - timedelta(days=29), today
            case Preset.THIS_MONTH:
                first = today.replace(day=1)
                return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


@dataclass(frozen=True)
class Dates(Filter):
    """Moments between two days, both included (`created_at_from`, `created_at_to`), or `created_at=today`."""

    @property
    def parameters(self) -> Sequence[str]:
        return (self.name, f"{self.name}_from", f"{self.name}_to")

    def read(self, asking: Asking) -> Reading:
        period, first, last = (asking.params.get(name, "").strip() for name in self.parameters)
        title, control = self.title(asking.view), self._control(asking, period, first, last)
        if period and (first or last):
            return Reading(control, problem=f"{title}: ask for a period or for days, not for both.")
        if present := self.read_presence(asking, period, control):
            return present
        try:
            days = _of_preset(asking, period) if period else _in_order(_day(first), _day(last))
        except BadInput as error:
            return Reading(control, problem=f"{title}: {error}")
        column = getattr(asking.view.model, self.name)
        parts = [Part(f"{title}: {Preset(period).words}")] if period else _parts_of_days(title, *days)
        return Reading(control, _within(column, days, asking) if parts else None, parts)

    def own_operators(self, view: "View") -> Sequence[Operator]:
        return (Operator.IS, Operator.ON, Operator.BEFORE, Operator.AFTER, Operator.BETWEEN)

    def matching(
        self, asking: Asking, operator: Operator, values: Sequence[str]
    ) -> tuple[ColumnElement[bool], list[str]]:
        if len(values) > 1 and operator is not Operator.BETWEEN:
            raise BadInput("ask for one day or period.")
        days = _compared_days(asking, operator, values)
        column = getattr(asking.view.model, self.name)
        shown = [Preset(value).words if value in set(Preset) else value for value in values]
        return and_(column.is_not(None), _within(column, days, asking)), shown

    def value_control(
        self, asking: Asking, operator: Operator, values: Sequence[str], name: str
    ) -> FilterControl:
        title, (first, last) = self.title(asking.view), [*values, "", ""][:2]
        if operator is Operator.BETWEEN:
            return FilterControl(name, title, "days", value=_if_day(first), value_to=_if_day(last))
        if operator is not Operator.IS:
            return FilterControl(name, title, "day", value=_if_day(first))
        # A day that the address names shows as what it is.
        day = [Option(first, first, True)] if first and first not in set(Preset) else []
        return FilterControl(name, title, "choice", (*_presets(first), *day))

    def _control(self, asking: Asking, period: str, first: str, last: str) -> FilterControl:
        options = (*_presets(period), *self.presence_options(asking.view, period))
        title = self.title(asking.view)
        return FilterControl(self.name, title, "dates", options, value=_if_day(first), value_to=_if_day(last))


def _presets(chosen: str) -> list[Option]:
    return [Option(one.value, one.words.capitalize(), one == chosen) for one in Preset]


def _of_preset(asking: Asking, value: str) -> Days:
    if value not in set(Preset):
        raise BadInput(f"there is no period “{value[:40]}”, but {', '.join(Preset)}.")
    return Preset(value).days(datetime.now(UTC).astimezone(zone(asking.user.time_zone)).date())


def _compared_days(asking: Asking, operator: Operator, values: Sequence[str]) -> Days:
    """The first and the last day that fulfil a condition."""
    first = values[0]
    match operator:
        case Operator.IS if first in set(Preset):
            return _of_preset(asking, first)
        case Operator.BEFORE:
            return None, _asked(first) - timedelta(days=1)
        case Operator.AFTER:
            return _asked(first) + timedelta(days=1), None
        case Operator.BETWEEN:
            return _in_order(_asked(first), _asked(values[1]))
        case _:
            return _asked(first), _asked(first)


def _asked(text: str) -> date:
    day = _day(text)
    if day is None:
        raise BadInput(NO_DAY)
    return day


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise BadInput(NO_DAY) from None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise BadInput(NO_DAY)
    return day


def _if_day(text: str) -> str:
    """What a date field can show: browsers complain of anything but a day."""
    try:
        day = _day(text)
    except BadInput:
        return ""
    return day.isoformat() if day else ""


def _in_order(first: date | None, last: date | None) -> Days:
    if first and last and first > last:
        raise BadInput("the first day comes after the last.")
    return first, last


def _within(column: InstrumentedAttribute[Any], days: Days, asking: Asking) -> ColumnElement[bool]:
    """Whether a moment lies on one of these days, as the calendar of who asks has them."""
    first, last = days
    time_zone = zone(asking.user.time_zone)
    conditions = []
    if first:
        conditions.append(column >= datetime.combine(first, time(), time_zone))
    if last:
        conditions.append(column < datetime.combine(last + timedelta(days=1), time(), time_zone))
    return and_(true(), *conditions)


def _parts_of_days(title: str, first: date | None, last: date | None) -> list[Part]:
    match first, last:
        case None, None:
            return []
        case _, None:
            return [Part(f"{title}: since {first}")]
        case None, _:
            return [Part(f"{title}: until {last}")]
        case _ if first == last:
            return [Part(f"{title}: {first}")]
        case _:
            return [Part(f"{title}: {first} to {last}")]
