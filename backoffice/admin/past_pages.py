"""What the pages about a record's past show, as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from backoffice.admin.pages import Cell, Link
from backoffice.admin.record_pages import Passage


@dataclass(frozen=True)
class Note:
    """A sentence in a box: `tone` and `icon` as in the templates."""

    text: str
    tone: str = "blue"
    icon: str = "info-circle"


@dataclass(frozen=True)
class PastFact:
    """One field as it was, and as it is where that differs."""

    name: str
    label: str
    #: None where nobody knows; `unknown` then says why.
    then: Cell | None
    #: None where it is the same, or the record is gone.
    now: Cell | None = None
    unknown: str = ""
    #: A long text, word by word, from what it was to what it is.
    passages: Sequence[Passage] = ()
    #: Whether it can be ticked to be restored.
    can_restore: bool = False
    #: Why it cannot, where somebody would expect it.
    obstacle: str = ""


@dataclass(frozen=True)
class PastRow:
    """Something that was below the record: who and when, a long text, and whatever else there is to say."""

    title: str
    heading: Sequence[Cell]
    flags: Sequence[str]
    body: Sequence[str]
    more: Sequence[tuple[str, Cell]]
    #: What became of it since, in words; empty where it is as it was.
    since: str
    tone: str
    url: str


@dataclass(frozen=True)
class PastGroup:
    label: str
    #: The newest, the oldest of them first.
    rows: Sequence[PastRow]
    #: How many there are in all.
    count: int
    #: Rows that this person may not see.
    hidden: int = 0


@dataclass(frozen=True)
class PastPage:
    title: str
    subtitle: str
    back: Link | None
    at: datetime
    #: The moment for the control, in the viewer's zone.
    picked: str
    latest: str
    zone: str
    #: Who left it like this, doing what, when.
    left_by: str
    left_in: Link | None
    left_at: datetime | None
    previous_url: str
    next_url: str
    now_url: str
    notes: Sequence[Note]
    facts: Sequence[PastFact]
    groups: Sequence[PastGroup]
    #: Where the ticked fields are sent; empty where nothing can be restored.
    restore_url: str = ""
    hidden: Sequence[tuple[str, str]] = ()
    bring_back: Link | None = None
    is_there: bool = True

    @property
    def changed(self) -> int:
        """How many fields are not as they were."""
        return sum(fact.now is not None for fact in self.facts)


@dataclass(frozen=True)
class Restored:
    """A field that was ticked: what it is, and what it would be."""

    name: str
    label: str
    then: str
    now: str
    #: What it was when the page was shown, where somebody has changed it since.
    base: str | None = None
    obstacle: str = ""
    is_chosen: bool = True


@dataclass(frozen=True)
class RestorePage:
    title: str
    at: datetime
    fields: Sequence[Restored]
    refused: Sequence[Restored]
    action_url: str
    cancel_url: str
    hidden: Sequence[tuple[str, str]]
    notes: Sequence[Note] = ()
    errors: Sequence[str] = ()


@dataclass(frozen=True)
class BringBackPage:
    title: str
    at: datetime
    #: What comes back beside the record, in words and numbers.
    counts: Mapping[str, int]
    #: What stays away, in sentences.
    left_out: Sequence[str]
    obstacle: str
    action_url: str
    cancel_url: str
    hidden: Sequence[tuple[str, str]] = field(default_factory=list)
