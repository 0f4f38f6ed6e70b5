"""The admin site: SQLAdmin's registry, menu and authorization, with routes, pages and rules of our own.

None of SQLAdmin's own handlers is routed: its lists, forms, deletes, exports and file routes are
replaced by handlers that run at the edge, in one transaction, behind one CSRF check.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment
from sqladmin import Admin, ModelView
from sqladmin.authentication import AuthenticationBackend
from sqladmin.authorization import AuthorizationBackend
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from backoffice.accounts.sessions import CurrentUser
from backoffice.admin import bulk, details, editing, listing, lookup, signin
from backoffice.admin.edge import Edge, Handler
from backoffice.admin.pages import NavigationGroup, NavigationItem
from backoffice.admin.request import take_flashes
from backoffice.admin.security import csrf_token
from backoffice.admin.templating import environment
from backoffice.admin.view import View
from backoffice.database import SessionFactory
from backoffice.errors import ConfigurationError, NotFound
from backoffice.settings import Settings
from models import Base

STATIC = Path(__file__).parent / "static"
ONE_YEAR = 365 * 24 * 3600

ViewHandler = Callable[["AdminSite", View, Request], Awaitable[Response]]
SiteHandler = Callable[["AdminSite", Request], Awaitable[Response]]


class CachedForLong(StaticFiles):
    """Static files whose URLs carry a hash or a version: a browser need never ask again."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = f"public, max-age={ONE_YEAR}, immutable"
        return response


class SignedIn(AuthenticationBackend):
    """Tells SQLAdmin whom the edge has found; what signs in and out is `signin`."""

    def __init__(self) -> None:
        # The cookie is the whole application's: pages outside of the admin show errors too.
        self.middlewares = []

    async def authenticate(self, request: Request) -> bool:
        return request.state.user is not None

    async def get_user_id(self, request: Request) -> int | None:
        user: CurrentUser | None = request.state.user
        return user.id if user else None


class Granted(AuthorizationBackend):
    """Answers SQLAdmin from the grants that came with the person."""

    def has_permission(self, request: Request, identity: str, action: str, obj: Any | None = None) -> bool:
        user: CurrentUser | None = request.state.user
        return user is not None and user.may(identity, action)


class AdminSite(Admin):
    """One admin: its settings, its views, its templates."""

    def __init__(
        self,
        app: Starlette,
        *,
        settings: Settings,
        factory: SessionFactory,
        templates: Sequence[Path],
        title: str,
        index: SiteHandler,
    ) -> None:
        self.settings = settings
        self.factory = factory
        self.edge = Edge(self)
        self.pages: Environment = environment(templates=templates)
        super().__init__(
            app,
            session_maker=factory,
            title=title,
            authentication_backend=SignedIn(),
            authorization_backend=Granted(),
        )
        #: The answer where there is no page, or none that takes this method.
        self.missing = self.edge(_missing, verb="missing", is_public=True, ignores_body=True)
        self.admin.router.routes = self._routes(index)
        self.admin.exception_handlers = {HTTPException: self.answer_missing}

    # Views --------------------------------------------------------------------------------------

    def add_model_view(self, view: type[ModelView]) -> None:
        """Add a page; the routes that it exposes run at the edge like all others."""
        known = len(self.admin.router.routes)
        super().add_model_view(view)
        self.admin.router.routes[known:] = [
            self._at_the_edge(route) for route in self.admin.router.routes[known:]
        ]

    @property
    def declared(self) -> list[View]:
        """The views, in the sidebar's order."""
        return [view for view in self.views if isinstance(view, View)]

    def view(self, identity: str) -> View:
        """The view of that identity; NotFound if there is none."""
        for view in self.declared:
            if view.identity == identity:
                return view
        raise NotFound("There is no such page.")

    def view_of(self, model: type[Base]) -> View | None:
        """The view that shows records of `model`."""
        return next((view for view in self.declared if view.model is model), None)

    # Pages --------------------------------------------------------------------------------------

    def render(
        self, request: Request, template: str, page: Any, *, status_code: int = 200, **more: Any
    ) -> HTMLResponse:
        """An answer of `template` with `page`, and what every page has: person, menu, flashes, token."""
        user: CurrentUser | None = request.state.user
        html = self.pages.get_template(template).render(
            request=request,
            page=page,
            user=user,
            navigation=self.navigation(request) if user else [],
            flashes=take_flashes(request),
            csrf_token=csrf_token(request),
            site_title=self.title,
            base_url=self.base_url,
            now=datetime.now(UTC),
            time_zone=user.time_zone if user else self.settings.time_zone,
            **more,
        )
        return HTMLResponse(html, status_code)

    def navigation(self, request: Request) -> list[NavigationGroup]:
        """The sidebar: the views that this person may list, by category."""
        groups: dict[str, list[NavigationItem]] = {}
        for view in self.declared:
            if view.may(request, "list"):
                is_current = request.path_params.get("identity") == view.identity
                item = NavigationItem(view.name_plural, view.url("list"), view.icon, is_current)
                groups.setdefault(view.category, []).append(item)
        return [NavigationGroup(label, items) for label, items in groups.items()]

    def takes_files(self, request: Request) -> bool:
        """Whether the page that `request` is for takes files, as its view says."""
        parts = request.url.path.removeprefix(f"{self.base_url}/").split("/")
        return any(view.identity == parts[0] and parts[-1] in view.takes_files for view in self.declared)

    async def answer_missing(self, request: Request, error: Exception) -> Response:
        """An exception handler: the page that says that there is none."""
        return await self.missing(request)

    # Routes -------------------------------------------------------------------------------------

    def _routes(self, index: SiteHandler) -> list[BaseRoute]:
        return [
            Mount("/statics", CachedForLong(packages=["sqladmin"]), name="statics"),
            Mount("/static", CachedForLong(directory=STATIC), name="static"),
            Route("/", self._page(index), name="index"),
            Route("/login", self._page(signin.login_page, is_public=True), name="login"),
            Route("/login", self._login(), methods=["POST"]),
            Route("/logout", self._page(signin.logout, is_public=True), methods=["POST"], name="logout"),
            Route("/account", self._page(signin.account_page), name="account"),
            Route("/account", self._page(signin.save_account), methods=["POST"]),
            Route(
                "/account/password",
                self._page(signin.save_password, keeps_refusals=True),
                methods=["POST"],
            ),
            Route("/{identity}/list", self._view(listing.list_page), name="list"),
            Route("/{identity}/create", self._view(editing.create_page), name="create"),
            Route("/{identity}/create", self._view(editing.create), methods=["POST"]),
            Route("/{identity}/details/{pk}", self._view(details.details_page), name="details"),
            Route("/{identity}/edit/{pk}", self._view(editing.edit_page), name="edit"),
            Route("/{identity}/edit/{pk}", self._view(editing.edit), methods=["POST"]),
            Route("/{identity}/ajax/lookup", self._view(lookup.lookup), name="ajax_lookup"),
            Route("/{identity}/bulk/{verb}", self._view(bulk.bulk), methods=["POST"], name="bulk"),
        ]

    def _login(self) -> Handler:
        return self._page(signin.login, is_public=True, keeps_refusals=True)

    def _page(
        self, handler: SiteHandler, *, is_public: bool = False, keeps_refusals: bool = False
    ) -> Handler:
        async def page(request: Request) -> Response:
            return await handler(self, request)

        return self.edge(
            page, verb=f"account.{handler.__name__}", is_public=is_public, keeps_refusals=keeps_refusals
        )

    def _view(self, handler: ViewHandler) -> Handler:
        async def page(request: Request) -> Response:
            return await handler(self, self.view(request.path_params["identity"]), request)

        page.__name__ = handler.__name__
        return self.edge(page)

    def _at_the_edge(self, route: BaseRoute) -> BaseRoute:
        """A route that a view exposes, `view-<identity>-<name>`, run like every other."""
        if not isinstance(route, Route):
            raise ConfigurationError(f"{route} is not a route that the edge can run.")
        identity, _, name = route.name.removeprefix("view-").rpartition("-")
        endpoint = self.edge(route.endpoint, verb=f"{identity}.{name}")
        return Route(route.path, endpoint, methods=list(route.methods or ()), name=route.name)


async def _missing(request: Request) -> Response:
    raise NotFound("There is no such page.")
