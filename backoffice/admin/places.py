"""Where in a list, how many rows, and in which order, as its address says."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, inspect
from sqlalchemy.orm import InstrumentedAttribute
from starlette.datastructures import QueryParams

from backoffice.admin.cells import attribute_of
from backoffice.admin.keyset import Cursor, is_nullable, read_cursor
from backoffice.admin.list_address import BEFORE, PAGE, PLACE
from backoffice.errors import BadInput
from models import Base

if TYPE_CHECKING:
    from backoffice.admin.view import View

#: Pages have numbers down to this row: getting to one takes a walk through the index from the beginning.
NUMBERED_ROWS: Final = 100_000
LAST: Final = "last"


@dataclass(frozen=True)
class Place:
    """How many rows, in which order, and where they begin.

    That is a page by its number, or what follows a cursor. `is_backward` reads towards the beginning: from
    the cursor, or from the end of the list where there is none.
    """

    size: int
    sort_by: str
    is_descending: bool
    page: int = 1
    cursor: Cursor | None = None
    is_backward: bool = False
    #: The best matches of a search come first; the order is that of the others.
    is_ranked: bool = False
    problem: str = ""

    @property
    def skipped(self) -> int:
        """How many rows come before those of a numbered page."""
        return (self.page - 1) * self.size

    @property
    def shape(self) -> "Place":
        """What all places have in common whose rows are asked for in the same words."""
        return replace(self, cursor=self.cursor and self.cursor.shape)

    @property
    def is_last(self) -> bool:
        return self.is_backward and self.cursor is None


def place_of(view: "View", params: QueryParams, *, is_trash: bool, size: int = 0) -> Place:
    """Where the address leads; `size` rows a page unless it says how many, or as many as is usual."""
    size, size_problem = _page_size(view, params.get("pageSize", ""), size or view.page_size)
    sort_by, is_descending, sort_problem = _order(view, params, is_trash=is_trash)
    place = Place(size, sort_by, is_descending, problem=" ".join(filter(None, (size_problem, sort_problem))))
    try:
        return _begun(view, params, place)
    except BadInput as error:
        return replace(place, problem=" ".join(filter(None, (str(error), place.problem))))


def _begun(view: "View", params: QueryParams, place: Place) -> Place:
    """With the beginning that the address names, in the one way or the other."""
    given = [name for name in PLACE if params.get(name)]
    if len(given) > 1:
        raise BadInput("An address names one place in a list: a page, or what comes after or before a row.")
    typed = params[given[0]] if given else ""
    if given and given[0] != PAGE:
        cursor = read_cursor(typed, sorted_by(view.model, place.sort_by))
        return replace(place, cursor=cursor, is_backward=given[0] == BEFORE)
    if typed == LAST:
        return replace(place, is_backward=True)
    return replace(place, page=_page_number(typed, place.size)) if typed else place


def _page_number(typed: str, size: int) -> int:
    # Longer ones are not even converted: Python refuses some.
    if not (typed.isascii() and typed.isdigit() and len(typed) <= 7 and int(typed) >= 1):
        raise BadInput(f"There is no page “{typed[:20]}”.")
    if int(typed) * size > NUMBERED_ROWS:
        raise BadInput(
            f"Pages have numbers up to {NUMBERED_ROWS // size:,}: narrow the list, or begin at its end."
        )
    return int(typed)


def _page_size(view: "View", typed: str, usual: int) -> tuple[int, str]:
    if not typed:
        return usual, ""
    sizes = {str(size): size for size in view.page_size_options}
    if typed in sizes:
        return sizes[typed], ""
    return usual, f"A page has one of these numbers of rows: {', '.join(sizes)}."


def _order(view: "View", params: QueryParams, *, is_trash: bool) -> tuple[str, bool, str]:
    sort_by, direction = params.get("sortBy", ""), params.get("sort", "")
    default, is_descending = default_order(view, is_trash=is_trash)
    if direction not in {"", "asc", "desc"}:
        return default, is_descending, "A list is sorted in the direction asc or desc."
    if not sort_by:
        return default, is_descending if not direction else direction == "desc", ""
    if sort_by not in sortable(view, is_trash=is_trash):
        return default, is_descending, f"This list cannot be sorted by “{sort_by[:40]}”."
    return sort_by, direction == "desc", ""


def default_order(view: "View", *, is_trash: bool) -> tuple[str, bool]:
    """By which column a list is sorted unless asked otherwise; the trash begins with what came there last."""
    if is_trash:
        return "deleted_at", True
    declared = view.column_default_sort or view.key
    attribute, is_descending = declared if isinstance(declared, tuple) else (declared, False)
    return _name(attribute), is_descending


def sortable(view: "View", *, is_trash: bool) -> list[str]:
    return [*map(_name, view.column_sortable_list), *(["deleted_at"] if is_trash else [])]


def _name(attribute: Any) -> str:
    return str(getattr(attribute, "key", attribute))


def ordering(model: type[Base], name: str, *, is_descending: bool) -> list[ColumnElement[Any]]:
    """`ORDER BY` for the column `name`, unambiguous to the last row, all in one direction."""
    columns = sorted_by(model, name)
    return [column.desc() if is_descending else column.asc() for column in columns]


def sorted_by(model: type[Base], name: str) -> list[InstrumentedAttribute[Any]]:
    """All columns that a list by `name` is sorted by.

    It goes on with the columns of the index that leads from `name` to the primary key: a single walk through
    that index, forwards or backwards, then yields the page.
    """
    key = inspect(model).get_property_by_column(inspect(model).primary_key[0]).key
    return [attribute_of(model, each) for each in dict.fromkeys([name, *_following(model, name), key])]


@cache
def _following(model: type[Base], name: str) -> Sequence[str]:
    """What follows `name` in the shortest index that leads from it to the key, as far as all rows have it.

    Longer ones have what rows are filtered by in between, such as the priority between status and age.
    """
    mapper = inspect(model)
    ends = (mapper.columns[name], mapper.primary_key[0])
    indexes = sorted(mapper.local_table.indexes, key=lambda index: str(index.name))  # type: ignore[attr-defined]
    chains = [list(index.columns) for index in indexes]
    leading = [chain[1:] for chain in chains if chain and (chain[0], chain[-1]) == ends]
    names = [mapper.get_property_by_column(column).key for column in min(leading, key=len, default=[])]
    return list(takewhile(lambda each: not is_nullable(attribute_of(model, each)), names))
