"""The admin site: SQLAdmin's registry, menu and authorization, with pages and rules of our own."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from anyio import CapacityLimiter
from jinja2 import Environment
from sqladmin import Admin, ModelView
from sqladmin.authentication import AuthenticationBackend
from sqladmin.authorization import AuthorizationBackend
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import BaseRoute, Route

from backoffice.accounts.sessions import CurrentUser
from backoffice.admin.background import Background
from backoffice.admin.edge import Edge
from backoffice.admin.exporting import MOST_AT_ONCE
from backoffice.admin.facets import MOST_COUNTED_AT_ONCE
from backoffice.admin.notices import notices
from backoffice.admin.pages import NavigationGroup, NavigationItem
from backoffice.admin.request import take_flashes
from backoffice.admin.saved_views import sidebar_views
from backoffice.admin.security import csrf_field, csrf_token
from backoffice.admin.templating import environment
from backoffice.admin.view import View
from backoffice.admin.view_counts import counting
from backoffice.audit.reads import Reads, actions_of
from backoffice.database import SessionFactory
from backoffice.errors import ConfigurationError, NotFound
from backoffice.operations import NamedVerb
from backoffice.settings import Settings
from models import Base


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
        verbs: Mapping[str, NamedVerb],
        searched: str = "",
    ) -> None:
        """`verbs` are those of the views' bulk actions, by page and slug: `ticket.assign`.

        `searched` is the identity of the view that a search on top of every page looks through, if any.
        """
        self.searched = searched
        self.verbs = verbs
        self.settings = settings
        self.factory = factory
        self.edge = Edge(self)
        self.background = Background()
        self.exports = CapacityLimiter(MOST_AT_ONCE)
        self.facets = CapacityLimiter(MOST_COUNTED_AT_ONCE)
        self.reads = Reads(factory, actions_of(settings))
        self.pages: Environment = environment(templates=templates)
        #: The views, in the sidebar's order.
        self.declared: list[View] = []
        super().__init__(
            app,
            session_maker=factory,
            title=title,
            authentication_backend=SignedIn(),
            authorization_backend=Granted(),
        )
        # SQLAdmin's own: `routes` has those that there are.
        self.admin.router.routes = []
        self.admin.exception_handlers = {}

    # Views --------------------------------------------------------------------------------------

    def add_model_view(self, view: type[ModelView]) -> None:
        """Add a page; the routes that it exposes run at the edge like all others."""
        known = len(self.admin.router.routes)
        super().add_model_view(view)
        if isinstance(added := self.views[-1], View):
            self.declared.append(added)
        self.admin.router.routes[known:] = [
            self._at_the_edge(route) for route in self.admin.router.routes[known:]
        ]

    def view(self, identity: str) -> View:
        """The view of that identity; NotFound if there is none."""
        view = self.find_view(identity)
        if view is None:
            raise NotFound("There is no such page.")
        return view

    def find_view(self, identity: str) -> View | None:
        return next((view for view in self.declared if view.identity == identity), None)

    def view_of(self, model: type[Base]) -> View | None:
        """The view that shows records of `model`."""
        return next((view for view in self.declared if view.model is model), None)

    # Pages --------------------------------------------------------------------------------------

    def render(
        self, request: Request, template: str, page: Any, *, status_code: int = 200, **more: Any
    ) -> HTMLResponse:
        """An answer of `template` with `page`, and what every page has: person, menu, flashes, token."""
        user: CurrentUser | None = request.state.user
        token = csrf_token(request)
        html = self.pages.get_template(template).render(
            request=request,
            page=page,
            user=user,
            navigation=self.navigation(request) if user else [],
            sidebar_views=sidebar_views(self, request) if user else {},
            notices=notices(self, request) if user else None,
            flashes=take_flashes(request),
            csrf_token=token,
            csrf=csrf_field(token),
            site_title=self.title,
            base_url=self.base_url,
            search_url=self._search_url(request) if user else "",
            now=datetime.now(UTC),
            time_zone=user.time_zone if user else self.settings.time_zone,
            **more,
        )
        background = counting(self, request) if user and status_code == 200 else None
        return HTMLResponse(html, status_code, background=background)

    def navigation(self, request: Request) -> list[NavigationGroup]:
        """The sidebar: the views that this person may list, by category."""
        groups: dict[str, list[NavigationItem]] = {}
        current = self._current_page(request)
        for view in self.declared:
            if view.may(request, "list") and not view.menu_under:
                label, url = view.menu_label or view.name_plural, view.url(view.menu_page)
                item = NavigationItem(label, url, view.icon, view.identity == current)
                groups.setdefault(view.category, []).append(item)
        return [NavigationGroup(label, items) for label, items in groups.items()]

    def _current_page(self, request: Request) -> str:
        """The identity of the view in the sidebar that the request is for, or stands under."""
        first = request.url.path.removeprefix(f"{self.base_url}/").partition("/")[0]
        return next((view.menu_under or first for view in self.declared if view.identity == first), "")

    def upload_limit(self, request: Request) -> int:
        """How large a file the page that `request` is for takes, as its view says, in bytes; 0: none."""
        parts = request.url.path.removeprefix(f"{self.base_url}/").split("/")
        takes = (
            view for view in self.declared if view.identity == parts[0] and parts[-1] in view.takes_files
        )
        return max((view.upload_limit for view in takes), default=0)

    def _search_url(self, request: Request) -> str:
        searched = [view for view in self.declared if view.identity == self.searched]
        return next((view.url("list") for view in searched if view.may(request, "list")), "")

    # Routes -------------------------------------------------------------------------------------

    def _at_the_edge(self, route: BaseRoute) -> BaseRoute:
        """A route that a view exposes, `view-<identity>-<name>`, run like every other."""
        if not isinstance(route, Route):
            raise ConfigurationError(f"{route} is not a route that the edge can run.")
        if route.name.startswith("action-"):
            raise ConfigurationError(
                f"{route.path} would be a change by GET: declare a BulkAction instead of an @action."
            )
        identity, _, name = route.name.removeprefix("view-").rpartition("-")
        endpoint = self.edge(route.endpoint, verb=f"{identity}.{name}")
        return Route(route.path, endpoint, methods=list(route.methods or ()), name=route.name)
