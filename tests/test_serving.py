import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from backoffice.embedded import EmbeddedPostgres
from tests.databases import Database
from tests.test_cli import ROOT, Invoke, environment, free_port, invoke

__all__ = ["invoke"]


@contextmanager
def started(*arguments: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """`python main.py …`, killed at the end if it is still there."""
    env = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", **variables}
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "main.py"), *arguments],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read_until(process: subprocess.Popen[str], sign: str) -> str:
    assert process.stdout is not None
    read = ""
    for line in process.stdout:
        read += line
        if sign in line:
            return read
    return pytest.fail(f"it ended before it said {sign!r}:\n{read}")


def serving_processes(parent: int) -> set[int]:
    """Those that serve in place of `parent`, by their ids."""
    children = [one for one in psutil.Process(parent).children() if one.status() != psutil.STATUS_ZOMBIE]
    return {child.pid for child in children if "spawn_main" in " ".join(child.cmdline())}


T = TypeVar("T")


def wait_until(found: Callable[[], T]) -> T:
    """What `found` gives as soon as that is something."""
    for _ in range(200):
        if it := found():
            return it
        time.sleep(0.1)
    return pytest.fail("it did not come to be within 20 seconds")


def status_of(url: str) -> int:
    with urllib.request.urlopen(url) as response:  # noqa: S310 - our own server
        status: int = response.status
        return status


class TestServe:
    def test_answers_until_it_is_ended(self, database: Database, tmp_path: Path) -> None:
        port = free_port()
        with started("serve", "--port", str(port), **environment(database, tmp_path / "var")) as process:
            output = read_until(process, "Backoffice is at")
            assert f"http://127.0.0.1:{port}/admin" in output
            assert "backoffice-demo" not in output
            assert status_of(f"http://127.0.0.1:{port}/readyz") == 200
            process.send_signal(signal.SIGTERM)
            rest = process.communicate(timeout=20)[0]
            assert (process.returncode, "Traceback" in rest) == (0, False)

    def test_several_processes_serve_and_are_replaced(self, database: Database, tmp_path: Path) -> None:
        port, several = free_port(), {"BACKOFFICE_PROCESSES": "2"}
        url = f"http://127.0.0.1:{port}/readyz"
        variables = environment(database, tmp_path / "var") | several
        with started("serve", "--port", str(port), **variables) as process:
            assert read_until(process, "Backoffice is at").count("Backoffice is at") == 1
            before = serving_processes(process.pid)
            os.kill(min(before), signal.SIGKILL)
            after = wait_until(lambda: serving_processes(process.pid) - before)
            assert (len(before), len(after)) == (2, 1)
            assert wait_until(lambda: {status_of(url) for _ in range(20)} == {200})
            process.send_signal(signal.SIGTERM)
            rest = process.communicate(timeout=20)[0]
            assert (process.returncode, "Traceback" in rest) == (0, False)
        assert not any(psutil.pid_exists(pid) for pid in before | after)

    def test_no_process_outlives_the_command(self, database: Database, tmp_path: Path) -> None:
        variables = environment(database, tmp_path / "var") | {"BACKOFFICE_PROCESSES": "2"}
        with started("serve", "--port", str(free_port()), **variables) as process:
            read_until(process, "Backoffice is at")
            children = serving_processes(process.pid)
            process.kill()
            assert len(children) == 2
            assert wait_until(lambda: not any(psutil.pid_exists(pid) for pid in children))

    def test_a_taken_port_is_named(self, invoke: Invoke) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            result = invoke("serve", "--port", str(port))
        assert result.exit_code == 1
        assert (
            result.output
            == f"Error: Port {port} is taken: stop what uses it, or choose another with --port.\n"
        )

    def test_an_address_of_others_is_named(self, invoke: Invoke) -> None:
        result = invoke("serve", "--host", "192.0.2.1")
        assert result.exit_code == 1
        assert result.output.startswith("Error: Cannot listen on 192.0.2.1, port 8000:")

    def test_a_drifted_history_is_refused(self, invoke: Invoke, database: Database) -> None:
        database.fetch("DROP TRIGGER audit_capture ON tickets")
        result = invoke("serve", "--port", str(free_port()))
        assert result.exit_code == 1
        assert "Run `backoffice migrate`" in result.output


@pytest.mark.slow
class TestRun:
    def test_starts_everything_and_stops_it(self, tmp_path: Path) -> None:
        port, variables = free_port(), {"BACKOFFICE_VAR_DIR": str(tmp_path / "var")}
        with started("run", "--port", str(port), **variables) as process:
            output = read_until(process, "auditor@example.com")
            assert f"http://127.0.0.1:{port}/admin" in output
            assert status_of(f"http://127.0.0.1:{port}/admin/login") == 200
            process.send_signal(signal.SIGINT)
            assert (process.wait(timeout=30), process.stdout and "Traceback" in process.stdout.read()) == (
                0,
                False,
            )
        assert not EmbeddedPostgres(tmp_path / "var" / "postgres").is_listening()

        began = time.monotonic()
        with started("run", "--port", str(port), **variables) as process:
            read_until(process, "auditor@example.com")
            took = time.monotonic() - began
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)
        assert took < 15, "data that is there is not loaded again"
