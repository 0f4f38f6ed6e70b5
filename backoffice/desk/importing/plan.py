"""What somebody decided about a file: which column is what, which word means which status, and the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final, Self

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.desk.importing.fields import FIELDS, guess, made_by
from models import ImportKind, ImportPlan, TicketPriority, TicketStatus


class Matching(StrEnum):
    """What becomes of a row whose ticket, or person, is there already."""

    UPDATE = "update"
    SKIP = "skip"
    REFUSE = "refuse"


class Unknown(StrEnum):
    """What becomes of a row that names somebody who is not there."""

    CREATE = "create"
    LEAVE = "leave"
    REFUSE = "refuse"


class TagsBy(StrEnum):
    """What separates the tags of one cell."""

    SIGNS = "signs"  # , ; | or ~~~
    BLANKS = "blanks"


#: A word of a file that stands for no status: its rows are left out.
LEFT_OUT: Final = "-"

STATUS_WORDS: Final[Mapping[str, str]] = {
    "new": TicketStatus.OPEN,
    "open": TicketStatus.OPEN,
    "in progress": TicketStatus.IN_PROGRESS,
    "in_progress": TicketStatus.IN_PROGRESS,
    "pending": TicketStatus.WAITING_ON_CUSTOMER,
    "pending reminder": TicketStatus.WAITING_ON_CUSTOMER,
    "hold": TicketStatus.WAITING_ON_CUSTOMER,
    "on hold": TicketStatus.WAITING_ON_CUSTOMER,
    "on-hold": TicketStatus.WAITING_ON_CUSTOMER,
    "waiting on customer": TicketStatus.WAITING_ON_CUSTOMER,
    "waiting_on_customer": TicketStatus.WAITING_ON_CUSTOMER,
    "solved": TicketStatus.RESOLVED,
    "resolved": TicketStatus.RESOLVED,
    "pending close": TicketStatus.RESOLVED,
    "closed": TicketStatus.CLOSED,
    "merged": TicketStatus.CLOSED,
    "deleted": LEFT_OUT,
    "removed": LEFT_OUT,
}
PRIORITY_WORDS: Final[Mapping[str, str]] = {
    "low": TicketPriority.LOW,
    "1 low": TicketPriority.LOW,
    "normal": TicketPriority.MEDIUM,
    "medium": TicketPriority.MEDIUM,
    "2 normal": TicketPriority.MEDIUM,
    "-": TicketPriority.MEDIUM,
    "high": TicketPriority.HIGH,
    "3 high": TicketPriority.HIGH,
    "urgent": TicketPriority.URGENT,
    "critical": TicketPriority.URGENT,
    "4 urgent": TicketPriority.URGENT,
}
WORDS: Final[Mapping[str, Mapping[str, str]]] = {"status": STATUS_WORDS, "priority": PRIORITY_WORDS}


@dataclass(frozen=True)
class Plan:
    """How a file is understood. `columns` has a column by field, `words` by field what each word means.

    `time_zone` is that of moments without one. `may_make_staff` is no choice, but a right of who imports.
    """

    kind: ImportKind
    columns: Mapping[str, str]
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    matching: Matching = Matching.UPDATE
    requesters: Unknown = Unknown.CREATE
    assignees: Unknown = Unknown.LEAVE
    tags_by: TagsBy = TagsBy.SIGNS
    prefix: str = ""
    time_zone: str = "UTC"
    may_make_staff: bool = False

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        return cls(
            **{
                **stored,
                "kind": ImportKind(stored["kind"]),
                "matching": Matching(stored["matching"]),
                "requesters": Unknown(stored["requesters"]),
                "assignees": Unknown(stored["assignees"]),
                "tags_by": TagsBy(stored["tags_by"]),
            }
        )

    def meaning(self, name: str, word: str) -> str | None:
        """What a word in the column of `name` stands for: a value, LEFT_OUT, or None where nobody said."""
        word = " ".join(word.lower().split())
        return self.words.get(name, {}).get(word) or WORDS[name].get(word)


def first_plan(kind: ImportKind, columns: Sequence[str]) -> Plan:
    """What is likely, by the names of the columns."""
    program = made_by(columns)
    is_table = "Summation column" in columns
    return Plan(
        kind=kind,
        columns=guess(kind, columns),
        tags_by=TagsBy.BLANKS if is_table else TagsBy.SIGNS,
        prefix="ZD-" if program == "Zendesk" and kind is ImportKind.TICKETS else "",
    )


async def remembered_plan(session: AsyncSession, kind: ImportKind, columns: Sequence[str]) -> Plan | None:
    """How a file with the same columns was read the last time."""
    found = await session.get(ImportPlan, _fingerprint(kind, columns))
    return None if found is None else Plan.from_json(found.plan)


async def remember_plan(session: AsyncSession, plan: Plan, columns: Sequence[str]) -> None:
    """Begin with `plan` when the next file with these columns comes."""
    stored = replace(plan, may_make_staff=False).as_json()
    row = insert(ImportPlan).values(fingerprint=_fingerprint(plan.kind, columns), plan=stored)
    await session.execute(
        row.on_conflict_do_update(
            index_elements=[ImportPlan.fingerprint], set_={"plan": stored, "used_at": func.now()}
        )
    )


def missing_columns(plan: Plan) -> list[str]:
    """Labels of the fields without which nothing can be made of a row."""
    needed = {ImportKind.TICKETS: ("title",), ImportKind.PEOPLE: ("email",)}[plan.kind]
    # A file that only brings known tickets up to date need not repeat their subjects.
    if "number" in plan.columns and plan.kind is ImportKind.TICKETS:
        return []
    return [FIELDS[plan.kind][name].label for name in needed if name not in plan.columns]


def _fingerprint(kind: ImportKind, columns: Sequence[str]) -> str:
    return sha256("\x00".join([kind, *columns]).encode("utf-8", "surrogatepass")).hexdigest()
