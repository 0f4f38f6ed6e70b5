"""The contestants as processes: started, signed in, watched, and started again after they were given up."""

import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from socket import create_connection, create_server
from typing import Final

import click

from backoffice.database.roles import APP, OWNER
from backoffice.embedded import EmbeddedPostgres
from benchmarks.peers.browser import Browser
from benchmarks.peers.contestants import APPS, Contestant, environment
from benchmarks.peers.dataset import Dataset
from benchmarks.serving import EMAIL, PASSWORD, SECRET

REQUIREMENTS: Final = Path(__file__).parent / "requirements.txt"
PATIENCE: Final = 60.0
TICKS: Final = 100


def peers_python(directory: Path) -> Path:
    """The interpreter of an environment with the peers, which is made where there is none."""
    python = directory / "bin" / "python"
    installed = directory / "requirements.txt"
    if not installed.exists() or installed.read_text() != REQUIREMENTS.read_text():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(directory)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--requirement", str(REQUIREMENTS)], check=True)
        installed.write_text(REQUIREMENTS.read_text())
    return python


@dataclass
class Running:
    """One contestant that is served, and a browser that is signed in to it."""

    contestant: Contestant
    python: Path
    settings: Mapping[str, str]
    browser: Browser = field(init=False)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def key(self) -> str:
        return self.contestant.key

    def prepare(self) -> None:
        for command in self.contestant.commands_before(self.python):
            # A database that is kept has the account already.
            subprocess.run(command, env=dict(self.settings), cwd=APPS, check=False, capture_output=True)

    def start(self) -> None:
        with create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        commands = [
            self.contestant.command(self.python, port),
            *self.contestant.commands_beside(self.python),
        ]
        for command in commands:
            self.processes.append(
                subprocess.Popen(command, env=dict(self.settings), cwd=APPS, stdout=subprocess.DEVNULL)
            )
        _wait_for(port, self.processes[0], self.contestant.label)
        self.browser = Browser(port)
        self.contestant.sign_in(self.browser)

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()
        self.processes.clear()

    def start_again(self) -> None:
        """After it was given up: what it still works on is of no use to anybody."""
        self.stop()
        self.start()

    def cpu_seconds(self) -> float | None:
        """What the process that serves has used, itself and the kernel for it; None where nobody says."""
        stat = Path(f"/proc/{self.processes[0].pid}/stat")
        if not stat.exists():
            return None
        fields = stat.read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def forget_peak(self) -> None:
        with suppress(OSError):
            Path(f"/proc/{self.processes[0].pid}/clear_refs").write_text("5")

    def peak_mib(self) -> float | None:
        """The most memory that the process held since `forget_peak`."""
        status = Path(f"/proc/{self.processes[0].pid}/status")
        if not status.exists():
            return None
        lines = (line.split() for line in status.read_text().splitlines())
        return next(int(words[1]) / 1024 for words in lines if words[0] == "VmHWM:")


@contextmanager
def served(
    contestants: Sequence[Contestant],
    postgres: EmbeddedPostgres,
    dataset: Dataset,
    folder: Path,
    assignee: int,
) -> Iterator[list[Running]]:
    """All of them, each in processes of its own."""
    needs_peers = any(contestant.is_peer for contestant in contestants)
    python = peers_python(folder / "venv") if needs_peers else Path(sys.executable)
    settings = _settings(postgres, dataset, folder, assignee)
    url = postgres.url(OWNER, driver="postgresql")
    running = [Running(each, python, environment(each, url, settings)) for each in contestants]
    try:
        for each in running:
            each.prepare()
            each.start()
        yield running
    finally:
        for each in running:
            each.stop()


def _settings(postgres: EmbeddedPostgres, dataset: Dataset, folder: Path, assignee: int) -> dict[str, str]:
    return {
        "BACKOFFICE_DATABASE_URL": postgres.url(APP),
        "BACKOFFICE_OWNER_DATABASE_URL": postgres.url(OWNER),
        "BACKOFFICE_SECRET_KEY": SECRET,
        "BACKOFFICE_VAR_DIR": str(folder / "desk"),
        "BACKOFFICE_LOG_LEVEL": "error",
        "BACKOFFICE_SUPERUSER_PASSWORD": PASSWORD,
        "BENCHMARK_SECRET": SECRET,
        "BENCHMARK_EMAIL": EMAIL,
        "BENCHMARK_PASSWORD": PASSWORD,
        "BENCHMARK_ASSIGNEE": str(assignee),
        "BENCHMARK_EXPORT_ROWS": str(dataset.export_rows),
    }


def _wait_for(port: int, process: subprocess.Popen[bytes], label: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise click.ClickException(f"{label} did not start.")


def machine() -> dict[str, str]:
    """What it ran on."""
    model, memory = platform.processor(), ""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(
            (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model
        )
        total = Path("/proc/meminfo").read_text().split()[1]
        memory = f"{int(total) / 1024**2:.0f} GiB"
    return {"system": platform.system(), "processor": model or platform.machine(), "memory": memory}


def versions(contestants: Sequence[Contestant]) -> dict[str, str]:
    """What took part, by key; peers have the versions that they are pinned to."""
    pinned = dict(line.split("==") for line in REQUIREMENTS.read_text().splitlines() if "==" in line)
    peers = {each.key: pinned[each.packages[0]] for each in contestants if each.packages}
    return peers | {"ours": version("backoffice"), "python": platform.python_version()}
