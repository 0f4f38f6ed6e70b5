"""A run in words: what it was measured on, a table, and where this product is ahead and where behind."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from benchmarks.peers.results import Measurement, Report, Result

OURS: Final = "ours"
LIMIT: Final = "limit"
#: Nearer than this is neither faster nor slower: runs differ by as much.
NEAR: Final = 1.1
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
WITH_A_FILE: Final = "export"


def write_into(page: Path, report: Report) -> None:
    """Put the report between the marks of the page, or make a page of it."""
    put_between(page, BEGIN, END, in_words(report))


def put_between(page: Path, begin: str, end: str, words: str) -> None:
    """Put `words` between these two marks of the page; a page without them gets both at its end."""
    before, _, rest = (page.read_text() if page.exists() else "").partition(begin)
    page.write_text(f"{before}{begin}\n{words}\n{end}{rest.partition(end)[2] or chr(10)}")


def in_words(report: Report) -> str:
    """Markdown."""
    parts = [_setting(report), _legend(report), table(report), "### What it says", *reading(report)]
    return "\n\n".join(part for part in parts if part)


def _setting(report: Report) -> str:
    data, machine, versions = report.dataset, report.machine, report.versions
    rows = (
        f"{data['tickets']:,} tickets, {data['comments']:,} comments, {data['entries']:,} entries of the"
        f" history ({data['size']}), on PostgreSQL {versions['postgresql']} and Python {versions['python']}."
    )
    hardware = f"{machine['system']}, {machine['cores']} cores ({machine['processor']}), {machine['memory']}."
    taken = f"Taken on {report.taken_on}, in {report.seconds // 60} min {report.seconds % 60} s."
    return f"{rows} {hardware} {taken}{how_busy(report)}"


def how_busy(report: Report) -> str:
    """A warning, where others used the machine meanwhile."""
    cores, load = int(report.machine["cores"]), report.load[0]
    if load < cores / 4:
        return ""
    return (
        f"\n\n**The machine was not quiet**: others kept it busy (a load of {load:.1f} on {cores} cores"
        " before it began). All were slowed alike, as they are asked in turns: compare the columns, and don't"
        " take the milliseconds for what a machine of one's own does."
    )


def _legend(report: Report) -> str:
    return (
        "![Each thing that was measured, in milliseconds](images/performance.svg)\n\n"
        "Milliseconds, median / 95th percentile; for one who asks alone, unless it says otherwise."
    )


def table(report: Report) -> str:
    """A row for each measurement, a column for each contestant."""
    heads = [f"{label} {report.versions.get(key, '')}".strip() for key, label in report.labels.items()]
    lines = [["", *heads], ["---"] + ["---:"] * len(heads)]
    lines += [
        [one.label, *(_times(one.results.get(key)) for key in report.labels)] for one in report.measurements
    ]
    lines += [
        ["first list pages a second, 8 clients", *(_rate(report, key) for key in report.labels)],
        ["CPU time of the process for one, ms", *(_cpu(report, key) for key in report.labels)],
        ["its memory at most, MiB: pages", *(_memory(report, key, of_files=False) for key in report.labels)],
        ["its memory at most, MiB: export", *(_memory(report, key, of_files=True) for key in report.labels)],
    ]
    return "\n".join(f"| {' | '.join(line)} |".replace("|  |", "| |") for line in lines)


def _times(result: Result | None) -> str:
    if result is None or result.p50 is None or result.p95 is None:
        return (result and result.note) or "–"
    return f"{number(result.p50)} / {number(result.p95)}"


def number(value: float) -> str:
    """Milliseconds, and whatever else has a digit behind the point as long as it is small."""
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def _rate(report: Report, key: str) -> str:
    return number(report.throughput[key]) if key in report.throughput else "–"


def _cpu(report: Report, key: str) -> str:
    used = report.measurements[0].results.get(key, Result()).cpu
    return "–" if used is None else number(used)


def _memory(report: Report, key: str, *, of_files: bool) -> str:
    peaks = [
        one.results[key].peak
        for one in report.measurements
        if (one.key == WITH_A_FILE) == of_files and key in one.results
    ]
    known = [peak for peak in peaks if peak is not None]
    return f"{max(known):,.0f}" if known else "–"


def reading(report: Report) -> list[str]:
    """What the figures say of this product, good and bad, a paragraph each."""
    pairs = [(one, best) for one in report.measurements if (best := _best_peer(one)) is not None]
    ahead = [_compared(report, one, best) for one, best in pairs if _factor(one, best) >= NEAR]
    behind = [_compared(report, one, best) for one, best in pairs if _factor(one, best) <= 1 / NEAR]
    even = [one.label for one, best in pairs if 1 / NEAR < _factor(one, best) < NEAR]
    said = [
        ("**Faster** than the fastest of the others:", ahead),
        ("**Slower** than the fastest of the others:", behind),
        ("**As fast** as the fastest of the others:", even),
        ("**Alone**: nobody else did it, or not in time:", [one.label for one in _alone(report)]),
        ("**Not done** by this product:", [_failed(one) for one in report.measurements if _failed(one)]),
    ]
    return [f"{title} {'; '.join(items)}." for title, items in said if items] + list(_to_the_limit(report))


def _best_peer(one: Measurement) -> str | None:
    """Who was fastest beside ours, if both did it."""
    peers = {key: each.p50 for key, each in one.results.items() if key not in {OURS, LIMIT} and each.p50}
    return min(peers, key=peers.__getitem__) if peers and one.results[OURS].p50 else None


def _factor(one: Measurement, other: str) -> float:
    """How many times as long the other one takes."""
    return (one.results[other].p50 or 0) / (one.results[OURS].p50 or 1)


def _compared(report: Report, one: Measurement, other: str) -> str:
    ours, theirs = one.results[OURS].p50 or 0, one.results[other].p50 or 0
    times = max(ours, theirs) / min(ours, theirs)
    return f"{one.label} ({number(ours)} against {number(theirs)} of {report.labels[other]}, {times:.1f}×)"


def _alone(report: Report) -> list[Measurement]:
    return [
        one
        for one in report.measurements
        if one.results[OURS].p50 and len(one.results) > 2 and _best_peer(one) is None
    ]


def _failed(one: Measurement) -> str:
    note = one.results[OURS].note
    return f"{one.label} ({note})" if note else ""


def _to_the_limit(report: Report) -> Iterator[str]:
    """How far it is from what the machine can do."""
    ratios: Sequence[tuple[float, str]] = sorted(
        (_factor_of_limit(one), one.label) for one in report.measurements if _factor_of_limit(one)
    )
    if ratios:
        (least, nearest), (most, farthest) = ratios[0], ratios[-1]
        yield (
            f"**The limit** is {least:.1f}× ({nearest}) to {most:.0f}× ({farthest}) away: that is bare"
            " SQL in a bare table, with nobody signed in, no right checked and nothing counted."
        )


def _factor_of_limit(one: Measurement) -> float:
    limit, ours = one.results.get(LIMIT), one.results[OURS]
    return (ours.p50 or 0) / limit.p50 if limit and limit.p50 else 0
