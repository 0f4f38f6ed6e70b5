"""Operators: how a condition compares a field with values, as an address and a sentence have it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Operator(StrEnum):
    """What stands between a field and its values in `where=`, as in `created_at:before:2026-05-31`.

    `is` is left out there; `empty` and `not-empty` take no value, `between` takes two, `is` and `not` take
    any number of which one fits.
    """

    IS = "is"
    NOT = "not"
    ON = "on"
    BEFORE = "before"
    AFTER = "after"
    UNDER = "under"
    OVER = "over"
    BETWEEN = "between"
    CONTAINS = "contains"
    EMPTY = "empty"
    NOT_EMPTY = "not-empty"


#: Operators that take no value.
PRESENCE: Final = (Operator.EMPTY, Operator.NOT_EMPTY)
#: Operators that take any number of values.
LISTS: Final = (Operator.IS, Operator.NOT)

LABELS: Final[Mapping[Operator, str]] = {
    Operator.IS: "is",
    Operator.NOT: "is not",
    Operator.ON: "is on",
    Operator.BEFORE: "is before",
    Operator.AFTER: "is after",
    Operator.UNDER: "is less than",
    Operator.OVER: "is more than",
    Operator.BETWEEN: "is between",
    Operator.CONTAINS: "contains",
    Operator.EMPTY: "is empty",
    Operator.NOT_EMPTY: "is not empty",
}
_OF_SEVERAL: Final[Mapping[Operator, str]] = {Operator.IS: "is any of", Operator.NOT: "is none of"}


def in_words(operator: Operator, values: list[str]) -> str:
    """Such as `is Open`, `is none of Open, Closed`, `is between 1 and 5`, `is empty`."""
    if operator is Operator.BETWEEN:
        return f"{LABELS[operator]} {' and '.join(values)}"
    label = _OF_SEVERAL.get(operator, LABELS[operator]) if len(values) > 1 else LABELS[operator]
    return f"{label} {', '.join(values)}".strip()
