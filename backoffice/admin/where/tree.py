"""What an advanced filter asks, as plain data: conditions in groups, nested once; and how it is written."""

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from backoffice.admin.filters.operators import PRESENCE, Operator

#: The parameter of the address.
WHERE: Final = "where"
MOST_CONDITIONS: Final = 20
#: Characters of a whole advanced filter.
LONGEST: Final = 2_000

#: A value that needs no quotes.
BARE: Final = re.compile(r"[\w.@+-]+")


class Mode(StrEnum):
    """Whether rows fulfil each item of a group, or one of them at least."""

    ALL = "all"
    ANY = "any"


@dataclass(frozen=True)
class Condition:
    """A field compared with values."""

    field: str
    operator: Operator = Operator.IS
    values: tuple[str, ...] = ()
    #: Where in the text it began, from 1; 0 where it comes from no text.
    position: int = dataclasses.field(default=0, compare=False)


@dataclass(frozen=True)
class Group:
    """Conditions, and in the outermost group further groups."""

    mode: Mode
    items: tuple["Condition | Group", ...]

    def conditions(self) -> Iterator[Condition]:
        """All of them, from left to right."""
        for item in self.items:
            if isinstance(item, Group):
                yield from item.conditions()
            else:
                yield item


def written(item: Condition | Group) -> str:
    """The text that is read as `item` again, such as `all(status:open|in_progress,assignee:empty)`."""
    if isinstance(item, Group):
        return f"{item.mode}({','.join(map(written, item.items))})"
    if item.operator in PRESENCE:
        return f"{item.field}:{item.operator}"
    operator = "" if item.operator is Operator.IS else f"{item.operator}:"
    return f"{item.field}:{operator}{'|'.join(map(_quoted, item.values))}"


def _quoted(value: str) -> str:
    """A value as it stands, or in quotes where it would be taken for something else."""
    if BARE.fullmatch(value) and value not in set(Operator):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
