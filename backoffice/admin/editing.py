"""Creating and editing a record: the pages, and what saving does."""

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from backoffice.admin.request import see_other

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View


async def create_page(site: "AdminSite", view: "View", request: Request) -> Response:
    view.require(request, "create")
    return see_other(view.url("list"))


async def create(site: "AdminSite", view: "View", request: Request) -> Response:
    view.require(request, "create")
    return see_other(view.url("list"))


async def edit_page(site: "AdminSite", view: "View", request: Request) -> Response:
    view.require(request, "edit")
    return see_other(view.url("list"))


async def edit(site: "AdminSite", view: "View", request: Request) -> Response:
    view.require(request, "edit")
    return see_other(view.url("list"))
