"""Which page of a list, of what size and in which order, as its address says."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, inspect
from starlette.datastructures import QueryParams

from backoffice.admin.cells import attribute_of
from models import Base

if TYPE_CHECKING:
    from backoffice.admin.view import View

#: No page is looked for beyond; whoever wants row fifty million knows a better way to it.
LAST_PAGE: Final = 1_000_000


@dataclass(frozen=True)
class Place:
    """Which page, of what size, in which order."""

    page: int
    size: int
    sort_by: str
    is_descending: bool
    problem: str = ""


def place_of(view: "View", params: QueryParams, *, is_trash: bool) -> Place:
    page, page_problem = _page_number(params.get("page", ""))
    size, size_problem = _page_size(view, params.get("pageSize", ""))
    sort_by, is_descending, sort_problem = _order(view, params, is_trash=is_trash)
    problems = filter(None, (page_problem, size_problem, sort_problem))
    return Place(page, size, sort_by, is_descending, " ".join(problems))


def _page_number(typed: str) -> tuple[int, str]:
    if not typed:
        return 1, ""
    # Longer ones are not even converted: Python refuses some.
    if typed.isascii() and typed.isdigit() and len(typed) <= 7 and 1 <= int(typed) <= LAST_PAGE:
        return int(typed), ""
    return 1, f"There is no page “{typed[:20]}”."


def _page_size(view: "View", typed: str) -> tuple[int, str]:
    if not typed:
        return view.page_size, ""
    sizes = {str(size): size for size in view.page_size_options}
    if typed in sizes:
        return sizes[typed], ""
    return view.page_size, f"A page has one of these numbers of rows: {', '.join(sizes)}."


def _order(view: "View", params: QueryParams, *, is_trash: bool) -> tuple[str, bool, str]:
    sort_by, direction = params.get("sortBy", ""), params.get("sort", "")
    default, is_descending = _default_order(view, is_trash=is_trash)
    if direction not in {"", "asc", "desc"}:
        return default, is_descending, "A list is sorted in the direction asc or desc."
    if not sort_by:
        return default, is_descending if not direction else direction == "desc", ""
    if sort_by not in sortable(view, is_trash=is_trash):
        return default, is_descending, f"This list cannot be sorted by “{sort_by[:40]}”."
    return sort_by, direction == "desc", ""


def _default_order(view: "View", *, is_trash: bool) -> tuple[str, bool]:
    """The trash begins with what was moved there last."""
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
    """`ORDER BY` for the column `name`, unambiguous to the last row.

    It goes on with the columns of the index that begins with `name`, and ends with the primary key, all in
    one direction: a single walk through that index, forwards or backwards, then yields the page.
    """
    mapper = inspect(model)
    names = [name, *_following(model, name), mapper.get_property_by_column(mapper.primary_key[0]).key]
    columns = [attribute_of(model, each) for each in dict.fromkeys(names)]
    return [column.desc() if is_descending else column.asc() for column in columns]


def _following(model: type[Base], name: str) -> list[str]:
    """What comes after `name` in the longest index that begins with it."""
    mapper = inspect(model)
    first = mapper.columns[name]
    indexes = sorted(mapper.local_table.indexes, key=lambda index: str(index.name))  # type: ignore[attr-defined]
    chains = [list(index.columns)[1:] for index in indexes if list(index.columns)[:1] == [first]]
    return [mapper.get_property_by_column(column).key for column in max(chains, key=len, default=[])]
