"""The admin's routes, all of them.

None of SQLAdmin's own handlers is among them: its lists, forms, deletes, exports and file routes are
replaced by handlers that run at the edge, in one transaction, behind one CSRF check.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from backoffice.admin import (
    bringing_back,
    bulk,
    details,
    editing,
    export_jobs,
    exporting,
    facets,
    in_place,
    listing,
    lookup,
    palette,
    past,
    plans,
    preferring,
    restoring,
    signin,
    view_forms,
)
from backoffice.admin.edge import Handler
from backoffice.admin.site import AdminSite
from backoffice.admin.view import View
from backoffice.admin.where import builder
from backoffice.errors import NotFound

STATIC: Final = Path(__file__).parent / "static"
ONE_YEAR: Final = 365 * 24 * 3600

ViewHandler = Callable[[AdminSite, View, Request], Awaitable[Response]]
ViewQuestion = Callable[[View, Request], bool]
SiteHandler = Callable[[AdminSite, Request], Awaitable[Response]]


def lay_routes(site: AdminSite, index: SiteHandler) -> None:
    """Give `site` its routes, beside those that its views expose; `index` is its first page."""
    missing = missing_page(site)
    site.admin.router.routes = [*_routes(site, index), *site.admin.router.routes]
    site.admin.exception_handlers = {HTTPException: missing}


def missing_page(site: AdminSite) -> Callable[[Request, Exception], Awaitable[Response]]:
    """An exception handler: the page that says that there is none, or none that takes this method."""
    missing = site.edge(_missing, verb="missing", is_public=True, ignores_body=True)

    async def answer(request: Request, error: Exception) -> Response:
        return await missing(request)

    return answer


def _routes(site: AdminSite, index: SiteHandler) -> list[BaseRoute]:
    page, view = partial(_page, site), partial(_view, site)
    return [
        Mount("/statics", CachedForLong(packages=["sqladmin"]), name="statics"),
        Mount("/static", CachedForLong(directory=STATIC), name="static"),
        Route("/", page(index), name="index"),
        Route("/login", page(signin.login_page, is_public=True), name="login"),
        Route("/login", page(signin.login, is_public=True, keeps_refusals=True), methods=["POST"]),
        Route("/logout", page(signin.logout, is_public=True), methods=["POST"], name="logout"),
        Route("/palette", page(palette.palette), name="palette"),
        Route("/account", page(signin.account_page), name="account"),
        Route("/account", page(signin.save_account), methods=["POST"]),
        Route("/account/password", page(signin.save_password, keeps_refusals=True), methods=["POST"]),
        Route("/{identity}/list", view(listing.list_page, plans_by_value=plans.unless_one_walk), name="list"),
        Route("/{identity}/preferences", view(preferring.save_preferences), methods=["POST"]),
        Route("/{identity}/views", view(view_forms.views_page), name="views"),
        Route("/{identity}/views", view(view_forms.save), methods=["POST"]),
        Route("/{identity}/views/{change}", view(view_forms.change), methods=["POST"]),
        Route("/{identity}/where", view(builder.where_page), name="where"),
        Route("/{identity}/facets", view(facets.facets), name="facets"),
        Route("/{identity}/export/{format}", view(exporting.export), name="export"),
        Route("/{identity}/export/{format}", view(export_jobs.export), methods=["POST"]),
        Route("/{identity}/create", view(editing.create_page), name="create"),
        Route("/{identity}/create", view(editing.create), methods=["POST"]),
        Route(
            "/{identity}/details/{pk}", view(details.details_page, plans_by_value=plans.never), name="details"
        ),
        Route("/{identity}/edit/{pk}", view(editing.edit_page, plans_by_value=plans.never), name="edit"),
        Route("/{identity}/edit/{pk}", view(editing.edit), methods=["POST"]),
        Route("/{identity}/in-place/{pk}/{field}", view(in_place.field_page), name="in_place"),
        Route("/{identity}/in-place/{pk}/{field}", view(in_place.save_field), methods=["POST"]),
        Route("/{identity}/past/{pk}", view(past.past_page, plans_by_value=plans.never), name="past"),
        Route("/{identity}/past/{pk}", view(restoring.restore_version), methods=["POST"]),
        Route("/{identity}/bring-back/{pk}", view(bringing_back.bring_back), methods=["POST"]),
        Route("/{identity}/ajax/lookup", view(lookup.lookup), name="ajax_lookup"),
        Route("/{identity}/bulk/{verb}", view(bulk.bulk), methods=["POST"], name="bulk"),
    ]


class CachedForLong(StaticFiles):
    """Static files whose URLs carry a hash or a version: a browser need never ask again."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = f"public, max-age={ONE_YEAR}, immutable"
        return response


def _page(
    site: AdminSite, handler: SiteHandler, *, is_public: bool = False, keeps_refusals: bool = False
) -> Handler:
    """A handler of the whole site, at the edge."""

    async def page(request: Request) -> Response:
        return await handler(site, request)

    verb = f"account.{handler.__name__}"
    return site.edge(page, verb=verb, is_public=is_public, keeps_refusals=keeps_refusals)


def _view(site: AdminSite, handler: ViewHandler, *, plans_by_value: ViewQuestion = plans.always) -> Handler:
    """A handler of one view, at the edge; the path names the view."""

    async def page(request: Request) -> Response:
        return await handler(site, site.view(request.path_params["identity"]), request)

    page.__name__ = handler.__name__

    def by_value(request: Request) -> bool:
        view = site.find_view(request.path_params["identity"])
        return view is None or plans_by_value(view, request)

    return site.edge(page, plans_by_value=by_value)


async def _missing(request: Request) -> Response:
    raise NotFound("There is no such page.")
