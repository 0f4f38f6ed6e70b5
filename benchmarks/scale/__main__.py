"""Measure the desk at two sizes: `make benchmark-scale SMALL=50000 LARGE=5000000`.

One run makes both sets of data where they are missing, serves both, asks them for the same things in turns,
and writes the figures and their section of docs/performance.md.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from backoffice.embedded import DATABASE
from benchmarks.peers.contestants import Ours
from benchmarks.peers.dataset import in_use, prepare
from benchmarks.peers.measuring import measure
from benchmarks.peers.report import put_between
from benchmarks.peers.results import Report
from benchmarks.peers.running import Running, machine, served, versions
from benchmarks.peers.tasks import Database, assignee
from benchmarks.scale import report
from benchmarks.scale.questions import Desk, questions
from benchmarks.serving import ROOT

FIGURES: Final = "scale.json"


@dataclass
class Sized(Ours):
    """This product with one of the sets of data."""

    key: str
    label: str


@dataclass(frozen=True)
class Served:
    """A desk of one size that is asked."""

    desk: Desk
    running: Running
    sizes: Mapping[str, Any]


@click.command()
@click.option("--small", default=50_000, show_default=True, help="How many tickets the small one has.")
@click.option("--large", default=5_000_000, show_default=True, help="How many tickets the large one has.")
@click.option("--rounds", default=20, show_default=True, help="How often a thing is measured at most.")
@click.option(
    "--budget", default=4.0, show_default=True, help="Seconds after which a thing is measured less."
)
@click.option(
    "--directory",
    type=click.Path(path_type=Path),
    default=ROOT / "var" / "scale",
    help="Where the data is: 12 GB for five million.",
)
@click.option("--output", type=click.Path(path_type=Path), default=ROOT / "docs", help="Where the page is.")
@click.option("--draw", is_flag=True, help="Only write the section anew, from the figures that are there.")
def main(
    small: int, large: int, rounds: int, budget: float, directory: Path, output: Path, draw: bool
) -> None:
    """Make the data, serve both, measure, and write down what came out."""
    if not draw:
        output.mkdir(parents=True, exist_ok=True)
        sizes = {report.SMALL: small, report.LARGE: large}
        run(sizes, directory.absolute(), rounds, budget).write(output / FIGURES)
    made = Report.read(output / FIGURES)
    put_between(output / "performance.md", report.BEGIN, report.END, report.in_words(made))
    click.echo(report.table(made))


def run(sizes: Mapping[str, int], directory: Path, rounds: int, budget: float) -> Report:
    """All measurements; the data is kept in `directory`."""
    load, started = os.getloadavg()[0], time.monotonic()
    with ExitStack() as open_ones:
        both = [open_ones.enter_context(_served(key, tickets, directory)) for key, tickets in sizes.items()]
        measurements = []
        for task in questions({one.desk.key: one.desk for one in both}):
            click.echo(f"{task.label} …", err=True)
            measurements.append(measure(task, [one.running for one in both], rounds=rounds, budget=budget))
    return Report(
        taken_on=datetime.now(UTC).date().isoformat(),
        load=[round(load, 1), round(os.getloadavg()[0], 1)],
        machine=machine() | {"cores": str(os.cpu_count())},
        versions=versions([]) | {"postgresql": both[0].sizes["server"]},
        labels={one.desk.key: one.running.contestant.label for one in both},
        dataset={one.desk.key: {"tickets": sizes[one.desk.key], **one.sizes} for one in both},
        measurements=measurements,
        throughput={},
        seconds=round(time.monotonic() - started),
    )


@contextmanager
def _served(key: str, tickets: int, directory: Path) -> Iterator[Served]:
    """The desk with so many tickets, whose data is made if it isn't there."""
    click.echo(f"{tickets:,} tickets: looking for the data, or making it …", err=True)
    folder = directory / str(tickets)
    dataset = prepare(folder, tickets, is_thin=True)
    contestants = [Sized(key, f"{tickets:,}")]
    with in_use(folder) as postgres:
        database = Database(postgres.superuser_url(DATABASE))
        try:
            with served(contestants, postgres, dataset, folder, assignee(database)) as [running]:
                yield Served(Desk.of(key, database, tickets), running, database.sizes())
        finally:
            database.close()


if __name__ == "__main__":
    main()
