"""Which columns a list shows, how many rows and how close: as its address, its view or its reader says.

What is stored may be older than the page: a column that there no longer is, is left out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Final

from starlette.requests import Request

from backoffice.accounts.lists import KnownView
from backoffice.admin.cell_html import main_column
from backoffice.admin.cells import kind_of
from backoffice.admin.export_columns import is_exportable
from backoffice.admin.list_address import COLUMNS, ListAddress
from backoffice.admin.pages import Column, Tab
from backoffice.admin.request import current_user
from backoffice.admin.view_pages import Choosable, Chooser
from backoffice.errors import ConfigurationError

if TYPE_CHECKING:
    from backoffice.admin.view import View


class Density(StrEnum):
    """How close the rows of a list stand."""

    COMFORTABLE = "comfortable"
    COMPACT = "compact"


@dataclass(frozen=True)
class Layout:
    """How one person sees a list."""

    columns: list[str]
    size: int
    density: Density

    @property
    def is_compact(self) -> bool:
        return self.density is Density.COMPACT


def layout_of(view: "View", request: Request, opened: KnownView | None) -> Layout:
    """How the list is shown to the one who asks, with the saved view that is opened, if any."""
    lists = current_user(request).lists
    asked = request.query_params.get(COLUMNS, "").split(",")
    preferred = _texts(lists.setting(view.identity, "columns"))
    wanted = (asked, opened.columns if opened else (), preferred)
    columns = next(filter(None, (arranged(view, names) for names in wanted)), None)
    size = lists.setting(view.identity, "size")
    density = lists.setting(view.identity, "density")
    return Layout(
        columns or usual_columns(view),
        size if size in view.page_size_options else view.page_size,
        Density(density) if density in set(Density) else Density.COMFORTABLE,
    )


@cache
def _declared(view: "View") -> tuple[str, ...]:
    return tuple(view.get_list_columns())


def usual_columns(view: "View") -> list[str]:
    """The columns that the page declares."""
    return list(_declared(view))


def offered_columns(view: "View") -> list[str]:
    """Those and the others that may be shown."""
    usual = usual_columns(view)
    return [*usual, *(name for name in view.more_columns if name not in usual)]


@cache
def leading_column(view: "View") -> str:
    """The column whose cells lead to the records: it is always shown."""
    usual = usual_columns(view)
    return usual[main_column(_columns(view, usual))]


def arranged(view: "View", names: Iterable[str]) -> list[str]:
    """Those of `names` that are offered, each once, so that the leading column leads; empty for none."""
    offered = set(offered_columns(view))
    known = [name for name in dict.fromkeys(names) if name in offered]
    leading = leading_column(view)
    if not known or (leading in known and known[main_column(_columns(view, known))] == leading):
        return known
    return [leading, *(name for name in known if name != leading)]


def check_columns(view: "View") -> None:
    """Refuse a view that offers columns which a list cannot show or an export must not have."""
    for name in view.more_columns:
        if not is_exportable(view.model, name):
            raise ConfigurationError(
                f"{type(view).__name__}: more_columns may hold columns, relations and computed values"
                f" that are no secret, not “{name}”."
            )


def chooser(view: "View", layout: Layout, address: ListAddress) -> Chooser:
    """The form by which somebody chooses columns, page size and density."""
    leading = leading_column(view)
    others = [name for name in offered_columns(view) if name not in layout.columns]
    return Chooser(
        action_url=view.url("preferences"),
        back=address.without("pageSize").query,
        columns=tuple(
            Choosable(name, view.label(name), place, name in layout.columns, name == leading)
            for place, name in enumerate([*layout.columns, *others], 1)
        ),
        sizes=[Tab(str(size), "", size == layout.size) for size in view.page_size_options],
        densities=[Tab(each.value, "", each is layout.density) for each in Density],
    )


def _columns(view: "View", names: Sequence[str]) -> list[Column]:
    return [Column(name, "", kind_of(view.model, name, view.column_kinds)) for name in names]


def _texts(stored: object) -> list[str]:
    return [each for each in stored if isinstance(each, str)] if isinstance(stored, list) else []


#: What a column's place in the form is called.
PLACE: Final = "place-"
