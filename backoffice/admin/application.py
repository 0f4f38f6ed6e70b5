"""The ASGI application around an admin site: engine, health, headers, start-up checks."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from backoffice.admin.health import healthz, readyz, require_readiness
from backoffice.admin.routes import SiteHandler, lay_routes, missing_page
from backoffice.admin.security import SecurityHeaders, SignedCookie
from backoffice.admin.site import AdminSite
from backoffice.admin.view import View
from backoffice.database import create_engine, session_factory
from backoffice.errors import ConfigurationError
from backoffice.jobs import JobKind, Worker, working
from backoffice.operations import NamedVerb
from backoffice.settings import Settings
from backoffice.upkeep import chores_of, upkeep

#: Makes the kinds of jobs that a site's workers can do.
JobKinds = Callable[[AdminSite], Sequence[JobKind]]


def build(
    settings: Settings,
    *,
    views: Sequence[type[View]],
    templates: Sequence[Path],
    title: str,
    index: SiteHandler,
    verbs: Mapping[str, NamedVerb],
    kinds: JobKinds,
    searched: str = "",
) -> Starlette:
    """The application that serves `views` below `/admin`, on the database of `settings`.

    `verbs` are what the views' bulk actions do, `kinds` makes the kinds of jobs that it can do.

    It refuses to start (ConfigurationError) on a database that is not migrated, or whose history
    is not captured as the models declare.
    """
    if settings.database_url is None:
        raise ConfigurationError(
            "There is no database: set BACKOFFICE_DATABASE_URL, or use `backoffice run`."
        )
    app = _application(settings, create_engine(settings.database_url))
    app.state.site = site = AdminSite(
        app,
        settings=settings,
        factory=session_factory(app.state.engine),
        templates=templates,
        title=title,
        searched=searched,
        verbs=verbs,
    )
    app.state.worker = partial(_worker, app, kinds)
    for view in views:
        site.add_view(view)
    lay_routes(site, index)
    app.add_exception_handler(HTTPException, missing_page(site))
    return app


def _application(settings: Settings, engine: AsyncEngine) -> Starlette:
    cookie = Middleware(
        SignedCookie,
        secret_key=settings.secret_key.get_secret_value(),
        max_age=settings.session_hours * 3600,
    )
    app = Starlette(
        routes=[Route("/", _to_the_admin), Route("/healthz", healthz), Route("/readyz", readyz)],
        middleware=[Middleware(SecurityHeaders), cookie],
        lifespan=_while_serving,
    )
    app.state.engine = engine
    return app


def _worker(app: Starlette, kinds: JobKinds, **how: Any) -> Worker:
    site: AdminSite = app.state.site
    return Worker(site.settings.app_url, site.factory, kinds(site), **how)


@asynccontextmanager
async def _while_serving(app: Starlette) -> AsyncIterator[None]:
    await require_readiness(app.state.engine)
    site: AdminSite = app.state.site
    at_once = site.settings.job_workers
    worker = app.state.worker(at_once=at_once) if at_once else None
    async with upkeep(chores_of(site.settings, site.factory)), site.reads.writing(), working(worker):
        yield
        await site.background.stop()
    await app.state.engine.dispose()


async def _to_the_admin(request: Request) -> Response:
    return RedirectResponse("/admin/")
