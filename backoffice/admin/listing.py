"""Lists: the rows that a view's address asks for, page by page, at a cost that does not grow with the table.

`filtered_query` is what lists, bulk actions and exports have in common: the view's rows with scope, trash,
search and filters applied. The page itself reads the keys of its rows first, from an index, and then those
rows alone; counting stops at a cap.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, Select, func, inspect, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from backoffice.admin.cells import cell_maker, key_of, kind_of, listing_options, title_of
from backoffice.admin.edge import QUERY_CANCELED
from backoffice.admin.filters import Reading
from backoffice.admin.list_address import ORDER, ListAddress
from backoffice.admin.pages import BulkButton, Chip, Column, Link, ListPage, Row, Tab
from backoffice.admin.request import current_user, see_other
from backoffice.database import INCLUDE_TRASHED
from backoffice.errors import BadInput
from models import Base

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View

#: Counting stops above: `10,000+`.
COUNT_CAP: Final = 10_000
#: No page is looked for beyond; whoever wants row fifty million knows a better way to it.
LAST_PAGE: Final = 1_000_000
TOO_SLOW: Final = (
    "This took too long and was stopped. Narrow the search, add a filter or choose fewer days, and try again."
)


# What the address selects ----------------------------------------------------------------------


@dataclass(frozen=True)
class Filtered:
    """The rows that an address asks for, in no order yet.

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


async def filtered_query(site: "AdminSite", view: "View", request: Request) -> Filtered:
    """What the request's address selects from `view`; BadInput where it makes no sense."""
    filtered = await read_filters(site, view, request)
    if filtered.problem:
        raise BadInput(filtered.problem)
    return filtered


async def read_filters(site: "AdminSite", view: "View", request: Request) -> Filtered:
    """The same, with a `problem` in place of an error; the statement then leaves out what made no sense."""
    search = request.query_params.get("search", "").strip()
    found, search_problem = _searched(view, search)
    is_trash, trash_problem = _trashed(view, request.query_params)
    readings = [await each.read(site, view, request) for each in view.filters]
    conditions = [*_state(view, is_trash), found, *(reading.condition for reading in readings)]
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
    )


def _searched(view: "View", term: str) -> tuple[ColumnElement[bool] | None, str]:
    if not term:
        return None, ""
    try:
        condition = view.search(term)
    except BadInput as error:
        return None, str(error)
    return condition, "" if condition is not None else "This list has no search."


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
    deleted_at = _attribute(view.model, "deleted_at")
    return [deleted_at.is_not(None) if is_trash else deleted_at.is_(None)]


def _words(view: "View", search: str, readings: Sequence[Reading], *, is_trash: bool) -> str:
    parts = [part.words for reading in readings for part in reading.parts]
    return "".join(
        (
            f"all {view.noun(2)}",
            " in the trash" if is_trash else "",
            f" that match “{search}”" if search else "",
            f" ({', '.join(parts)})" if parts else "",
        )
    )


# Which page of it ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """Which page, of what size, in which order."""

    page: int
    size: int
    sort_by: str
    is_descending: bool
    problem: str = ""


def _place(view: "View", params: QueryParams, *, is_trash: bool) -> Place:
    page, page_problem = _number(
        params.get("page", ""), 1, f"There is no page “{params.get('page', '')[:20]}”."
    )
    size, size_problem = _number(params.get("pageSize", ""), view.page_size, "")
    if size not in view.page_size_options or size_problem:
        sizes = ", ".join(str(option) for option in view.page_size_options)
        size, size_problem = view.page_size, f"A page has one of these numbers of rows: {sizes}."
    sort_by, is_descending, sort_problem = _order(view, params, is_trash=is_trash)
    problems = filter(None, (page_problem, size_problem, sort_problem))
    return Place(page, size, sort_by, is_descending, " ".join(problems))


def _number(typed: str, default: int, otherwise: str) -> tuple[int, str]:
    if not typed:
        return default, ""
    if typed.isascii() and typed.isdigit() and len(typed) <= 7 and 1 <= int(typed) <= LAST_PAGE:
        return int(typed), ""
    return default, otherwise


def _order(view: "View", params: QueryParams, *, is_trash: bool) -> tuple[str, bool, str]:
    sort_by, direction = params.get("sortBy", ""), params.get("sort", "")
    default, is_descending = _default_order(view, is_trash=is_trash)
    if direction not in {"", "asc", "desc"}:
        return default, is_descending, "A list is sorted in the direction asc or desc."
    if not sort_by:
        return default, is_descending if not direction else direction == "desc", ""
    if sort_by not in _sortable(view, is_trash=is_trash):
        return default, is_descending, f"This list cannot be sorted by “{sort_by[:40]}”."
    return sort_by, direction == "desc", ""


def _default_order(view: "View", *, is_trash: bool) -> tuple[str, bool]:
    """The trash begins with what was moved there last."""
    if is_trash:
        return "deleted_at", True
    declared = view.column_default_sort or view.key
    attribute, is_descending = declared if isinstance(declared, tuple) else (declared, False)
    return _name(attribute), is_descending


def _sortable(view: "View", *, is_trash: bool) -> list[str]:
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
    columns = [_attribute(model, each) for each in dict.fromkeys(names)]
    return [column.desc() if is_descending else column.asc() for column in columns]


def _following(model: type[Base], name: str) -> list[str]:
    """What comes after `name` in the longest index that begins with it."""
    mapper = inspect(model)
    first = mapper.columns[name]
    indexes = sorted(mapper.local_table.indexes, key=lambda index: str(index.name))  # type: ignore[attr-defined]
    chains = [list(index.columns)[1:] for index in indexes if list(index.columns)[:1] == [first]]
    return [mapper.get_property_by_column(column).key for column in max(chains, key=len, default=[])]


def _attribute(model: type[Base], name: str) -> InstrumentedAttribute[Any]:
    attribute: InstrumentedAttribute[Any] = getattr(model, name)
    return attribute


# Reading it ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """The records of one page; `count` is exact up to the cap, and None where it was not counted."""

    records: Sequence[Any] = ()
    count: int | None = None
    has_more: bool = False
    #: The last page, where the one that was asked for is beyond it.
    last_page: int | None = None


async def _find(
    session: AsyncSession, view: "View", filtered: Filtered, place: Place, names: list[str]
) -> Found:
    records = list(await session.scalars(_page_of_records(view, filtered, place, names)))
    if not records and place.page > 1:
        count = await _count(session, view, filtered.statement)
        return Found(count=count, last_page=max(1, -(-count // place.size)))
    count = await _count(session, view, filtered.statement.limit(COUNT_CAP + 1))
    return Found(records[: place.size], count, has_more=len(records) > place.size)


def _page_of_records(view: "View", filtered: Filtered, place: Place, names: list[str]) -> Select[Any]:
    """The page's rows and, to know whether there are more, one beyond.

    The inner statement reads nothing but keys, so that an index answers it also where the page is far from
    the beginning; the outer one then fetches these rows alone, with what their columns show.
    """
    order = ordering(view.model, place.sort_by, is_descending=place.is_descending)
    keys = (
        filtered.statement.with_only_columns(view.key)
        .order_by(*order)
        .limit(place.size + 1)
        .offset((place.page - 1) * place.size)
        .subquery()
    )
    return (
        select(view.model)
        .join(keys, view.key == keys.c[0])
        .order_by(*order)
        .options(*listing_options(view.model, names))
        .execution_options(**filtered.statement.get_execution_options())
    )


async def _count(session: AsyncSession, view: "View", statement: Select[Any]) -> int:
    keys = statement.with_only_columns(view.key).order_by(None).subquery()
    counted = select(func.count()).select_from(keys)
    options = statement.get_execution_options()
    return (await session.execute(counted.execution_options(**options))).scalar_one()


# Showing it ------------------------------------------------------------------------------------


async def list_page(site: "AdminSite", view: "View", request: Request) -> Response:
    """The page of the list that the address asks for; one beyond the end leads to the last."""
    view.require(request, "list")
    filtered = await read_filters(site, view, request)
    place = _place(view, request.query_params, is_trash=filtered.is_trash)
    problem, status_code = " ".join(filter(None, (filtered.problem, place.problem))), 400
    address = ListAddress(view.url("list"), request.query_params.multi_items())
    names = _columns(view, is_trash=filtered.is_trash)
    found = Found()
    if not problem:
        try:
            found, status_code = await _find(request.state.session, view, filtered, place, names), 200
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != QUERY_CANCELED:
                raise
            # PostgreSQL answers nothing more in this transaction, and nothing more is asked.
            problem, status_code = TOO_SLOW, 503
    if found.last_page is not None:
        return see_other(str(address.at_page(found.last_page)))
    page = _Builder(site, view, request, filtered, place, address).page(names, found, problem)
    return site.render(request, view.list_template, page, status_code=status_code)


def _columns(view: "View", *, is_trash: bool) -> list[str]:
    shown = view.get_list_columns()
    return [*shown, "deleted_at"] if is_trash and "deleted_at" not in shown else shown


@dataclass(frozen=True)
class _Builder:
    """Puts together what the page shows; all links are variants of the one address."""

    site: "AdminSite"
    view: "View"
    request: Request
    filtered: Filtered
    place: Place
    address: ListAddress

    def page(self, names: list[str], found: Found, problem: str) -> ListPage:
        view, place, filtered = self.view, self.place, self.filtered
        before = (place.page - 1) * place.size
        return ListPage(
            title=view.name_plural,
            columns=self._heads(names),
            rows=self._rows(names, found.records),
            count=_count_in_words(found.count),
            first=before + 1 if found.records else 0,
            last=before + len(found.records),
            page=place.page,
            previous_url=str(self.address.at_page(place.page - 1)) if place.page > 1 else "",
            next_url=str(self.address.at_page(place.page + 1)) if found.has_more else "",
            page_sizes=self._page_sizes(),
            search=filtered.search,
            search_placeholder=view.search_hint,
            filters=[reading.control for reading in filtered.readings],
            chips=self._chips(),
            tabs=self._tabs(),
            bulk=self._bulk_buttons(),
            create=self._create(),
            kept=self.address.kept_by_forms(),
            clear_url=str(self.address.without("search", *self._filter_names())),
            is_filtered=filtered.is_filtered,
            empty_title="The trash is empty" if filtered.is_trash else view.empty_title,
            empty_text="What is moved to the trash can be restored here."
            if filtered.is_trash
            else view.empty_text,
            problem=problem,
        )

    def _heads(self, names: list[str]) -> list[Column]:
        return [self._head(name) for name in names]

    def _head(self, name: str) -> Column:
        view, place = self.view, self.place
        kind = kind_of(view.model, name, view.column_kinds)
        if name not in _sortable(view, is_trash=self.filtered.is_trash):
            return Column(name, view.label(name), kind)
        is_sorted = name == place.sort_by
        direction = "asc" if is_sorted and place.is_descending else "desc" if is_sorted else "asc"
        sorted_ = ("descending" if place.is_descending else "ascending") if is_sorted else ""
        url = self.address.without(*ORDER).having(sortBy=name, sort=direction)
        return Column(name, view.label(name), kind, str(url), sorted_)

    def _rows(self, names: list[str], records: Sequence[Any]) -> list[Row]:
        view = self.view
        makers = [
            cell_maker(
                self.site, self.request, view.model, name, kind_of(view.model, name, view.column_kinds)
            )
            for name in names
        ]
        path = view.url("details") if view.may(self.request, "details") else ""
        return [
            Row(
                pk=str(key_of(record)),
                title=title_of(record),
                url=f"{path}/{key_of(record)}" if path else "",
                cells=[make(record) for make in makers],
                is_trashed=self.filtered.is_trash,
            )
            for record in records
        ]

    def _page_sizes(self) -> list[Tab]:
        return [
            Tab(str(size), str(self.address.having(pageSize=str(size))), size == self.place.size)
            for size in self.view.page_size_options
        ]

    def _chips(self) -> list[Chip]:
        chips = [
            Chip(part.words, str(self.address.exchanging(declared.parameters, part.rest)))
            for declared, reading in zip(self.view.filters, self.filtered.readings, strict=True)
            for part in reading.parts
        ]
        if not self.filtered.search:
            return chips
        return [Chip(f"“{self.filtered.search[:60]}”", str(self.address.without("search"))), *chips]

    def _tabs(self) -> list[Tab]:
        if not self.view.has_trash:
            return []
        live = self.address.without("trash", *ORDER)
        is_trash = self.filtered.is_trash
        return [Tab("Live", str(live), not is_trash), Tab("Trash", str(live.having(trash="only")), is_trash)]

    def _bulk_buttons(self) -> list[BulkButton]:
        query = self.address.without(*ORDER, "pageSize")
        return [
            BulkButton(
                action.slug,
                action.label,
                action.icon,
                str(ListAddress(self.view.url("bulk", action.slug), query.pairs)),
                action.is_danger,
            )
            for action in self.view.bulk_actions
            if action.on_trash == self.filtered.is_trash
            and action.is_allowed(self.view, self.request, rows=1)
        ]

    def _create(self) -> Link | None:
        if self.filtered.is_trash or not self.view.may(self.request, "create"):
            return None
        return Link(f"New {self.view.name.lower()}", self.view.url("create"), "ti ti-plus", is_primary=True)

    def _filter_names(self) -> list[str]:
        return [name for declared in self.view.filters for name in declared.parameters]


def _count_in_words(count: int | None) -> str:
    if count is None:
        return ""
    return f"{COUNT_CAP:,}+" if count > COUNT_CAP else f"{count:,}"
