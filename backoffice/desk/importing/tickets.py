"""Rows for tickets against the tickets that are there: what would become of each, a set of rows at once."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import BigInteger, Row, Select, Text, any_, cast, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.database.trash import INCLUDE_TRASHED
from backoffice.desk.importing.directory import Directory, look_up, named_in
from backoffice.desk.importing.judging import Judged, beforehand, in_words, not_matched, refused
from backoffice.desk.importing.plan import Plan, Unknown
from backoffice.desk.importing.values import Person
from backoffice.desk.importing.wanted import Wanted
from models import Comment, Tag, Ticket, Verdict, ticket_tags

#: What a row may change of a ticket that is there; when it was created and settled is nobody's to rewrite.
CHANGEABLE: Final = ("title", "description", "status", "priority")


@dataclass(frozen=True)
class Surroundings:
    """What rows are judged against: the tickets with their numbers, what is on those, and who is who."""

    tickets: Mapping[str, Row[Any]]
    people: Directory
    tags: Mapping[int, set[str]] = field(default_factory=dict)
    comments: Mapping[int, set[str]] = field(default_factory=dict)


async def judge_tickets(
    session: AsyncSession, plan: Plan, rows: Sequence[Wanted], *, lock: bool = False
) -> list[Judged]:
    """A verdict for each row; with `lock` the tickets that are there stay as they are until the commit."""
    around = await _look_around(session, rows, lock=lock)
    return [_judged(plan, wanted, around) for wanted in rows]


def missing_comments(wanted: Wanted, said: set[str]) -> list[dict[str, Any]]:
    """The comments of a row that are not on its ticket yet; the same text counts as the same comment."""
    return [
        comment for comment in wanted.fields.get("comments", ()) if digest(comment["content"]) not in said
    ]


def digest(content: str) -> str:
    return sha256(content.strip().encode()).hexdigest()


def assignee_id(plan: Plan, wanted: Wanted, people: Directory) -> int | None:
    """Who shall work on it; None for nobody, and for somebody who is no active staff."""
    person = wanted.fields.get("assignee")
    found = people.found(person, among_staff=True) if person else []
    return found[0].id if len(found) == 1 else None


# Verdicts ---------------------------------------------------------------------------------------


def _judged(plan: Plan, wanted: Wanted, around: Surroundings) -> Judged:
    if (known := beforehand(wanted)) is not None:
        return known
    ticket = around.tickets.get(wanted.key or "")
    if ticket is None:
        problems = [*_incomplete(wanted), *_unknown(plan, wanted, around.people)]
        return refused(problems) if problems else Judged(Verdict.CREATE)
    if ticket.deleted_at is not None:
        return Judged(Verdict.ERROR, "the ticket with this number is in the trash", ticket.id)
    if (kept := not_matched(plan, ticket.id, "ticket")) is not None:
        return kept
    if problems := _unknown(plan, wanted, around.people):
        return refused(problems)
    changes = _changes(plan, wanted, ticket, around)
    verdict = Verdict.UPDATE if changes else Verdict.SKIP
    return Judged(verdict, in_words(changes) or "it is so already", ticket.id, ticket.version)


def _incomplete(wanted: Wanted) -> list[str]:
    problems = [] if wanted.fields.get("title") else ["it has no subject"]
    return problems if wanted.fields.get("requester") else [*problems, "nobody is named as the requester"]


def _unknown(plan: Plan, wanted: Wanted, people: Directory) -> list[str]:
    """What is wrong with the people whom the row names."""
    fields = wanted.fields
    problems = [_why_nobody(plan, fields["requester"], people)] if fields.get("requester") else []
    problems += [
        _why_nobody(plan, comment["author"], people)
        for comment in fields.get("comments", ())
        # Without an address nobody is made: what they said is put down by whoever imports.
        if comment["author"] and comment["author"]["email"]
    ]
    assignee = fields.get("assignee")
    if assignee and plan.assignees is Unknown.REFUSE and assignee_id(plan, wanted, people) is None:
        problems.append(f"the assignee “{_called(assignee)}” is no active staff")
    return [*dict.fromkeys(filter(None, problems))]


def _why_nobody(plan: Plan, person: Person, people: Directory) -> str:
    found = people.found(person)
    if len(found) == 1:
        return ""
    if found:
        return f"“{person['name']}” are several people: it takes an address"
    if not person["email"]:
        return f"there is nobody called “{person['name']}”, and it takes an address to make a customer"
    return "" if plan.requesters is Unknown.CREATE else f"there is nobody with the address {person['email']}"


def _called(person: Person) -> str:
    return person["email"] or person["name"]


def _changes(plan: Plan, wanted: Wanted, ticket: Row[Any], around: Surroundings) -> list[str]:
    fields = wanted.fields
    changes = [
        "subject" if name == "title" else name
        for name in CHANGEABLE
        if name in fields and fields[name] != _as_read(getattr(ticket, name))
    ]
    if "requester" in fields and around.people.id_of(fields["requester"]) != ticket.creator_id:
        changes.append("requester")
    assignee = assignee_id(plan, wanted, around.people)
    if assignee is not None and assignee != ticket.assignee_id:
        changes.append("assignee")
    if set(fields.get("tags", ())) - around.tags.get(ticket.id, set()):
        changes.append("tags")
    if missing := missing_comments(wanted, around.comments.get(ticket.id, set())):
        changes.append("1 comment" if len(missing) == 1 else f"{len(missing)} comments")
    return changes


def _as_read(value: Any) -> str:
    """A stored text as a file would be read: the same but for its line ends is the same."""
    return str(value).replace("\r\n", "\n").strip()


# What is there ----------------------------------------------------------------------------------


async def _look_around(session: AsyncSession, rows: Sequence[Wanted], *, lock: bool) -> Surroundings:
    numbers = sorted({wanted.key for wanted in rows if wanted.key and not wanted.problems})
    found = await session.execute(_tickets(numbers, lock=lock), execution_options=INCLUDE_TRASHED)
    tickets = {row.ticket_number: row for row in found}
    people = await look_up(session, [each for wanted in rows for each in named_in(wanted.fields)])
    ids = [row.id for row in tickets.values()]
    return Surroundings(tickets, people, await tags_on(session, ids), await said_on(session, ids))


def _tickets(numbers: list[str], *, lock: bool) -> Any:
    statement = (
        select(
            Ticket.id,
            cast(cast(Ticket.version, Text), BigInteger).label("version"),
            *(Ticket.ticket_number, Ticket.title, Ticket.description, Ticket.status, Ticket.priority),
            *(Ticket.creator_id, Ticket.assignee_id, Ticket.deleted_at),
        )
        .where(Ticket.ticket_number == any_(literal(numbers, ARRAY(Text))))
        .order_by(Ticket.id)
    )
    return statement.with_for_update() if lock else statement


async def tags_on(session: AsyncSession, ids: Sequence[int]) -> Mapping[int, set[str]]:
    """The names of the tags on tickets."""
    links = select(ticket_tags.c.ticket_id, Tag.name).join(Tag, Tag.id == ticket_tags.c.tag_id)
    return await _gathered(session, links.where(ticket_tags.c.ticket_id == _any(ids)), ids)


async def said_on(session: AsyncSession, ids: Sequence[int]) -> Mapping[int, set[str]]:
    """Digests of the comments on tickets, of those in the trash too: what was put there is not said again."""
    trimmed = func.regexp_replace(Comment.content, r"^\s+|\s+$", "", "g")
    hashed = func.encode(func.sha256(func.convert_to(trimmed, "UTF8")), "hex")
    return await _gathered(
        session, select(Comment.ticket_id, hashed).where(Comment.ticket_id == _any(ids)), ids
    )


async def _gathered(
    session: AsyncSession, statement: Select[int, str], ids: Sequence[int]
) -> Mapping[int, set[str]]:
    gathered: dict[int, set[str]] = defaultdict(set)
    if ids:
        for ticket_id, value in await session.execute(statement, execution_options=INCLUDE_TRASHED):
            gathered[ticket_id].add(value)
    return gathered


def _any(ids: Sequence[int]) -> Any:
    return any_(literal([*ids], ARRAY(BigInteger)))
