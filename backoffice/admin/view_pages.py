"""What saved views and the choice of columns show, as plain data (see `pages`)."""

from collections.abc import Sequence
from dataclasses import dataclass

from backoffice.admin.pages import Tab


@dataclass(frozen=True)
class ViewLink:
    """A saved view, and how many rows it had when they were last counted (`1,000+`, or empty)."""

    name: str
    url: str
    count: str
    is_current: bool
    is_shared: bool
    is_own: bool
    #: Whether the page opens with it.
    is_first: bool
    #: What makes no sense any more, as a sentence.
    problem: str


@dataclass(frozen=True)
class ViewLinks:
    """The views that are shown, and how many more there are."""

    shown: Sequence[ViewLink]
    more: int
    more_url: str


@dataclass(frozen=True)
class OpenedView:
    """The view that a list shows, and what this person may do with it."""

    key: str
    name: str
    url: str
    is_changed: bool
    is_shared: bool
    is_first: bool
    may_change: bool
    may_withdraw: bool
    may_share: bool


@dataclass(frozen=True)
class SavedViews:
    """What stands above a list about its views."""

    links: ViewLinks
    is_all: bool
    all_url: str
    #: The page of all views; what is posted there saves one, and below it, changes one.
    views_url: str
    #: What would be saved now.
    state: str
    opened: OpenedView | None
    can_save: bool
    may_share: bool
    notice: str


@dataclass(frozen=True)
class Draft:
    """A view that could not be saved, as it was filled in, and why."""

    name: str
    state: str
    is_shared: bool
    is_first: bool
    error: str


@dataclass(frozen=True)
class ViewItem:
    """A view on the page of all views; `typed` is a new name that was refused, and `error` says why."""

    link: ViewLink
    opened: OpenedView
    owner: str
    #: What it asks for, a line each.
    words: Sequence[str]
    typed: str
    error: str = ""


@dataclass(frozen=True)
class ViewsPage:
    """All views of one list."""

    title: str
    list_label: str
    list_url: str
    views_url: str
    may_share: bool
    items: Sequence[ViewItem]
    draft: Draft | None = None


@dataclass(frozen=True)
class Choosable:
    """A column that a list may show; the leading one is always shown."""

    name: str
    label: str
    place: int
    is_shown: bool
    is_leading: bool


@dataclass(frozen=True)
class Chooser:
    """The form for columns, page size and density; `back` is the query of the list that it came from."""

    action_url: str
    back: str
    columns: tuple[Choosable, ...]
    sizes: Sequence[Tab]
    densities: Sequence[Tab]
