"""The palette: records, pages and what can be made, by a few letters; as JSON for its dialog, or a page."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Select, select
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from backoffice.admin.cells import key_of, naming_options
from backoffice.admin.places import place_of
from backoffice.admin.ranking import best_first
from backoffice.admin.request import current_user
from backoffice.errors import BadInput
from backoffice.searching import Search

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View

#: Of each kind of record.
MOST_RECORDS: Final = 6
LONGEST_TERM: Final = 200


@dataclass(frozen=True)
class PaletteItem:
    """Somewhere to go; `detail` tells it from others of its name."""

    label: str
    url: str
    icon: str
    detail: str = ""


@dataclass(frozen=True)
class PaletteGroup:
    label: str
    items: Sequence[PaletteItem]


@dataclass(frozen=True)
class PalettePage:
    title: str
    search: str
    groups: Sequence[PaletteGroup]
    problem: str = ""


async def palette(site: "AdminSite", request: Request) -> Response:
    """What `?q=` finds of all that this person may see; without it the pages alone."""
    term = request.query_params.get("q", "").strip()
    if "application/json" in request.headers.get("accept", ""):
        groups = await _groups(site, request, term)
        return JSONResponse({"groups": [asdict(group) for group in groups]})
    try:
        page = PalettePage("Search and go to", term, await _groups(site, request, term))
    except BadInput as error:
        page = PalettePage("Search and go to", term, [], str(error))
    return site.render(request, "palette.html", page, status_code=400 if page.problem else 200)


async def _groups(site: "AdminSite", request: Request, term: str) -> list[PaletteGroup]:
    if len(term) > LONGEST_TERM:
        raise BadInput(f"Type at most {LONGEST_TERM} characters.")
    words = term.lower().split()
    pages = [each for each in _pages(site, request) if all(word in each.label.lower() for word in words)]
    groups = [PaletteGroup("Pages", pages)]
    for view in site.declared:
        found = view.palette(term) if term and view.may(request, "list") else None
        if found is not None and view.may(request, "details"):
            groups.append(PaletteGroup(view.name_plural, await _records(view, request, found)))
    return [group for group in groups if group.items]


def _pages(site: "AdminSite", request: Request) -> Iterable[PaletteItem]:
    yield PaletteItem("Home", f"{site.base_url}/", "ti ti-home")
    for group in site.navigation(request):
        yield from (PaletteItem(item.label, item.url, item.icon, group.label) for item in group.items)
    for view in site.declared:
        if view.may(request, "create"):
            yield PaletteItem(f"New {view.name.lower()}", view.url("create"), "ti ti-plus")
    yield PaletteItem("Account and appearance", f"{site.base_url}/account", "ti ti-settings")


async def _records(view: "View", request: Request, search: Search) -> list[PaletteItem]:
    records = await request.state.session.scalars(_best(view, request, search))
    return [
        PaletteItem(view.title(record), view.url("details", key_of(record)), view.icon, view.detail(record))
        for record in records
    ]


def _best(view: "View", request: Request, search: Search) -> Select[Any]:
    """The first few records, with what they are called by."""
    place = place_of(view, QueryParams(), is_trash=False, size=MOST_RECORDS)
    some = view.rows(current_user(request)).where(search.condition)
    keys = best_first(view, some, search, place, [view.key]).limit(MOST_RECORDS).subquery()
    found = select(view.model).join(keys, view.key == keys.c[0])
    return found.order_by(keys.c.ordinal).options(*naming_options(view.model))
