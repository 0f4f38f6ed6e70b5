"""The templates' environment: where templates and static files are found, and the filters that pages use."""

from collections.abc import Callable, Hashable, Mapping, MutableMapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import sqladmin
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context, Macro
from markupsafe import Markup

from backoffice.admin import controls, formats
from backoffice.admin.cell_html import Reader, cell_html, copyable, row_writer
from backoffice.admin.pages import Cell, Column, Row
from backoffice.errors import ConfigurationError

HERE: Final = Path(__file__).parent
#: Where a path is looked for, first to last, and below which URL each place is served.
STATIC_FOLDERS: Final = (
    (HERE / "static", "static"),
    (Path(sqladmin.__file__).parent / "statics", "statics"),
)
#: Parts of pages that are kept: a few KB each.
REMEMBERED: Final = 500


def environment(*, templates: Sequence[Path], base_url: str = "/admin") -> Environment:
    """An environment that looks into `templates` first and then into the admin's own.

    Every template is compiled once. A name that a page does not give is an error, never an empty place.
    """
    folders = [*templates, HERE / "templates"]
    pages = Pages(
        loader=ChoiceLoader([FileSystemLoader(folder) for folder in folders]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    pages.filters |= FILTERS
    pages.globals |= {
        "static_url": StaticUrls(base_url),
        "icon": formats.icon,
        "control": controls.control,
        "control_kind": controls.kind,
        "matrix": controls.matrix,
        "row_writer": _row_writer,
        "remembered": lru_cache(maxsize=REMEMBERED)(_part),
    }
    return pages


class Pages(Environment):
    """Templates that have no globals but the environment's.

    Jinja would look through two layers of them for every name, whenever a page imports macros.
    """

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        if d:
            raise ConfigurationError(f"A template was given globals of its own: {', '.join(d)}.")
        return self.globals


class StaticUrls:
    """Gives a static file's URL with a hash of its content, so that a browser may keep it for good."""

    def __init__(self, base_url: str) -> None:
        self._urls: dict[str, str] = {}
        for folder, mount in reversed(STATIC_FOLDERS):
            for file in filter(Path.is_file, folder.rglob("*")):
                path = file.relative_to(folder).as_posix()
                self._urls[path] = f"{base_url}/{mount}/{path}?v={_hash(file)}"

    def __call__(self, path: str) -> str:
        """The URL of `path`, such as `backoffice.css`; ConfigurationError if there is no such file."""
        if path not in self._urls:
            raise ConfigurationError(f"A template names the static file {path}, which does not exist.")
        return self._urls[path]


def _hash(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()[:10]


def _part(macro: Macro, shown: Hashable) -> Markup:
    """A part of a page that depends on `shown` alone; `remembered` makes it once for all that have it."""
    return Markup(macro(shown))  # noqa: S704 - made by a template that escapes


@pass_context
def _row_writer(context: Context, columns: Sequence[Column]) -> Callable[[Row], Markup]:
    return row_writer(columns, _reader(context))


@pass_context
def _cell(context: Context, cell: Cell) -> Markup:
    return cell_html(cell, _reader(context))


def _reader(context: Context) -> Reader:
    return Reader(context["time_zone"], context["now"])


@pass_context
def _moment(context: Context, value: datetime) -> Markup:
    return formats.moment(value, context["time_zone"], context["now"])


@pass_context
def _exact(context: Context, value: datetime) -> str:
    return formats.exact(value, context["time_zone"])


@pass_context
def _brief(context: Context, value: datetime) -> Markup:
    return formats.brief(value, context["time_zone"], context["now"])


@pass_context
def _dated(context: Context, value: datetime) -> Markup:
    return formats.dated(value, context["time_zone"], context["now"])


@pass_context
def _clock(context: Context, value: datetime) -> str:
    return formats.clock(value, context["time_zone"])


@pass_context
def _day(context: Context, value: date) -> Markup:
    return formats.day(value, context["time_zone"])


FILTERS: Final[Mapping[str, Any]] = {
    "cell": _cell,
    "copyable": copyable,
    "moment": _moment,
    "exact": _exact,
    "brief": _brief,
    "dated": _dated,
    "clock": _clock,
    "day": _day,
    "size": formats.size,
    "number": formats.number,
    "words": formats.words,
    "badge": formats.badge,
    "initials": formats.initials,
    "hue": formats.hue,
    "shorten": formats.shorten,
    "pretty_json": formats.pretty_json,
}
