"""Asking for a period of the history: two days, either of which may be left open."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from wtforms import DateField, Form
from wtforms.validators import Optional, ValidationError

from backoffice.admin.filters import FIRST_YEAR, LAST_YEAR
from backoffice.admin.formats import zone
from backoffice.audit.proof.runs import Period

NO_DAY: Final = "Write a day like 2026-05-31."


class DayField(DateField):
    """A day of the calendar, or none."""

    def process_formdata(self, valuelist: list[str]) -> None:
        typed = "".join(valuelist[:1]).strip()
        self.data = _day(typed) if typed else None


class PeriodForm(Form):
    since = DayField("From", [Optional()])
    until = DayField("To, this day included", [Optional()])

    def validate_until(self, field: Any) -> None:
        if self.since.data and field.data and self.since.data > field.data:
            raise ValidationError("The last day comes before the first.")

    def named(self, name: str) -> "PeriodForm":
        """The same, with ids of its own on a page that has several."""
        for field in self:
            field.id = f"{name}-{field.short_name}"
        return self

    def period(self, time_zone: str) -> Period:
        """From the beginning of the first day to the end of the last, by the calendar of `time_zone`."""
        since, until = self.since.data, self.until.data
        after = until + timedelta(days=1) if until else None
        return Period(_midnight(since, time_zone), _midnight(after, time_zone))


def _day(typed: str) -> date:
    try:
        day = date.fromisoformat(typed)
    except ValueError:
        raise ValueError(NO_DAY) from None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(NO_DAY)
    return day


def _midnight(day: date | None, time_zone: str) -> datetime | None:
    return datetime.combine(day, time(), zone(time_zone)).astimezone(UTC) if day else None
