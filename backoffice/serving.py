"""Serving the application over HTTP, until somebody ends it."""

import errno
import gc
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing import parent_process
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import Any, Final

import click
import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from backoffice.errors import ConfigurationError
from backoffice.settings import Settings

#: New objects that are held, and make a garbage collection due.
OBJECTS_BETWEEN_COLLECTIONS: Final = 20_000
#: Whatever takes longer to answer is not announced.
SECONDS_TO_START: Final = 60.0

CreateApp = Callable[[Settings], Any]


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


def serve_until_stopped(
    create_app: CreateApp, settings: Settings, listener: socket.socket, announcement: str
) -> None:
    """Serve the application, print `announcement` once it answers, and return when somebody ends it."""
    config = uvicorn.Config(
        partial(_application, create_app, settings),
        factory=True,
        workers=settings.processes,
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
            if settings.processes > 1:
                AnnouncedProcesses(config, listener, announcement).run()
            else:
                AnnouncedServer(config, announcement).run(sockets=[listener])
    except SystemExit:
        raise ConfigurationError("The application did not start; the reason stands above.") from None


def _application(create_app: CreateApp, settings: Settings) -> Any:
    """The application, left out of garbage collections with all that was made for it.

    A page makes thousands of objects, which go with it: to look through them all, once or twice a page, took
    a tenth of its time.
    """
    if parent := parent_process():
        Thread(target=_end_with, args=(parent,), daemon=True).start()
    app = create_app(settings)
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS, 10, 10)
    return app


def _end_with(parent: BaseProcess) -> None:
    """Nobody else would end a process whose parent was killed."""
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


class AnnouncedServer(uvicorn.Server):
    """Says something once it answers."""

    def __init__(self, config: uvicorn.Config, announcement: str) -> None:
        super().__init__(config)
        self._announcement = announcement

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        click.echo(self._announcement)


class AnnouncedProcesses(Multiprocess):
    """Several processes that serve side by side; one that dies is replaced, one that can't start ends all."""

    def __init__(self, config: uvicorn.Config, listener: socket.socket, announcement: str) -> None:
        super().__init__(config, [listener])
        self._announcement = announcement

    def run(self) -> None:
        super().run()
        if any(process.exitcode == STARTUP_FAILURE for process in self.processes):
            raise SystemExit(STARTUP_FAILURE)

    def init_processes(self) -> None:
        super().init_processes()
        if all(process.wait_until_ready(SECONDS_TO_START, self.should_exit) for process in self.processes):
            click.echo(self._announcement)


def _cannot_listen(settings: Settings, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {settings.port} is taken: stop what uses it, or choose another with --port."
    return f"Cannot listen on {settings.host}, port {settings.port}: {error.strerror}."
