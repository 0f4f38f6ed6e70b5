"""Lists of a search begin with the best matches: of the newest rows that match, and after them by age.

To rank them all would take the longer, the more there are; nobody reads on to where it would matter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, Select, Subquery, func, literal, not_, select, union_all
from sqlalchemy.orm import InstrumentedAttribute
from starlette.datastructures import QueryParams

from backoffice.admin.list_address import ORDER
from backoffice.admin.places import Place, ordering, sorted_by
from backoffice.searching import Search

if TYPE_CHECKING:
    from backoffice.admin.filtered import Filtered
    from backoffice.admin.view import View

#: Rows that are ranked: whole pages of every size.
RANKED: Final = 1_000

_NONE: Final[ColumnElement[int]] = literal(0)
_NAMED, _RANKED, _BEYOND = range(3)

Key = Sequence[InstrumentedAttribute[Any]]


def is_ranked(filtered: "Filtered", place: Place, params: QueryParams) -> bool:
    """Whether an address asks for the best first: it searches, and says nothing else of order or place."""
    has_rank = filtered.found is not None and bool(filtered.found.rank)
    return has_rank and not place.cursor and not place.is_backward and not any(map(params.get, ORDER))


def best_first(view: "View", some: Select[Any], search: Search, place: Place, key: Key) -> Select[Any]:
    """The keys of `some` rows, those of a page and the row beyond it, with their `ordinal`."""
    columns = _Columns(key, search.rank, sorted_by(view.model, place.sort_by), place.is_descending)
    order = ordering(view.model, place.sort_by, is_descending=place.is_descending)
    named: Select[Any] | None = None
    others, known = some, _NONE
    if search.exact is not None:
        named, others = some.where(search.exact), some.where(not_(search.exact))
        known = _count(named, key)
    others, size = others.order_by(*order), place.size + 1
    if place.skipped >= RANKED:
        return columns.in_order([(_BEYOND, others.offset(place.skipped - known).limit(size))])
    parts = [(_RANKED, others.limit(RANKED - known))]
    if named is not None:
        parts.append((_NAMED, named))
    if place.skipped + place.size >= RANKED:
        parts.append((_BEYOND, others.offset(RANKED - known).limit(1)))
    return columns.in_order(parts).offset(place.skipped).limit(size)


def _count(named: Select[Any], key: Key) -> ColumnElement[int]:
    return select(func.count()).select_from(named.with_only_columns(*key).subquery()).scalar_subquery()


@dataclass(frozen=True)
class _Columns:
    """What is read of each row: its key, how good it is, and how it is sorted beside the like."""

    key: Key
    rank: Sequence[ColumnElement[Any]]
    sort: Key
    is_descending: bool

    def in_order(self, parts: Sequence[tuple[int, Select[Any]]]) -> Select[Any]:
        """The keys of the rows of all parts, one part after the other, the best of each first."""
        rows = union_all(*(self._read(number, some).select() for number, some in parts)).subquery()
        best = [rows.c[name].desc() for name, _ in _named("rank", self.rank)]
        last = [rows.c[name] for name, _ in _named("sort", self.sort)]
        by_age = [column.desc() if self.is_descending else column.asc() for column in last]
        ordinal = func.row_number().over(order_by=[rows.c.part, *best, *by_age]).label("ordinal")
        return select(*(rows.c[name] for name, _ in _named("key", self.key)), ordinal).order_by(ordinal)

    def _read(self, number: int, some: Select[Any]) -> Subquery:
        named = [*_named("key", self.key), *_named("rank", self.rank), *_named("sort", self.sort)]
        labelled = [column.label(name) for name, column in named]
        return some.with_only_columns(literal(number).label("part"), *labelled).subquery()


def _named(kind: str, columns: Sequence[Any]) -> list[tuple[str, Any]]:
    return [(f"{kind}_{number}", column) for number, column in enumerate(columns)]
