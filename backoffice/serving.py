"""Serving the application over HTTP, until somebody ends it."""

import errno
import gc
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import click
import uvicorn

from backoffice.errors import ConfigurationError
from backoffice.settings import Settings

#: New objects that are held, and make a garbage collection due.
OBJECTS_BETWEEN_COLLECTIONS: Final = 20_000


@contextmanager
def listener_at(settings: Settings) -> Iterator[socket.socket]:
    """The socket that will be served, taken before anything slow is begun."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        raise ConfigurationError(_cannot_listen(settings, error)) from error
    # Connections inherit it. Without it the kernel holds a page's last packet back for 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with listener:
        yield listener


def address(settings: Settings) -> str:
    """Where a browser finds it."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"


def serve_until_stopped(app: Any, settings: Settings, listener: socket.socket, announcement: str) -> None:
    """Serve `app`, print `announcement` once it answers, and return when somebody ends it."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_level=settings.log_level.value,
        forwarded_allow_ips=settings.forwarded_allow_ips,
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=10,
    )
    try:
        with suppress(KeyboardInterrupt):
            AnnouncedServer(config, announcement).run(sockets=[listener])
    except SystemExit:
        raise ConfigurationError("The application did not start; the reason stands above.") from None


class AnnouncedServer(uvicorn.Server):
    """Says something once it answers."""

    def __init__(self, config: uvicorn.Config, announcement: str) -> None:
        super().__init__(config)
        self._announcement = announcement

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        _collect_rarely()
        click.echo(self._announcement)


def _collect_rarely() -> None:
    """Leave what was made until now out of garbage collections, and collect less often than once a page.

    A page makes thousands of objects, which go with it: to look through them took a tenth of its time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS, 10, 10)


def _cannot_listen(settings: Settings, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {settings.port} is taken: stop what uses it, or choose another with --port."
    return f"Cannot listen on {settings.host}, port {settings.port}: {error.strerror}."
