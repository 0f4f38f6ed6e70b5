"""Lists: the rows that a view's address asks for, page by page, at a cost that does not grow with the table.

A page reads the keys of its rows first, from an index, and then those rows alone; counting stops at a cap.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from sqlalchemy import Select, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from backoffice.admin.cells import kind_of, listing_options
from backoffice.admin.edge import QUERY_CANCELED
from backoffice.admin.filtered import Filtered, filtered_query, read_filters
from backoffice.admin.list_address import ListAddress
from backoffice.admin.list_builder import COUNT_CAP, ListBuilder, count_in_words
from backoffice.admin.origin import here
from backoffice.admin.pages import Column, Row
from backoffice.admin.places import Place, ordering, place_of
from backoffice.admin.request import see_other

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View

TOO_SLOW: Final = (
    "This took too long and was stopped. Narrow the search, add a filter or choose fewer days, and try again."
)


async def list_page(site: "AdminSite", view: "View", request: Request) -> Response:
    """The page of the list that the address asks for; one beyond the end leads to the last."""
    view.require(request, "list")
    filtered = await read_filters(site, view, request)
    place = place_of(view, request.query_params, is_trash=filtered.is_trash)
    problem, status_code = " ".join(filter(None, (filtered.problem, place.problem))), 400
    address = ListAddress(view.url("list"), request.query_params.multi_items())
    names = _columns(view, is_trash=filtered.is_trash)
    around = await view.list_extra(request)
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
    builder = ListBuilder(
        site, view, request, filtered, place, address, str(address) if address.pairs else ""
    )
    page = builder.page(names, found.records, found.count, has_more=found.has_more, problem=problem)
    return site.render(request, view.list_template, page, status_code=status_code, around=around)


def _columns(view: "View", *, is_trash: bool) -> list[str]:
    shown = view.get_list_columns()
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
