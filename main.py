"""Backoffice: the application, and the door of its command line."""

from starlette.applications import Starlette

from admin_views import TEMPLATES, VIEWS
from admin_views.dashboard import dashboard
from admin_views.job_kinds import job_kinds
from backoffice.admin.application import build
from backoffice.cli import cli
from backoffice.desk.verbs import VERBS
from backoffice.settings import Settings, load_settings


def create_app(settings: Settings | None = None) -> Starlette:
    """The ASGI application for `settings`, by default those of the environment."""
    return build(
        settings or load_settings(),
        views=VIEWS,
        templates=[TEMPLATES],
        title="Backoffice",
        searched="ticket",
        index=dashboard,
        verbs=VERBS,
        kinds=job_kinds,
    )


def main() -> None:
    """The `backoffice` command."""
    cli(obj=create_app)


if __name__ == "__main__":
    main()
