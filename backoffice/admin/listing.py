"""Lists: the rows that a view's address asks for, page by page, at a cost that does not grow with the table.

A page reads the keys of its rows first, from an index, and then those rows alone: by its number, or from a
row on, which costs the same anywhere. Counting stops at a cap.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from sqlalchemy import (
    CTE,
    ColumnElement,
    CompoundSelect,
    Select,
    and_,
    case,
    func,
    inspect,
    select,
    union_all,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute
from starlette.requests import Request
from starlette.responses import Response

from backoffice.admin.cells import kind_of, listing_options
from backoffice.admin.counting import COUNT_CAP, Count, counted, written_out
from backoffice.admin.edge import QUERY_CANCELED
from backoffice.admin.filtered import REMEMBERED, Filtered, filtered_query, read_filters
from backoffice.admin.keyset import stretches_beyond
from backoffice.admin.layout import Layout, chooser, layout_of
from backoffice.admin.list_address import ListAddress
from backoffice.admin.list_builder import ListBuilder
from backoffice.admin.marking import NO_MATCHES, matches_in
from backoffice.admin.origin import here
from backoffice.admin.pager import Found, count_in_words, found_at, last_page
from backoffice.admin.pages import Column, Row
from backoffice.admin.places import LAST, Place, ordering, place_of, sorted_by
from backoffice.admin.ranking import best_first, is_ranked
from backoffice.admin.reading import searched
from backoffice.admin.request import see_other
from backoffice.admin.saved_views import (
    first_view,
    list_address,
    opened_view,
    saved_views,
    view_address,
)
from backoffice.searching import Match, Search

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View

Order = Sequence[ColumnElement[Any]]
Stretches = Sequence[ColumnElement[bool]]

TOO_SLOW: Final = (
    "This took too long and was stopped. Narrow the search, add a filter or choose fewer days, and try again."
)


async def list_page(site: "AdminSite", view: "View", request: Request) -> Response:
    """The page of the list that the address asks for; where nothing is, it leads to the nearest that is."""
    view.require(request, "list")
    if not request.query_params and (first := first_view(view, request)):
        return see_other(view_address(view, first))
    layout = layout_of(view, request, opened_view(view, request))
    filtered = await read_filters(site, view, request)
    searched(view, request, filtered)
    place = place_of(view, request.query_params, is_trash=filtered.is_trash, size=layout.size)
    place = replace(place, is_ranked=is_ranked(filtered, place, request.query_params))
    problem, status_code = " ".join(filter(None, (filtered.problem, place.problem))), 400
    address = list_address(view, request)
    names = _columns(layout, is_trash=filtered.is_trash)
    around = await view.list_extra(request)
    found, matches = Found(), NO_MATCHES
    if not problem:
        try:
            found, matches = await _find_and_match(view, request, filtered, place, names)
            status_code = 200
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != QUERY_CANCELED:
                raise
            # PostgreSQL answers nothing more in this transaction, and nothing more is asked.
            problem, status_code = TOO_SLOW, 503
    if found.nearest:
        return see_other(str(address.at_page(found.nearest)))
    builder = ListBuilder(
        site, view, request, filtered, place, address, str(address) if address.pairs else ""
    )
    page = builder.page(names, found, problem=problem, matches=matches)
    return site.render(
        request,
        view.list_template,
        page,
        status_code=status_code,
        around=around,
        layout=layout,
        views=saved_views(view, request, address, layout, filtered),
        chooser=chooser(view, layout, address),
    )


def _columns(layout: Layout, *, is_trash: bool) -> list[str]:
    shown = layout.columns
    return [*shown, "deleted_at"] if is_trash and "deleted_at" not in shown else shown


# A few of its rows -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Excerpt:
    """The first rows of a list, how many there are in all (in words), and where the list is."""

    url: str
    count: str
    columns: Sequence[Column]
    rows: Sequence[Row]


async def excerpt(
    site: "AdminSite",
    view: "View",
    request: Request,
    query: Mapping[str, str],
    names: Sequence[str],
    *,
    rows: int = 5,
) -> Excerpt:
    """What the list of `view` shows first at the address `query`, in the columns `names`."""
    asked = Request({**request.scope, "query_string": urlencode(query).encode()})
    filtered = await filtered_query(site, view, asked)
    place = replace(place_of(view, asked.query_params, is_trash=filtered.is_trash), size=rows)
    found = await _find(request.state.session, view, filtered, place, list(names))
    address = ListAddress(view.url("list"), list(query.items()))
    builder = ListBuilder(site, view, asked, filtered, place, address, here(request))
    columns = [Column(name, view.label(name), kind_of(view.model, name, view.column_kinds)) for name in names]
    return Excerpt(
        str(address), count_in_words(found.count), columns, builder.rows(list(names), found.records)
    )


# Reading them ----------------------------------------------------------------------------------


async def _find_and_match(
    view: "View", request: Request, filtered: Filtered, place: Place, names: list[str]
) -> tuple[Found, Mapping[Any, Match]]:
    found = await _find(request.state.session, view, filtered, place, names)
    return found, await matches_in(view, request, filtered, found.records)


async def _find(
    session: AsyncSession, view: "View", filtered: Filtered, place: Place, names: list[str]
) -> Found:
    parameters = place.cursor.parameters if place.cursor else {}
    page = (await session.execute(_walk(view, filtered, place, names), parameters)).unique().all()
    walked = [record for record, _ in page]
    if not walked and (place.cursor or place.page > 1):
        return Found(nearest=await _nearest(session, view, filtered, place))
    # The last row has it for certain: where a row has its number, no other one has.
    number = page[-1][1] if page else None
    # Where the walk begins at the first row and meets the last, nothing was left to count.
    count = Count(place.skipped + len(walked)) if number is None else Count.read(number, filtered.count_cap)
    if place.is_last and count.is_all:
        # It has a number, by which the rows before it have theirs.
        return Found(nearest=last_page(count.rows, place.size))
    return found_at(place, walked, count)


async def _nearest(session: AsyncSession, view: "View", filtered: Filtered, place: Place) -> int | str:
    """Where there are rows, if there are none at `place`."""
    if place.cursor:
        return 1 if place.is_backward else LAST
    # The walk to this page met the end, so that there are no more rows to count than were skipped.
    count = await session.scalar(_count(view, filtered.statement.limit(place.skipped)))
    return last_page(count or 0, place.size)


def _walk(view: "View", filtered: Filtered, place: Place, names: list[str]) -> Select[Any, int | None]:
    """The page's rows and, to know whether there are more, one beyond; beside them how many there are in all.

    The values of a cursor are parameters of the statement.
    """
    if filtered.settled is not None:
        return _settled_walk(view, filtered.statement, place.shape, tuple(names))
    count = _count_beside(view, filtered, place)
    return _walk_through(view, filtered.statement, place, tuple(names), filtered.found, count)


def _count_beside(view: "View", filtered: Filtered, place: Place) -> ColumnElement[Any]:
    rows = filtered.rows
    if filtered.finds_many:
        # The way that the page walks, whose rows are read already.
        rows = rows.order_by(*ordering(view.model, place.sort_by, is_descending=place.is_descending))
    return counted(view, rows, filtered.conditions(), cap=filtered.count_cap)


def _walk_through(
    view: "View",
    some: Select[Any],
    place: Place,
    names: tuple[str, ...],
    searched_for: Search | None = None,
    count: ColumnElement[Any] | None = None,
) -> Select[Any, int | None]:
    """The same, through `some` rows, which are counted up to the cap unless there is a `count`.

    Rows in partitions are read as they are walked to, where none is skipped: to fetch them by their keys
    would have each partition planned for once more.
    """
    is_descending = place.is_descending is not place.is_backward
    order = ordering(view.model, place.sort_by, is_descending=is_descending)
    columns = sorted_by(view.model, place.sort_by)
    stretches = stretches_beyond(place.cursor, columns, is_descending=is_descending) if place.cursor else []
    if count is None:
        count = counted(view, some, (), cap=COUNT_CAP)
    is_in_partitions, is_one_walk = len(_table_key(view)) > 1, len(stretches) <= 1 and not place.is_ranked
    if is_in_partitions and is_one_walk and not place.skipped:
        rows = _in_one_go(some, place, order, stretches, count)
    else:
        keys = _keys(view, some, place, order, stretches, searched_for)
        rows = _by_their_keys(view, some, place, order, keys, count)
    shown = (*names, *(attribute.key for attribute in columns))
    return rows.options(*listing_options(view.model, shown))


#: The statement of a page that many look at, made once for all of them.
_settled_walk: Final = lru_cache(maxsize=REMEMBERED)(_walk_through)


def _in_one_go(
    some: Select[Any], place: Place, order: Order, stretches: Stretches, count: ColumnElement[Any]
) -> Select[Any, int | None]:
    # Of all rows only the one beyond the page has a number for which it is counted how many there are.
    number = func.row_number().over(order_by=order)
    rows = some.where(*stretches).order_by(*order).limit(written_out(place.size + 1))
    return rows.add_columns(_counted(place, number, count))


def _by_their_keys(
    view: "View", some: Select[Any], place: Place, order: Order, keys: CTE, count: ColumnElement[Any]
) -> Select[Any, int | None]:
    """Fetches these rows alone, with what their columns show."""
    found = select(func.count()).select_from(keys).scalar_subquery()
    return (
        select(view.model, _counted(place, found, count))
        .join(keys, and_(*(own == found for own, found in zip(_table_key(view), keys.c, strict=False))))
        .order_by(*([keys.c.ordinal] if "ordinal" in keys.c else order))
        .execution_options(**some.get_execution_options())
    )


def _counted(place: Place, found: ColumnElement[int], count: ColumnElement[Any]) -> ColumnElement[int | None]:
    """How many rows the list has; NULL where its first page (or a numbered one) shows the last of them."""
    if place.cursor or place.is_backward:
        return count
    return case((found > written_out(place.size), count))


def _keys(
    view: "View",
    some: Select[Any],
    place: Place,
    order: Order,
    stretches: Stretches,
    searched_for: Search | None,
) -> CTE:
    """Nothing but the keys of the page's rows, so that an index answers also far from the beginning.

    They have their `ordinal` with them, if it is not the list's own order.
    """
    table_key = _table_key(view)
    if place.is_ranked and searched_for:
        return best_first(view, some, searched_for, place, table_key).cte("page_keys")
    keys = some.with_only_columns(*table_key).order_by(*order).limit(written_out(place.size + 1))
    return _from(keys, place, stretches).cte("page_keys")


def _from(some: Select[Any], place: Place, stretches: Stretches) -> Select[Any] | CompoundSelect[Any]:
    """The keys of `some` rows, from where the page begins."""
    if not stretches:
        return some.offset(place.skipped) if place.skipped else some
    walks = [some.where(stretch) for stretch in stretches]
    return walks[0] if len(walks) == 1 else union_all(*(walk.subquery().select() for walk in walks))


def _table_key(view: "View") -> list[InstrumentedAttribute[Any]]:
    """All columns of the table's primary key, by which a row is found in its partition alone."""
    mapper = inspect(view.model)
    columns = mapper.local_table.primary_key
    return [mapper.get_property_by_column(column).class_attribute for column in columns]


def _count(view: "View", statement: Select[Any]) -> Select[int]:
    keys = statement.with_only_columns(view.key).order_by(None).subquery()
    options = statement.get_execution_options()
    return select(func.count()).select_from(keys).execution_options(**options)
