"""Making tickets of rows, with their customers, tags and comments, and bringing tickets up to date."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.context import current_change
from backoffice.desk.importing.directory import Directory, look_up, make_customers, named_in
from backoffice.desk.importing.plan import Plan
from backoffice.desk.importing.tickets import CHANGEABLE, assignee_id, missing_comments, said_on, tags_on
from backoffice.desk.importing.wanted import OUR_NUMBER, Wanted
from backoffice.desk.importing.writing import change_rows, insert_rows, moment, next_ids
from models import Base, Tag, TicketPriority, TicketStatus

_TABLES: Final = Base.metadata.tables
TICKETS, COMMENTS, TAGS, LINKS = (_TABLES[name] for name in ("tickets", "comments", "tags", "ticket_tags"))

#: As the column's own default draws one.
_NEXT_NUMBERS: Final = text(
    "SELECT 'T-' || to_char(nextval('ticket_number_seq'), 'FM999999999000000')"
    " FROM generate_series(1, :count)"
)
_GO_ON_AFTER: Final = text(
    "SELECT setval('ticket_number_seq', :number) FROM ticket_number_seq WHERE last_value < :number"
)


async def create_tickets(session: AsyncSession, plan: Plan, rows: Sequence[Wanted]) -> list[int]:
    """Make a ticket of each row, with all that belongs to it; their ids, in the order of the rows."""
    people = await _everybody(session, rows)
    ids = await next_ids(session, TICKETS, len(rows))
    numbers = await _numbers(session, rows)
    made = [_new(plan, people, *each) for each in zip(ids, numbers, rows, strict=True)]
    await insert_rows(session, TICKETS, made)
    await _add_comments(session, people, [*zip(ids, _comments(rows), strict=True)])
    await _add_tags(
        session, {id_: wanted.fields.get("tags", []) for id_, wanted in zip(ids, rows, strict=True)}
    )
    return ids


async def update_tickets(session: AsyncSession, plan: Plan, rows: Mapping[int, Wanted]) -> None:
    """Bring the tickets with these ids, which are locked, up to date; what their rows leave open stays."""
    people = await _everybody(session, rows.values())
    changes = {id_: _changes(plan, people, wanted) for id_, wanted in rows.items()}
    names = [*CHANGEABLE, "creator_id", "assignee_id"]
    await change_rows(session, TICKETS, names, changes)
    said, tagged = await said_on(session, [*rows]), await tags_on(session, [*rows])
    comments = [(id_, missing_comments(wanted, said.get(id_, set()))) for id_, wanted in rows.items()]
    await _add_comments(session, people, comments)
    tags = {
        id_: [name for name in wanted.fields.get("tags", ()) if name not in tagged.get(id_, set())]
        for id_, wanted in rows.items()
    }
    await _add_tags(session, tags)


# People and numbers -----------------------------------------------------------------------------


async def _everybody(session: AsyncSession, rows: Iterable[Wanted]) -> Directory:
    """All whom the rows name; customers among them are made who are not there yet."""
    rows = [*rows]
    named = [person for wanted in rows for person in named_in(wanted.fields)]
    known = await look_up(session, named)
    # An assignee whom nobody knows is nobody: that is no reason to make a customer of them.
    authors = [person for wanted in rows for person in _requesters_and_authors(wanted)]
    strangers = [person for person in authors if person["email"] and person["email"] not in known.by_email]
    if not strangers:
        return known
    await make_customers(session, strangers)
    return await look_up(session, named)


def _requesters_and_authors(wanted: Wanted) -> Iterable[dict[str, str]]:
    return named_in({**wanted.fields, "assignee": None})


async def _numbers(session: AsyncSession, rows: Sequence[Wanted]) -> list[str]:
    """Each row's own number, or the next of ours, which go on after the highest that a row brings."""
    ours = [int(found[1]) for wanted in rows if (found := OUR_NUMBER.fullmatch(wanted.key or ""))]
    if ours:
        await session.execute(_GO_ON_AFTER, {"number": max(ours)})
    missing = sum(wanted.key is None for wanted in rows)
    drawn = iter([*await session.scalars(_NEXT_NUMBERS, {"count": missing})] if missing else [])
    return [wanted.key or next(drawn) for wanted in rows]


# Tickets ----------------------------------------------------------------------------------------


def _new(plan: Plan, people: Directory, id_: int, number: str, wanted: Wanted) -> dict[str, Any]:
    fields = wanted.fields
    return {
        "id": id_,
        "ticket_number": number,
        "title": fields["title"],
        # Some exports leave out what was first written: then the subject is all that is known.
        "description": fields.get("description") or fields["title"],
        "status": TicketStatus(fields.get("status", TicketStatus.OPEN)),
        "priority": TicketPriority(fields.get("priority", TicketPriority.MEDIUM)),
        "creator_id": people.id_of(fields["requester"]),
        "assignee_id": assignee_id(plan, wanted, people),
        "resolved_at": moment(fields.get("resolved_at") or _last_moment(fields)),
        "created_at": moment(fields.get("created_at")),
        "updated_at": moment(_last_moment(fields)),
    }


def _last_moment(fields: Mapping[str, Any]) -> str | None:
    """When something last happened to it, as far as the row tells: that is when a settled one was settled."""
    return fields.get("updated_at") or fields.get("created_at")


def _changes(plan: Plan, people: Directory, wanted: Wanted) -> dict[str, Any]:
    fields = wanted.fields
    changes = {name: fields.get(name) for name in CHANGEABLE}
    changes["status"] = TicketStatus(fields["status"]) if "status" in fields else None
    changes["priority"] = TicketPriority(fields["priority"]) if "priority" in fields else None
    changes["creator_id"] = people.id_of(fields["requester"]) if "requester" in fields else None
    changes["assignee_id"] = assignee_id(plan, wanted, people)
    return changes


# What belongs to them ---------------------------------------------------------------------------


def _comments(rows: Sequence[Wanted]) -> list[list[dict[str, Any]]]:
    return [wanted.fields.get("comments", []) for wanted in rows]


async def _add_comments(
    session: AsyncSession, people: Directory, said: Sequence[tuple[int, list[dict[str, Any]]]]
) -> None:
    rows = [_comment(ticket_id, people, comment) for ticket_id, comments in said for comment in comments]
    await insert_rows(session, COMMENTS, rows)


def _comment(ticket_id: int, people: Directory, comment: Mapping[str, Any]) -> dict[str, Any]:
    author = people.id_of(comment["author"]) if comment["author"] else None
    return {
        "ticket_id": ticket_id,
        # Whom the file does not name, or nobody knows: then it is put down by whoever imports.
        "author_id": author or current_change().actor_id,
        "content": comment["content"],
        "is_internal": comment["is_internal"],
        "created_at": moment(comment["created_at"]),
        "updated_at": moment(comment["created_at"]),
    }


async def _add_tags(session: AsyncSession, tags: Mapping[int, Sequence[str]]) -> None:
    """Put tags on tickets that do not have them; those that are not there yet are made."""
    names = sorted({name for each in tags.values() for name in each})
    if not names:
        return
    made = insert(TAGS).on_conflict_do_nothing(index_elements=["name"])
    known = await _tag_ids(session, names)
    if new := [{"name": name} for name in names if name not in known]:
        await session.execute(made, new)
        known = await _tag_ids(session, names)
    links = [{"ticket_id": id_, "tag_id": known[name]} for id_, each in tags.items() for name in each]
    await session.execute(insert(LINKS).on_conflict_do_nothing(), links)


async def _tag_ids(session: AsyncSession, names: Sequence[str]) -> dict[str, int]:
    found = await session.execute(select(Tag.name, Tag.id).where(Tag.name.in_(names)))
    return {row.name: row.id for row in found}
