"""A run at two sizes in words: a table of both beside each other, and what costs more at the larger one."""

from typing import Final

from benchmarks.peers.report import how_busy, number
from benchmarks.peers.results import Measurement, Report, Result

SMALL, LARGE = "small", "large"
BEGIN, END = "<!-- scale: begin -->", "<!-- scale: end -->"
#: Less than this is no difference: runs differ by as much.
DEARER: Final = 1.3


def in_words(report: Report) -> str:
    """Markdown."""
    parts = [_title(report), _setting(report), table(report), _conclusion(report)]
    return "\n\n".join(parts)


def _title(report: Report) -> str:
    return f"## From {report.dataset[SMALL]['tickets']:,} to {report.dataset[LARGE]['tickets']:,}"


def _setting(report: Report) -> str:
    sizes = " and ".join(_size(report, key) for key in (SMALL, LARGE))
    machine = report.machine
    taken = f"Taken on {report.taken_on}, in {report.seconds // 60} min {report.seconds % 60} s."
    return (
        f"The same desk twice, asked in turns: with {sizes}. PostgreSQL {report.versions['postgresql']},"
        f" {machine['cores']} cores ({machine['processor']}), {machine['memory']}. {taken}{how_busy(report)}"
    )


def _size(report: Report, key: str) -> str:
    data = report.dataset[key]
    return (
        f"{data['tickets']:,} tickets, {data['comments']:,} comments and {data['entries']:,} entries of the"
        f" history ({data['size']})"
    )


def table(report: Report) -> str:
    """A row for each thing that was asked: median / 95th percentile, and CPU time of the process for one."""
    heads = ["", *(report.labels[key] for key in (SMALL, LARGE)), "ratio", "CPU, small", "CPU, large"]
    lines = [heads, ["---"] + ["---:"] * (len(heads) - 1), *(_row(one) for one in report.measurements)]
    return "\n".join(f"| {' | '.join(line)} |".replace("|  |", "| |") for line in lines)


def _row(one: Measurement) -> list[str]:
    small, large = one.results[SMALL], one.results[LARGE]
    ratio = times_as_dear(one)
    return [
        one.label,
        _times(small),
        _times(large),
        "–" if ratio is None else f"{ratio:.1f}",
        _cpu(small),
        _cpu(large),
    ]


def times_as_dear(one: Measurement) -> float | None:
    """How many times as long the large one takes; None where one of them gave no answer."""
    small, large = one.results[SMALL].p50, one.results[LARGE].p50
    return large / small if small and large else None


def _times(result: Result) -> str:
    if result.p50 is None or result.p95 is None:
        return result.note
    return f"{number(result.p50)} / {number(result.p95)}"


def _cpu(result: Result) -> str:
    return "–" if result.cpu is None else number(result.cpu)


def _conclusion(report: Report) -> str:
    dearer = [
        f"{one.label} ({ratio:.1f}×)"
        for one in report.measurements
        if (ratio := times_as_dear(one)) is not None and ratio > DEARER
    ]
    failed = [one.label for one in report.measurements if times_as_dear(one) is None]
    said = f"More than {DEARER} times as dear at the larger size: {'; '.join(dearer) or 'nothing'}."
    return f"{said} No answer: {'; '.join(failed)}." if failed else said
