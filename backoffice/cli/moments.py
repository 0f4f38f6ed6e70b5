"""Moments as people type them."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import click


class Moment(click.ParamType[datetime]):
    """An ISO date or moment, UTC unless it has an offset; a date that `is_end` of a range is a whole day."""

    name = "date"

    def __init__(self, *, is_end: bool = False) -> None:
        self._is_end = is_end

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return self._read(str(value))
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no date such as 2026-01-31 or 2026-01-31T12:00+01:00", param, context)

    def _read(self, text: str) -> datetime:
        if len(text) == len("2026-01-31"):
            day = datetime.combine(date.fromisoformat(text), time(), UTC)
            return day + timedelta(days=1) if self._is_end else day
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def of_range(command: Any) -> Any:
    """The options `--from` and `--to` for a command, as `since` and `until`."""
    since = click.option(
        "--from", "since", type=Moment(), help="The first date or moment; UTC unless it says."
    )
    until = click.option(
        "--to", "until", type=Moment(is_end=True), help="The last date, or the moment before which."
    )
    return since(until(command))
