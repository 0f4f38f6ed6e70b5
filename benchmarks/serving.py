"""The application as a benchmark meets it: in a process of its own, signed in, with a watch."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import httpx

from backoffice.database.roles import APP, OWNER
from backoffice.embedded import EmbeddedPostgres

EMAIL, PASSWORD = "benchmark@example.com", "a password for measuring"
SECRET = "only for this benchmark, and for nothing else"
ROOT = Path(__file__).parents[1]

Step = Callable[[], Awaitable[object]]


@contextmanager
def served(postgres: EmbeddedPostgres, folder: Path) -> Iterator[str]:
    """The application in a process of its own, with an administrator; its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = os.environ | {
        "BACKOFFICE_DATABASE_URL": postgres.url(APP),
        "BACKOFFICE_OWNER_DATABASE_URL": postgres.url(OWNER),
        "BACKOFFICE_SECRET_KEY": SECRET,
        "BACKOFFICE_VAR_DIR": str(folder / "var"),
        "BACKOFFICE_LOG_LEVEL": "error",
        "BACKOFFICE_SUPERUSER_PASSWORD": PASSWORD,
    }
    door = [sys.executable, str(ROOT / "main.py")]
    account = ["createsuperuser", "--noinput", "--email", EMAIL, "--name", "Benchmark"]
    # A database that is kept has the account already.
    subprocess.run([*door, *account], env=environment, check=False, capture_output=True)
    server = subprocess.Popen(
        [*door, "serve", "--port", str(port)], env=environment, stdout=subprocess.DEVNULL
    )
    try:
        base_url = f"http://127.0.0.1:{port}"
        _wait_for(base_url)
        yield base_url
    finally:
        server.terminate()
        server.wait()


def _wait_for(base_url: str) -> None:
    for _ in range(300):
        try:
            httpx.get(f"{base_url}/healthz").raise_for_status()
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise click.ClickException("The application did not start.")


async def sign_in(client: httpx.AsyncClient) -> str:
    token = token_in((await client.get("/admin/login")).text)
    answers = {"username": EMAIL, "password": PASSWORD, "csrf_token": token}
    answer = await client.post("/admin/login", data=answers)
    if answer.status_code != httpx.codes.SEE_OTHER:
        raise click.ClickException("The sign-in failed.")
    return token_in((await client.get("/admin/account")).text)


def token_in(html: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', html)
    if found is None:
        raise click.ClickException("There is no form on the page.")
    return found.group(1)


async def times(step: Step, rounds: int) -> list[float]:
    await step()
    return [await once(step) for _ in range(rounds)]


async def once(step: Step) -> float:
    started = time.perf_counter()
    await step()
    return (time.perf_counter() - started) * 1000
