"""What each page shows, as plain data: handlers build these, templates lay them out.

No template runs a query or asks who may do what; it finds the answer here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from wtforms import Field, Form
from wtforms.form import BaseForm

if TYPE_CHECKING:
    from backoffice.admin.sample_table import SampleTable


class Kind(StrEnum):
    """How a value is shown."""

    TEXT = "text"
    LONG_TEXT = "long_text"  # kept line breaks
    NUMBER = "number"
    SIZE = "size"  # bytes
    MOMENT = "moment"  # an aware datetime, shown in the viewer's zone
    FLAG = "flag"  # yes or no
    CHOICE = "choice"  # a StrEnum member: a badge, readable without colour
    RECORD = "record"  # a link to another record (`url` may be empty)
    RECORDS = "records"  # several: a sequence of Cells
    LABEL = "label"  # a coloured label: value is (text, "#rrggbb")
    JSON = "json"
    CODE = "code"  # an identifier, in fixed width
    DIGEST = "digest"  # a hash in hexadecimal digits, to be copied; short in lists

    # Looked up several times a cell: the enum's own is written in Python.
    __hash__ = str.__hash__


class Cell(NamedTuple):
    """One value to show. `value` is None where there is nothing."""

    kind: Kind
    value: Any
    url: str = ""


@dataclass(frozen=True)
class Link:
    """Somewhere to go, or (with `is_post`) something to do by a small form with the CSRF token."""

    label: str
    url: str
    icon: str = ""
    is_post: bool = False
    is_danger: bool = False
    is_primary: bool = False
    hidden: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class NavigationItem:
    label: str
    url: str
    icon: str
    is_current: bool


@dataclass(frozen=True)
class NavigationGroup:
    label: str
    items: Sequence[NavigationItem]


@dataclass(frozen=True)
class Flash:
    """A sentence shown once after a change. `undo_url` is posted to; `link` leads to what was made."""

    text: str
    level: str = "success"  # success, info, warning, danger
    undo_url: str = ""
    link: Link | None = None


# Lists ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Column:
    name: str
    label: str
    kind: Kind
    #: Where a click on the head leads; empty when the column cannot be sorted.
    sort_url: str = ""
    #: `ascending`, `descending`, or empty when the list is not sorted by it (as `aria-sort` has it).
    sorted: str = ""
    #: Below it, by a row's key and the column's name, is the form with this field alone; empty for none.
    in_place_url: str = ""


@dataclass(frozen=True)
class Row:
    pk: str
    #: What the row is called, for the label of its tick box.
    title: str
    url: str
    cells: Sequence[Cell]
    is_trashed: bool = False
    #: HTML: a passage that shows why a search found it.
    passage: str = ""


@dataclass(frozen=True)
class Option:
    value: str
    label: str
    is_selected: bool = False


@dataclass(frozen=True)
class FilterControl:
    """One filter above the list, or what asks for the values of a condition.

    `kind`: `choice` (one select), `choices` (boxes to tick), `picker` (asynchronous select; `lookup_url`
    answers, `options` holds the current one and fixed ones such as nobody/me), `dates` (periods as options,
    or `value` and `value_to`, ISO days), `days` (those two alone), `day`, `number`, `numbers` (`value`,
    `value_to`, both in `unit`), `flag`, `text` (`value`, or several `values`).
    """

    name: str
    label: str
    kind: str
    options: tuple[Option, ...] = ()
    value: str = ""
    value_to: str = ""
    lookup_url: str = ""
    #: Several may be chosen at once.
    is_multiple: bool = False
    unit: str = ""
    values: tuple[str, ...] = ()

    @property
    def chosen(self) -> str:
        """What is chosen of the options, in a word or two; empty where nothing is."""
        labels = [option.label for option in self.options if option.is_selected and option.value]
        return labels[0] if len(labels) == 1 else f"{len(labels)} chosen" if labels else ""


@dataclass(frozen=True)
class Chip:
    """One active filter, in words, and where the list is without it."""

    label: str
    remove_url: str


@dataclass(frozen=True)
class BulkButton:
    slug: str
    label: str
    icon: str
    #: Posted to with the ticked `pks`, or `scope=all`; it carries the list's own query.
    url: str
    is_danger: bool = False


@dataclass(frozen=True)
class Tab:
    label: str
    url: str
    is_current: bool


@dataclass(frozen=True)
class PageStep:
    """A page of a list by its number, or the last; without a label it stands for those between."""

    label: str = ""
    url: str = ""
    is_current: bool = False


@dataclass(frozen=True)
class Pager:
    """Where in a list its page is, and the ways on."""

    #: `26–50 of 3,000`.
    words: str
    #: None where it has no number.
    page: int | None
    is_last: bool
    steps: Sequence[PageStep]
    previous_url: str
    next_url: str


@dataclass(frozen=True)
class ListPage:
    title: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    #: `3,000` or `10,000+`.
    count: str
    pager: Pager
    page_sizes: Sequence[Tab]
    search: str
    search_placeholder: str
    filters: Sequence[FilterControl]
    chips: Sequence[Chip]
    #: Live and trash, where there is a trash.
    tabs: Sequence[Tab]
    bulk: Sequence[BulkButton]
    create: Link | None
    #: Where the list is exported to each format.
    exports: Sequence[Link]
    #: Query parameters that the filter form must keep: name and value.
    kept: Sequence[tuple[str, str]]
    clear_url: str
    #: Where conditions are joined by AND and OR, and where the filters' values are counted.
    advanced_url: str
    facets_url: str
    is_filtered: bool
    empty_title: str
    empty_text: str
    #: A sentence for a query that was too slow or made no sense, and what to do; the rows are then empty.
    problem: str
    way_out: Link
    #: In which order a search shows what it found, and what it left out.
    search_note: str = ""
    #: Whether it can be exported by a job, and may be so large that the server has to say whether it must.
    can_export_later: bool = False
    may_be_large: bool = False


# Forms ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FormSection:
    title: str
    description: str
    fields: Sequence[Field]


@dataclass(frozen=True)
class FormPage:
    title: str
    form: BaseForm
    sections: Sequence[FormSection]
    action_url: str
    cancel_url: str
    #: Hidden: the row's version and what the form showed at first (JSON), for the conflict page.
    hidden: Mapping[str, str]
    is_new: bool
    is_multipart: bool
    #: Sentences about the whole form.
    errors: Sequence[str] = ()
    actions: Sequence[Link] = ()


@dataclass(frozen=True)
class Disagreement:
    """One field of a stale form: what it was, what I typed, what somebody saved meanwhile (as shown text)."""

    name: str
    label: str
    base: str
    mine: str
    theirs: str
    #: `mine` or `theirs` where only one side changed it; empty where both did and somebody must choose.
    suggestion: str
    changed_by: str = ""
    changed_at: datetime | None = None


@dataclass(frozen=True)
class ConflictPage:
    title: str
    disagreements: Sequence[Disagreement]
    action_url: str
    cancel_url: str
    #: Every value as I typed it, in the form's own names (which may repeat), the new version and base.
    hidden: Sequence[tuple[str, str]]
    errors: Sequence[str] = ()


@dataclass(frozen=True)
class RefusedCount:
    reason: str
    count: int


@dataclass(frozen=True)
class ConfirmPage:
    """Before a bulk action: what it will do; its form does it."""

    title: str
    verb: str
    #: In words, such as `3 ticked tickets` or `all 1,204 tickets that match “printer”`.
    selection: str
    changed: int
    unchanged: int
    refused: Sequence[RefusedCount]
    form: Form
    action_url: str
    cancel_url: str
    hidden: Sequence[tuple[str, str]]
    #: A word that must be typed, or empty.
    confirm_word: str = ""
    is_danger: bool = False
    #: False while a field of the verb is still to be chosen: the form then asks for it and previews again.
    is_ready: bool = True
    #: What becomes of some of the rows.
    sample: "SampleTable | None" = None
    #: Fields of the form that have a box each, in its field `change`: only those that are ticked count.
    boxed: Sequence[str] = ()
    errors: Sequence[str] = ()


# The index --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DashboardCard:
    """A list with its count (`10,000+` when capped) and its first rows."""

    title: str
    count: str
    url: str
    icon: str
    rows: Sequence[Row]
    columns: Sequence[Column]
    empty_text: str
    tone: str = ""  # "", "warning", "danger"


@dataclass(frozen=True)
class DashboardPage:
    title: str
    greeting: str
    cards: Sequence[DashboardCard]


@dataclass(frozen=True)
class ErrorPage:
    status_code: int
    title: str
    sentence: str
    request_id: str
