"""The measurements as a picture: a line for each, a dot for each contestant, on a logarithmic scale."""

import math
from collections.abc import Iterator
from html import escape
from typing import Final

from benchmarks.peers.results import Measurement, Report, Result

WIDTH, LEFT, RIGHT, TOP, STEP = 900, 210, 30, 76, 38
#: Told apart by form as well as by colour, which not everybody sees.
LOOKS: Final = {
    "ours": ("#1d4ed8", '<circle cx="{x}" cy="{y}" r="7"/>'),
    "django": ("#047857", '<path d="M{x} {y}m-6 5h12l-6 -11z"/>'),
    "sqladmin": ("#b45309", '<path d="M{x} {y}m-5 -5h10v10h-10z"/>'),
    "starlette_admin": ("#be185d", '<path d="M{x} {y}m0 -7l7 7l-7 7l-7 -7z"/>'),
    "limit": ("#475569", '<path d="M{x} {y}m-2 -8h4v16h-4z"/>'),
}
STYLE: Final = (
    "text{font:13px system-ui,sans-serif;fill:#0f172a}.axis{font-size:11px;fill:#475569}"
    ".line{stroke:#e2e8f0}.card{fill:#fff}"
)


def svg(report: Report) -> str:
    """A picture that reads on a light page and on a dark one."""
    height = TOP + STEP * len(report.measurements) + 40
    scale = _Scale(report)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" aria-labelledby="title">',
        f'<title id="title">{escape(_title(report))}</title><style>{STYLE}</style>',
        f'<rect class="card" width="{WIDTH}" height="{height}" rx="8"/>',
        *_legend(report),
        *_axis(scale, height),
        *(part for row, one in enumerate(report.measurements) for part in _line(report, scale, row, one)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _title(report: Report) -> str:
    who = ", ".join(report.labels.values())
    return f"Milliseconds (median) at {report.dataset['tickets']:,} tickets, of {who}"


class _Scale:
    """From milliseconds to pixels, whole powers of ten at both ends."""

    def __init__(self, report: Report) -> None:
        times = [each.p50 for one in report.measurements for each in one.results.values() if each.p50]
        self.first = math.floor(math.log10(min(times, default=1)))
        self.last = max(math.ceil(math.log10(max(times, default=10))), self.first + 1)

    def x(self, milliseconds: float) -> float:
        part = (math.log10(milliseconds) - self.first) / (self.last - self.first)
        return round(LEFT + part * (WIDTH - LEFT - RIGHT), 1)

    @property
    def powers(self) -> list[int]:
        return list(range(self.first, self.last + 1))


def _legend(report: Report) -> Iterator[str]:
    x = 20.0
    for key, label in report.labels.items():
        yield _mark(key, x, 26)
        yield f'<text x="{x + 14}" y="31">{escape(label)}</text>'
        x += 54 + 7.0 * len(label)


def _axis(scale: _Scale, height: int) -> Iterator[str]:
    for power in scale.powers:
        x = scale.x(10.0**power)
        yield f'<path class="line" d="M{x} {TOP - 14}V{height - 34}"/>'
        yield f'<text class="axis" x="{x}" y="{height - 16}" text-anchor="middle">{_of_time(power)}</text>'


def _of_time(power: int) -> str:
    return f"{10**power / 1000:g} s" if power >= 3 else f"{10.0**power:g} ms"


def _line(report: Report, scale: _Scale, row: int, one: Measurement) -> Iterator[str]:
    y = TOP + STEP * row + STEP // 2 - 10
    yield f'<path class="line" d="M{LEFT} {y}H{WIDTH - RIGHT}"/>'
    yield f'<text x="{LEFT - 12}" y="{y + 4}" text-anchor="end">{escape(one.label)}</text>'
    # This product last, on top of the others.
    for key in reversed(list(report.labels)):
        result = one.results.get(key, Result())
        if result.p50:
            yield _mark(key, scale.x(result.p50), y, f"{report.labels[key]}: {result.p50:,.1f} ms")


def _mark(key: str, x: float, y: float, title: str = "") -> str:
    colour, form = LOOKS[key]
    told = f"<title>{escape(title)}</title>" if title else ""
    return f'<g fill="{colour}" stroke="#fff">{told}{form.format(x=x, y=y)}</g>'
