"""Where a person came from: kept in the URL as `from`, so that a list is found again as it was left."""

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from starlette.requests import Request

from backoffice.admin.cells import key_of
from backoffice.admin.request import is_ours

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View

FROM: Final = "from"


def origin(site: "AdminSite", request: Request) -> str:
    """The page that `from` names, if it is one of this site; otherwise empty."""
    url = request.query_params.get(FROM, "")
    return url if is_ours(url, site.base_url) else ""


def keeping(url: str, origin: str) -> str:
    """`url`, which has no query of its own, with `origin` in it."""
    return f"{url}?{urlencode({FROM: origin})}" if origin else url


def here(request: Request) -> str:
    """This very page, with its query."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def way_back(site: "AdminSite", view: "View", request: Request, record: Any) -> str:
    """Where somebody goes who is done with `record`: the page that they came from, or the record's own.

    Who came from the view's list finds the way back to it on the record's page.
    """
    came_from = origin(site, request)
    is_list = came_from.partition("?")[0] == view.url("list")
    if came_from and not is_list:
        return came_from
    if view.may(request, "details", record):
        return keeping(view.url("details", key_of(record)), came_from)
    return came_from or view.url("list")
