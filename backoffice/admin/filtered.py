"""What an address selects: a view's rows with scope, trash, search and filters applied, in no order yet.

Lists, bulk actions and whatever else works on "all that match" are built on it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from sqlalchemy import ColumnElement, Select, select
from starlette.datastructures import QueryParams
from starlette.requests import Request

from backoffice.admin.cells import attribute_of
from backoffice.admin.counting import COUNT_CAP, FREQUENT_CAP, Conditions
from backoffice.admin.filters import Asking, Compared, Part, Reading, Wanted
from backoffice.admin.filters.base import Pair, values_of
from backoffice.admin.filters.names import Names
from backoffice.admin.request import current_user
from backoffice.admin.where import WHERE, Where, read_where
from backoffice.admin.where.asked import asked, asking_for
from backoffice.database import INCLUDE_TRASHED
from backoffice.errors import BadInput
from backoffice.searching import Search

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View

#: What is made once, of each view and filter of an application.
REMEMBERED: Final = 500


@dataclass(frozen=True)
class Filtered:
    """The rows that an address asks for.

    `words` is what it selects, such as `all tickets that match “printer”`. `rows` are those of the scope and
    the state; the search and the advanced filter narrow them to the `wanted`, and the plain filters further.
    """

    asking: Asking
    rows: Select[Any]
    wanted: Conditions
    words: str
    is_filtered: bool
    is_trash: bool
    search: str
    readings: Sequence[Reading]
    #: The advanced filter in words, where there is one.
    where: str
    problem: str
    #: What the search finds, and in which order; None where nothing was searched for.
    found: Search | None = None
    #: What the filters were asked, where that selects the same rows for everybody at any time; or None.
    settled: frozenset[Pair] | None = None

    @cached_property
    def statement(self) -> Select[Any]:
        """It says itself whether rows are live or trashed: it means the same where the trash is seen, too.

        If it is settled, it is the same object each time.
        """
        if self.settled is None:
            return self.besides(None)
        return _settled_rows(self.asking.view, self.is_trash, self.settled)

    def besides(self, position: int | None) -> Select[Any]:
        """The same, but for what the filter at `position` of the view asks."""
        return _narrowed(self.rows, self.conditions(position), is_trash=self.is_trash)

    def conditions(self, besides: int | None = None) -> Conditions:
        """All that narrow `rows`, but for what the filter at the position `besides` of the view asks."""
        plain = [reading.condition for number, reading in enumerate(self.readings) if number != besides]
        return [*self.wanted, *(one for one in plain if one is not None)]

    @property
    def finds_many(self) -> bool:
        """Whether it searches for words that very many rows have."""
        return self.found is not None and self.found.is_frequent

    @property
    def count_cap(self) -> int:
        """As far as it is counted."""
        return FREQUENT_CAP if self.finds_many else COUNT_CAP

    def parts(self) -> list[tuple[Sequence[str], Part]]:
        """Each thing that the filters ask, and the parameters that its `rest` is to stand for."""
        declared = self.asking.view.filters
        plain = [
            (each.parameters, part)
            for each, reading in zip(declared, self.readings, strict=True)
            for part in reading.parts
        ]
        return [*plain, ((WHERE,), Part(self.where))] if self.where else plain


def _narrowed(
    rows: Select[Any], conditions: Iterable[ColumnElement[bool] | None], *, is_trash: bool
) -> Select[Any]:
    statement = rows.where(*(one for one in conditions if one is not None))
    return statement.execution_options(**INCLUDE_TRASHED) if is_trash else statement


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
    where = read_where(request.query_params)
    asking = await asking_for(site, view, request, where.tree, _wanted(view, request))
    readings = [
        _besides_where(_read(asking, number), each.name, where) for number, each in enumerate(view.filters)
    ]
    advanced, where_problem = _advanced(asking, where)
    plain = found.condition if found else None
    wanted = [plain, advanced.condition if advanced else None]
    problems = [search_problem, trash_problem, *(reading.problem for reading in readings), where_problem]
    where_words = advanced.words if advanced else ""
    is_filtered = bool(search or where_words) or any(reading.parts for reading in readings)
    return Filtered(
        asking=asking,
        rows=view.rows(current_user(request)).where(*_state(view, is_trash)),
        wanted=[one for one in wanted if one is not None],
        words=_words(view, search, readings, where_words, is_trash=is_trash),
        is_filtered=is_filtered,
        is_trash=is_trash,
        search=search,
        readings=readings,
        where=where_words,
        problem=" ".join(filter(None, problems)),
        found=found,
        settled=_settled(view, request) if not (search or where.tree) else None,
    )


def _wanted(view: "View", request: Request) -> list[Wanted]:
    """The records that the plain filters name."""
    return [
        wanted for each in view.filters for wanted in each.wanted(values_of(request.query_params, each.name))
    ]


def _settled(view: "View", request: Request) -> frozenset[Pair] | None:
    """What is asked of the view's filters, if each holds rows to one value, and no more rows are hidden."""
    params = request.query_params
    if view.scope(current_user(request)) is not None:
        return None
    given = [
        pair for pair in params.multi_items() if any(pair[0] in each.parameters for each in view.filters)
    ]
    asked = {name: value for name, value in given if value}
    asking = [each for each in view.filters if not asked.keys().isdisjoint(each.parameters)]
    is_repeated = len(given) > len(dict(given))
    if is_repeated or any(each.held(view, params) is None or each.is_personal(params) for each in asking):
        return None
    return frozenset(asked.items())


@lru_cache(maxsize=REMEMBERED)
def _settled_rows(view: "View", is_trash: bool, asked: frozenset[Pair]) -> Select[Any]:
    """The rows of a view that these parameters of its filters ask for."""
    asking = _asking(view, asked)
    conditions = [each.read(asking).condition for each in view.filters]
    return _narrowed(select(view.model), [*_state(view, is_trash), *conditions], is_trash=is_trash)


def _read(asking: Asking, number: int) -> Reading:
    """What the address asks of the filter at `number` of the view."""
    declared = asking.view.filters[number]
    named = ((name, value) for name in declared.parameters for value in asking.params.getlist(name))
    asked = tuple((name, value) for name, value in named if value)
    if asked and declared.varies:
        return declared.read(asking)
    return _reading(asking.view, number, asked)


@lru_cache(maxsize=REMEMBERED)
def _reading(view: "View", number: int, asked: tuple[Pair, ...]) -> Reading:
    """What a filter makes of these parameters, or of none: the same for everybody."""
    return view.filters[number].read(_asking(view, asked))


def _asking(view: "View", asked: Iterable[Pair]) -> Asking:
    """An address with these parameters, from nobody."""
    query = urlencode([*asked]).encode()
    return Asking(view, Request({"type": "http", "query_string": query}), Names())


def _besides_where(reading: Reading, name: str, where: Where) -> Reading:
    """What a filter asks unasked gives way to a condition on the same field."""
    is_unasked = not reading.parts and not reading.problem
    return Reading(reading.control) if is_unasked and name in where.fields else reading


def _advanced(asking: Asking, where: Where) -> tuple[Compared | None, str]:
    if where.tree is None:
        return None, where.problem
    try:
        return asked(asking, where.tree), ""
    except BadInput as error:
        return None, str(error)


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


def _words(view: "View", search: str, readings: Sequence[Reading], where: str, *, is_trash: bool) -> str:
    parts = [*(reading.words for reading in readings if reading.words), *([where] if where else [])]
    return "".join(
        (
            f"all {view.noun(2)}",
            " in the trash" if is_trash else "",
            f" that match “{search}”" if search else "",
            f" ({', '.join(parts)})" if parts else "",
        )
    )
