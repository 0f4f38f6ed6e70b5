"""Measure this product beside its peers: `make benchmark-peers TICKETS=1000000`.

One run makes the data where there is none, starts every product on it, asks all for the same things in
turns, and writes the figures, a picture and docs/performance.md.
"""

import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from backoffice.embedded import DATABASE
from benchmarks.peers import plot, report
from benchmarks.peers.contestants import CONTESTANTS, Contestant
from benchmarks.peers.dataset import Dataset, in_use, prepare
from benchmarks.peers.measuring import measure, throughput
from benchmarks.peers.results import Report
from benchmarks.peers.running import machine, served, versions
from benchmarks.peers.tasks import Database, assignee, tasks
from benchmarks.serving import ROOT

FIGURES: Final = "performance.json"

Say = Callable[[str], object]


@click.command()
@click.option("--tickets", default=100_000, show_default=True, help="How many tickets the database holds.")
@click.option("--rounds", default=20, show_default=True, help="How often a thing is measured at most.")
@click.option(
    "--budget", default=4.0, show_default=True, help="Seconds after which a thing is measured less."
)
@click.option("--only", multiple=True, type=click.Choice([each.key for each in CONTESTANTS]))
@click.option("--directory", type=click.Path(path_type=Path), default=ROOT / "var" / "benchmark")
@click.option("--output", type=click.Path(path_type=Path), default=ROOT / "docs", help="Where the page is.")
@click.option(
    "--draw", is_flag=True, help="Only write page and picture anew, from the figures that are there."
)
def main(
    tickets: int, rounds: int, budget: float, only: Sequence[str], directory: Path, output: Path, draw: bool
) -> None:
    """Make the data, serve everybody, measure, and write down what came out."""
    if not draw:
        contestants = [each for each in CONTESTANTS if not only or each.key in only]
        output.mkdir(parents=True, exist_ok=True)
        run(contestants, directory.absolute(), tickets, rounds, budget).write(output / FIGURES)
    write(Report.read(output / FIGURES), output)


def write(made: Report, output: Path) -> None:
    """The page and its picture."""
    (output / "images").mkdir(exist_ok=True)
    (output / "images" / "performance.svg").write_text(plot.svg(made))
    report.write_into(output / "performance.md", made)
    click.echo(report.table(made))


def run(
    contestants: Sequence[Contestant], directory: Path, tickets: int, rounds: int, budget: float
) -> Report:
    """All measurements; data and the peers' packages are kept in `directory`."""
    load, started = os.getloadavg()[0], time.monotonic()
    click.echo(f"{tickets:,} tickets: looking for the data, or making it …", err=True)
    folder = directory / str(tickets)
    dataset = prepare(folder, tickets)
    with in_use(folder) as postgres:
        database = Database(postgres.superuser_url(DATABASE))
        try:
            with served(contestants, postgres, dataset, directory, assignee(database)) as running:
                todo = tasks(database, dataset)
                measurements = []
                for task in todo:
                    click.echo(f"{task.label} …", err=True)
                    measurements.append(measure(task, running, rounds=rounds, budget=budget))
                rates = throughput(running, seconds=budget, rounds=2)
            sizes = database.sizes()
        finally:
            database.close()
    return Report(
        taken_on=datetime.now(UTC).date().isoformat(),
        load=[round(load, 1), round(os.getloadavg()[0], 1)],
        machine=machine() | {"cores": str(os.cpu_count())},
        versions=versions(contestants) | {"postgresql": sizes["server"]},
        labels={each.key: each.label for each in contestants},
        dataset=_facts(dataset, sizes),
        measurements=measurements,
        throughput=rates,
        seconds=round(time.monotonic() - started),
    )


def _facts(dataset: Dataset, sizes: Any) -> dict[str, Any]:
    counted = {name: sizes[name] for name in ("comments", "entries", "size")}
    return {"tickets": dataset.tickets, **counted}


if __name__ == "__main__":
    main()
