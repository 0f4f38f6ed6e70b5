"""How values read: moments, sizes, numbers, names and states, as text or as small pieces of safe HTML."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from functools import lru_cache
from typing import Any, Final
from zlib import crc32
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from markupsafe import Markup

#: Older (or farther) than this, a moment is shown as a date.
RELATIVE_WITHIN: Final = timedelta(days=7)
HUES: Final = 8

_UNITS: Final = (("day", "d", 86_400), ("hour", "h", 3_600), ("minute", "min", 60))
_SIZES: Final = ("bytes", "KB", "MB", "GB", "TB")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_AGO: Final = Markup('<span class="ago">{}</span>')
_DAY: Final = Markup('<time datetime="{}">{}</time>')
_ICON: Final = Markup('<i class="{}" aria-hidden="true"></i>')
_BADGE: Final = Markup('<span class="state tone-{}">{}{}</span>')


@dataclass(frozen=True)
class Look:
    """The shape and the tone of a state: the shape alone tells it from its neighbours."""

    icon: str
    tone: str = "neutral"


#: States that have a look of their own, by their value in small letters.
LOOKS: Final[Mapping[str, Look]] = {
    "open": Look("circle", "blue"),
    "in_progress": Look("progress", "purple"),
    "waiting_on_customer": Look("hourglass", "amber"),
    "resolved": Look("circle-check", "green"),
    "closed": Look("archive"),
    "low": Look("antenna-bars-2", "plain"),
    "medium": Look("antenna-bars-3", "plain"),
    "high": Look("antenna-bars-5", "plain-amber"),
    "urgent": Look("alert-triangle", "red"),
    "create": Look("plus", "green"),
    "update": Look("pencil", "blue"),
    "delete": Look("minus", "red"),
    "login": Look("login-2"),
    "login_failed": Look("lock-x", "amber"),
    "logout": Look("logout"),
    "view": Look("eye"),
    "export": Look("download", "purple"),
    "search": Look("search"),
    "erase": Look("eraser", "red"),
    "retain": Look("archive", "amber"),
    "verify": Look("shield-check", "blue"),
    "running": Look("loader-2", "blue"),
    "waiting": Look("hand-stop", "amber"),
    "queued": Look("clock"),
    "stopping": Look("player-stop", "amber"),
    "done": Look("circle-check", "green"),
    "cancelled": Look("ban"),
    "rejected": Look("thumb-down", "amber"),
    "failed": Look("alert-octagon", "red"),
    "whole": Look("shield-check", "green"),
    "broken": Look("shield-x", "red"),
    "interrupted": Look("player-stop", "amber"),
    "erasure": Look("eraser", "red"),
    "retention": Look("archive", "amber"),
    "system": Look("device-desktop", "plain"),
    "light": Look("sun", "plain"),
    "dark": Look("moon", "plain"),
}


def zone(name: str) -> ZoneInfo:
    """The time zone called `name`; UTC where there is no such zone."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def moment(value: datetime, time_zone: str, now: datetime | None = None) -> Markup:
    """`3 hours ago`, or the date when that is more than a week off; the exact time is its title."""
    distance, local = value - (now or datetime.now(UTC)), value.astimezone(zone(time_zone))
    return _time(local, relative(distance) if is_near(distance) else _date(local))


def brief(value: datetime, time_zone: str, now: datetime | None = None) -> Markup:
    """The same for narrow columns: `3 h ago`, `13 Nov`, `13 Nov 2025` in another year."""
    now = now or datetime.now(UTC)
    distance, local = value - now, value.astimezone(zone(time_zone))
    if is_near(distance):
        return _time(local, relative(distance, short=True))
    is_this_year = local.year == now.astimezone(local.tzinfo).year
    return _time(local, f"{local.day} {_MONTHS[local.month - 1]}" if is_this_year else _date(local))


def dated(value: datetime, time_zone: str, now: datetime | None = None) -> Markup:
    """For facts: `22 Nov 2026, 14:05`, and how long ago while that is easy to grasp."""
    distance = value - (now or datetime.now(UTC))
    ago = _AGO.format(relative(distance)) if is_near(distance) else Markup()
    return _time(value.astimezone(zone(time_zone)), clock(value, time_zone)) + ago


def is_near(distance: timedelta) -> bool:
    """Whether a moment so far off is better told relative to now."""
    return abs(distance) <= RELATIVE_WITHIN


def relative(distance: timedelta, *, short: bool = False) -> str:
    """`just now`, `5 minutes ago`, `in 2 days`; or shorter, `5 min ago`."""
    seconds = abs(distance.total_seconds())
    for unit, abbreviation, length in _UNITS:
        if seconds >= length:
            count = int(seconds // length)
            name = abbreviation if short else unit if count == 1 else f"{unit}s"
            return f"in {count} {name}" if distance > timedelta(0) else f"{count} {name} ago"
    return "just now"


def _time(local: datetime, text: str) -> Markup:
    iso = local.isoformat(timespec="milliseconds")
    return Markup(  # noqa: S704 - made of numbers and words of our own, and the name of a zone that there is
        f'<time datetime="{iso}" title="{_in_full(local, iso, iso[23:29])}">{text}</time>'
    )


def exact(value: datetime, time_zone: str) -> str:
    """`22 Nov 2026, 14:05:09 (Europe/Paris, UTC+01:00)`."""
    local = value.astimezone(zone(time_zone))
    iso = local.isoformat(timespec="seconds")
    return _in_full(local, iso, iso[19:25])


def _in_full(local: datetime, iso: str, offset: str) -> str:
    # A fixed place for each part: a list has a hundred moments, and `strftime` is slow.
    name = str(local.tzinfo)
    shift = "" if name == "UTC" else f", UTC{offset}"
    return f"{_date(local)}, {iso[11:19]} ({name}{shift})"


def clock(value: datetime, time_zone: str) -> str:
    """`22 Nov 2026, 14:05`, for places that name the zone elsewhere."""
    local = value.astimezone(zone(time_zone))
    return f"{_date(local)}, {local:%H:%M}"


def day(value: date, time_zone: str) -> Markup:
    """A date; that of a moment is taken in `time_zone`."""
    local = value.astimezone(zone(time_zone)).date() if isinstance(value, datetime) else value
    return _DAY.format(local.isoformat(), _date(local))


def _date(value: date) -> str:
    return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"


def size(count: int) -> str:
    """`512 bytes`, `1.4 MB`."""
    amount, unit = float(count), 0
    while round(amount, 1) >= 1024 and unit < len(_SIZES) - 1:
        amount, unit = amount / 1024, unit + 1
    if unit == 0:
        return "1 byte" if count == 1 else f"{count} bytes"
    return f"{amount:.0f} {_SIZES[unit]}" if amount >= 100 else f"{amount:.1f} {_SIZES[unit]}"


def number(value: float) -> str:
    """`12,345`, and `2.5` with as many decimals as it has, at most two."""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def words(value: object) -> str:
    """`waiting_on_customer` and `LOGIN_FAILED` as people write them."""
    raw = value.value if isinstance(value, Enum) else value
    return str(raw).replace("_", " ").strip().lower().capitalize()


def badge(value: object) -> Markup:
    """A state in words, with a shape of its own, so that it reads without colour."""
    return _badge(str(value.value if isinstance(value, Enum) else value))


@lru_cache(maxsize=256)
def _badge(raw: str) -> Markup:
    look = LOOKS.get(raw.lower(), Look("point"))
    return _BADGE.format(look.tone, icon(look.icon), words(raw))


@lru_cache(maxsize=512)
def icon(name: str) -> Markup:
    """An icon that only decorates: by its name in Tabler's set, or by the classes it has."""
    return _ICON.format(name if " " in name else f"ti ti-{name}")


def initials(name: str) -> str:
    """At most two letters that stand for a person: `Ada King Lovelace` is `AL`."""
    letters = [word[0] for word in name.split() if word[0].isalnum()]
    if not letters:
        return "?"
    return (letters[0] + letters[-1] if len(letters) > 1 else letters[0]).upper()


def hue(name: str) -> int:
    """Which of the eight quiet colours stands for `name`: always the same one."""
    return crc32(name.encode(errors="replace")) % HUES


def shorten(text: str, length: int = 140) -> str:
    """`text` in one line of at most `length` characters, cut between words where that is possible."""
    line = " ".join(text[: length * 4].split())
    if len(line) <= length and len(text) <= length * 4:
        return line
    head = line[: length - 1]
    start = head.rsplit(" ", 1)[0]
    return (start if len(start) > length // 2 else head).rstrip(" ,;:.–-") + "…"


def pretty_json(value: Any) -> str:
    """JSON with indents, every script as it is written."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)
