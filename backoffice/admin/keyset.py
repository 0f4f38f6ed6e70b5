"""Going on in a list from one of its rows: the cursor that names the row in an address, and what lies beyond.

A cursor holds the row's values of all columns that the list is sorted by, down to its key. Nothing is counted
to get there, and rows that come or go elsewhere move nothing.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, BindParameter, ColumnElement, and_, bindparam, tuple_
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.types import TypeEngine

from backoffice.errors import BadInput, ConfigurationError

Attributes = Sequence[InstrumentedAttribute[Any]]
Values = Sequence[BindParameter[Any]]

#: Of a cursor: more than the longest values that can be sorted by.
LONGEST: Final = 4_000
#: Beyond any row that a list has.
FARTHEST: Final = 10**15
UNREADABLE: Final = "The address names no place in this list. Begin at its first page."


@dataclass(frozen=True)
class Cursor:
    """A row of a list: its values in the order of the list, and roughly where it stands.

    `position` counts from 1, from the end backwards from -1; 0 where nobody knows. It is what a page says of
    itself ("26–50"), and finds nothing.
    """

    values: tuple[Any, ...]
    position: int = 0

    @property
    def parameters(self) -> dict[str, Any]:
        """The values by the names that `stretches_beyond` has for them."""
        return {_parameter(number): value for number, value in enumerate(self.values)}

    @property
    def shape(self) -> "Cursor":
        """What all cursors have in common that lead to the same conditions: where they have no value."""
        return Cursor(tuple(None if value is None else ... for value in self.values))

    def __str__(self) -> str:
        plain = json.dumps(
            [self.position, *map(_plain, self.values)], ensure_ascii=False, separators=(",", ":")
        )
        return urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def cursor_at(record: Any, attributes: Attributes, position: int) -> Cursor:
    """The cursor of a record in a list that is sorted by `attributes`."""
    return Cursor(tuple(getattr(record, attribute.key) for attribute in attributes), position)


def read_cursor(typed: str, attributes: Attributes) -> Cursor:
    """The cursor that `typed`, from an address, stands for; BadInput if it is none of such a list."""
    position, *values = _unpacked(typed)
    if len(values) != len(attributes) or type(position) is not int or abs(position) > FARTHEST:
        raise BadInput(UNREADABLE)
    try:
        return Cursor(tuple(_value(*pair) for pair in zip(attributes, values, strict=True)), position)
    except (ValueError, TypeError):
        raise BadInput(UNREADABLE) from None


def stretches_beyond(
    cursor: Cursor, attributes: Attributes, *, is_descending: bool
) -> list[ColumnElement[bool]]:
    """The conditions for the rows beyond the cursor, in the order in which they follow.

    Each is one walk through the index of the list. There are two where the rows without a value, which
    PostgreSQL takes for the largest, are still to come. Of the cursor only its shape matters: its
    `parameters` go with the statement.
    """
    first = attributes[0]
    given = [bindparam(_parameter(number), type_=each.type) for number, each in enumerate(attributes)]
    if cursor.values[0] is None:
        rest = and_(first.is_(None), _beyond(attributes[1:], given[1:], is_descending=is_descending))
        return [rest, first.is_not(None)] if is_descending else [rest]
    beyond = _beyond(attributes, given, is_descending=is_descending)
    return [beyond] if is_descending or not is_nullable(first) else [beyond, first.is_(None)]


def is_nullable(attribute: InstrumentedAttribute[Any]) -> bool:
    return bool(attribute.property.columns[0].nullable)


def _parameter(number: int) -> str:
    return f"beyond_{number}"


def _beyond(attributes: Attributes, given: Values, *, is_descending: bool) -> ColumnElement[bool]:
    if len(attributes) == 1:
        return attributes[0] < given[0] if is_descending else attributes[0] > given[0]
    row, last = tuple_(*attributes), tuple_(*given)
    # The first column by itself leaves partitions out, which PostgreSQL cannot tell by the whole row.
    if is_descending:
        return and_(attributes[0] <= given[0], row < last)
    return and_(attributes[0] >= given[0], row > last)


# As text ----------------------------------------------------------------------------------------


def _plain(value: Any) -> Any:
    match value:
        case Enum():
            return value.value
        case datetime():
            return value.isoformat()
        case UUID():
            return str(value)
        case None | bool() | int() | str():
            return value
        case _:
            raise ConfigurationError(f"A list cannot be sorted by values like {value!r}.")


def _unpacked(typed: str) -> list[Any]:
    if len(typed) > LONGEST:
        raise BadInput(UNREADABLE)
    try:
        padded = typed.encode("ascii") + b"=" * (-len(typed) % 4)
        unpacked = json.loads(urlsafe_b64decode(padded))
    except (ValueError, RecursionError):
        raise BadInput(UNREADABLE) from None
    if not isinstance(unpacked, list) or not unpacked:
        raise BadInput(UNREADABLE)
    return unpacked


def _value(attribute: InstrumentedAttribute[Any], plain: Any) -> Any:
    """What `plain` stands for in the column; ValueError or TypeError if it can be none of its values."""
    if plain is None:
        if is_nullable(attribute):
            return None
        raise ValueError(plain)
    kind: TypeEngine[Any] = attribute.type
    match kind.python_type:
        case python_type if python_type is bool or python_type is int:
            return _number(kind, plain)
        case python_type if python_type is datetime:
            return _moment(plain)
        case python_type if python_type is UUID or issubclass(python_type, Enum):
            return python_type(_text(plain))
        case _:
            return _text(plain)


def _number(kind: TypeEngine[Any], plain: Any) -> Any:
    bits = 63 if isinstance(kind, BigInteger) else 31
    if type(plain) is not kind.python_type or not -(2**bits) <= plain < 2**bits:
        raise ValueError(plain)
    return plain


def _moment(plain: str) -> datetime:
    moment = datetime.fromisoformat(plain)
    if moment.utcoffset() != timedelta(0):
        raise ValueError(plain)
    return moment


def _text(plain: Any) -> str:
    if not isinstance(plain, str) or "\0" in plain:
        raise ValueError(plain)
    # JSON can say what UTF-8, and so the database, cannot.
    plain.encode()
    return plain
