"""What an address selects: a view's rows with scope, trash, search and filters applied, in no order yet.

Lists, bulk actions and whatever else works on "all that match" are built on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select
from starlette.datastructures import QueryParams
from starlette.requests import Request

from backoffice.admin.cells import attribute_of
from backoffice.admin.filters import Reading
from backoffice.admin.request import current_user
from backoffice.database import INCLUDE_TRASHED
from backoffice.errors import BadInput
from backoffice.searching import Search

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View


@dataclass(frozen=True)
class Filtered:
    """The rows that an address asks for.

    `statement` says itself whether rows are live or trashed, so that it means the same below a
    statement that sees the trash. `words` is what it selects, such as `all tickets that match “printer”`.
    """

    statement: Select[Any]
    words: str
    is_filtered: bool
    is_trash: bool
    search: str
    readings: Sequence[Reading]
    problem: str
    #: What the search finds, and in which order; None where nothing was searched for.
    found: Search | None = None


async def filtered_query(site: "AdminSite", view: "View", request: Request) -> Filtered:
    """What the request's address selects from `view`; BadInput where it makes no sense."""
    filtered = await read_filters(site, view, request)
    if filtered.problem:
        raise BadInput(filtered.problem)
    return filtered


async def read_filters(site: "AdminSite", view: "View", request: Request) -> Filtered:
    """The same, with a `problem` in place of an error; the statement then leaves out what made no sense."""
    search = request.query_params.get("search", "").strip()
    found, search_problem = await _searched(view, request, search)
    is_trash, trash_problem = _trashed(view, request.query_params)
    readings = [await each.read(site, view, request) for each in view.filters]
    conditions = [
        *_state(view, is_trash),
        found.condition if found else None,
        *(reading.condition for reading in readings),
    ]
    statement = view.rows(current_user(request)).where(*(one for one in conditions if one is not None))
    problems = [search_problem, trash_problem, *(reading.problem for reading in readings)]
    return Filtered(
        statement=statement.execution_options(**INCLUDE_TRASHED) if is_trash else statement,
        words=_words(view, search, readings, is_trash=is_trash),
        is_filtered=bool(search) or any(reading.parts for reading in readings),
        is_trash=is_trash,
        search=search,
        readings=readings,
        problem=" ".join(filter(None, problems)),
        found=found,
    )


async def _searched(view: "View", request: Request, term: str) -> tuple[Search | None, str]:
    if not term:
        return None, ""
    try:
        found = await view.find(request, term)
    except BadInput as error:
        return None, str(error)
    return found, "" if found is not None else "This list has no search."


def _trashed(view: "View", params: QueryParams) -> tuple[bool, str]:
    match params.get("trash", ""):
        case "":
            return False, ""
        case "only" if view.has_trash:
            return True, ""
        case "only":
            return False, "This list has no trash."
        case _:
            return False, "A list shows its live rows, or with trash=only those in the trash."


def _state(view: "View", is_trash: bool) -> list[ColumnElement[bool]]:
    if not view.has_trash:
        return []
    deleted_at = attribute_of(view.model, "deleted_at")
    return [deleted_at.is_not(None) if is_trash else deleted_at.is_(None)]


def _words(view: "View", search: str, readings: Sequence[Reading], *, is_trash: bool) -> str:
    parts = [reading.words for reading in readings if reading.words]
    return "".join(
        (
            f"all {view.noun(2)}",
            " in the trash" if is_trash else "",
            f" that match “{search}”" if search else "",
            f" ({', '.join(parts)})" if parts else "",
        )
    )
