"""What a record's page shows, as plain data: its facts, who set them, and what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from backoffice.admin.pages import Cell, Link


@dataclass(frozen=True)
class SetBy:
    """Who set a field last. An empty `who`: that is only known to be longer ago than `when`."""

    who: str
    #: What they are called now, where that differs.
    who_now: str
    when: datetime
    #: In which operation; None for what was written outside of one.
    operation: Link | None


@dataclass(frozen=True)
class Fact:
    label: str
    cell: Cell
    set_by: SetBy | None = None


class ChangeKind(StrEnum):
    """What is known of a field's change."""

    CHANGED = "changed"  # old and new
    ADDED = "added"  # only what there is since
    REMOVED = "removed"  # only what there was
    LINKED = "linked"  # what was added to the record, such as a tag
    UNLINKED = "unlinked"  # what was taken off it
    WITHHELD = "withheld"  # a secret: only that it changed
    ERASED = "erased"  # its values were personal, and were erased


@dataclass(frozen=True)
class Passage:
    """A part of a text that was changed: `fate` is `same`, `removed` or `added`."""

    fate: str
    text: str
    #: Of a long part that stayed: how many words are folded away; 0 where it is shown.
    folded_words: int = 0


@dataclass(frozen=True)
class HistoryChange:
    field: str
    kind: ChangeKind
    old: str
    new: str
    #: Old and new take a line of their own each.
    is_long: bool = False
    #: A long text, word by word, where that reads better than old and new.
    passages: Sequence[Passage] = ()


@dataclass(frozen=True)
class HistoryPart:
    """What became of one record."""

    #: In words, such as `created`; empty where its changes say it all.
    action: str
    changes: Sequence[HistoryChange]
    #: Which record, unless it is the page's own.
    subject: Link | None = None
    #: Its values are folded away at first.
    is_folded: bool = False


@dataclass(frozen=True)
class HistoryItem:
    """What one operation did, or one entry."""

    when: datetime
    who: str
    #: What that person is called now, where that differs.
    who_now: str
    #: In words: `assigned tickets`, `created`, `signed in`…
    action: str
    parts: Sequence[HistoryPart]
    #: The operation, as a link where this person may see it; the label says what `action` says.
    operation: Link | None = None
    reason: str = ""
    #: Which record, where a page shows several.
    subject: Link | None = None
    #: The record as this left it, or as it was before it was deleted.
    past: Link | None = None
    #: Its entries in the audit log.
    url: str = ""
    #: Records of which nothing is shown, there being so many.
    unshown: int = 0


@dataclass(frozen=True)
class DetailsPage:
    title: str
    subtitle: str
    facts: Sequence[Fact]
    actions: Sequence[Link]
    history: Sequence[HistoryItem]
    more_history_url: str = ""
    #: Who set each field last, by the field's name.
    set_by: Mapping[str, SetBy] = field(default_factory=dict)
    is_trashed: bool = False
    #: The list that it is in, as it was left; None for who may not see lists.
    back: Link | None = None
    #: What a view of its own template adds.
    extra: Mapping[str, Any] = field(default_factory=dict)
