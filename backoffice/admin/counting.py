"""How many rows a list has: up to a cap, and at a cost that does not grow with the table.

No index has the rows that another table says something of, if they are to meet other conditions as well.
Where very many meet either, only so many are looked through, and the count says what there is at least.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from sqlalchemy import (
    BooleanClauseList,
    ColumnElement,
    Exists,
    Grouping,
    Integer,
    ScalarSelect,
    Select,
    and_,
    case,
    func,
    literal_column,
    select,
)
from sqlalchemy.sql import operators, visitors

if TYPE_CHECKING:
    from backoffice.admin.view import View

#: Counting stops above: `10,000+`.
COUNT_CAP: Final = 10_000
#: The same of a search for words that very many rows have.
FREQUENT_CAP: Final = 1_000
#: Rows that are looked through for what another table says of them.
LOOKED_THROUGH: Final = 2_000

Conditions = Sequence[ColumnElement[bool]]


@dataclass(frozen=True)
class Count:
    """How many rows there are: `rows`, or more than were counted."""

    rows: int
    is_all: bool = True

    @classmethod
    def read(cls, number: int, cap: int) -> Self:
        """What a statement of `counted` says; where it is not all, a round number stands for it."""
        if 0 <= number <= cap:
            return cls(number)
        rows = cap if number > cap else -1 - number
        return cls(rows - rows % 10 ** (len(str(rows)) - 1), is_all=False)

    def reaching(self, rows: int) -> "Count":
        """The same where it is known that there are at least `rows`."""
        return Count(max(self.rows, rows), self.is_all)

    def __str__(self) -> str:
        return f"{self.rows:,}" if self.is_all else f"{self.rows:,}+"


def counted(
    view: "View", rows: Select[Any], conditions: Conditions, *, cap: int, most: int = LOOKED_THROUGH
) -> ColumnElement[Any]:
    """How many of `rows` meet all conditions, up to `cap` and one more; -1 - n for “at least n”.

    It is at least n where `most` rows were looked through: of more than those by the conditions on the rows
    themselves, and by each that another table answers.
    """
    everything = _number(rows.where(*conditions), cap + 1)
    first, others = _in_two(conditions)
    if not others:
        return everything
    candidates = rows.where(*first)
    # One that is not a plain EXISTS may be true of hardly any row, and then to know would take the longest.
    sides = [candidates, *(rows.where(other) for other in others if isinstance(other, Exists))]
    are_many = [_number(side, most + 1) > written_out(most) for side in sides]
    return case((and_(*are_many), _looked_through(view, candidates, others, most)), else_=everything)


def written_out(number: int) -> ColumnElement[int]:
    """A number that stands in the statement itself: with it as a parameter, PostgreSQL takes a plan for all
    values for much dearer than it is, and makes another one each time.
    """
    return literal_column(str(number), Integer)


def _in_two(conditions: Conditions) -> tuple[Conditions, Conditions]:
    """The conditions that lead to rows, and those that are then looked up for each in another table."""
    clauses = [clause for condition in conditions for clause in _clauses(condition)]
    looked_up = [clause for clause in clauses if _is_looked_up(clause)]
    # A plain EXISTS leads to its rows by an index.
    looked_up.sort(key=lambda clause: not isinstance(clause, Exists))
    own = [clause for clause in clauses if not _is_looked_up(clause)]
    return (own, looked_up) if own else (looked_up[:1], looked_up[1:])


def _clauses(condition: Any) -> Iterator[ColumnElement[bool]]:
    """What has to be true for the condition to be."""
    if isinstance(condition, Grouping):
        yield from _clauses(condition.element)
    elif isinstance(condition, BooleanClauseList) and condition.operator is operators.and_:
        for clause in condition.clauses:
            yield from _clauses(clause)
    else:
        yield condition


def _is_looked_up(condition: ColumnElement[bool]) -> bool:
    return any(isinstance(part, Select) for part in visitors.iterate(condition))


def _looked_through(
    view: "View", candidates: Select[Any], others: Conditions, most: int
) -> ColumnElement[int]:
    # They are joined, and not compared where they are read: PostgreSQL would look up the whole other table,
    # as it plans for all candidates there.
    some = candidates.with_only_columns(view.key.label("key")).limit(written_out(most)).subquery()
    found = select(written_out(-1) - func.count()).select_from(view.model).join(some, some.c.key == view.key)
    return found.where(*others).scalar_subquery()


def _number(rows: Select[Any], most: int) -> ScalarSelect[int]:
    some = rows.with_only_columns(written_out(1).label("one"), maintain_column_froms=True)
    return select(func.count()).select_from(some.limit(written_out(most)).subquery()).scalar_subquery()
