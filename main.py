"""Backoffice: the application, and the door of its command line."""

from starlette.applications import Starlette

from admin_views import TEMPLATES, VIEWS
from admin_views.dashboard import dashboard
from backoffice.admin.application import build
from backoffice.cli import cli
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
    )


def main() -> None:
    """The `backoffice` command."""
    cli(obj=create_app)


if __name__ == "__main__":
    main()
