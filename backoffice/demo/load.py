"""Loading the demo data: its people and tickets at once, then the work on them, operation by operation."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import datetime
from random import Random
from typing import Any

from sqlalchemy import exists, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.accounts.passwords import hash_password
from backoffice.attachments import HEAD_SIZE, FileStore, safe_type
from backoffice.audit.context import Change
from backoffice.database import SessionFactory, transaction
from backoffice.demo.accounts import DEMO_PASSWORD
from backoffice.demo.files import DrawnFile, draw_file
from backoffice.demo.library import Vocabulary, vocabulary
from backoffice.demo.people import Person, customers, staff
from backoffice.demo.stories import Story, Storyteller
from backoffice.demo.views import add_views
from backoffice.demo.work import work_remaining
from models import Attachment, Comment, Group, Operation, Tag, Ticket, User, ticket_tags, user_groups

ACTOR = "system:demo"
VERB = "system.demo"
SEED = 20261122

_LOCK = 7261657
_LARGEST_FILE = 1_000_000


async def load_demo(
    factory: SessionFactory, store: FileStore, *, now: datetime, report: Callable[[str], None]
) -> bool:
    """Fill an empty database with 200 people and 3,000 tickets of the 90 days before `now` (aware).

    Returns whether anything was loaded: where there are people already, who did not come from here,
    nothing is. What an interruption left out of the work on the tickets is made up for by the next
    call; `report` is given a sentence for whoever waits.
    """
    # Held till the end, on a connection of its own: two that start at once must not both load.
    async with factory.begin() as guard:
        await guard.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        if await _is_empty(factory):
            report("Loading demo data: 200 people, 3,000 tickets …")
            await _load(factory, store, now)
        elif not await _was_loaded(factory):
            return False
        return await work_remaining(factory) > 0


async def _is_empty(factory: SessionFactory) -> bool:
    async with factory() as session:
        return not await session.scalar(select(exists().select_from(User)))


async def _was_loaded(factory: SessionFactory) -> bool:
    async with factory() as session:
        return bool(await session.scalar(select(exists().where(Operation.verb == VERB))))


async def _load(factory: SessionFactory, store: FileStore, now: datetime) -> None:
    random = Random(SEED)  # noqa: S311 - chance that repeats itself is what is wanted
    known = vocabulary()
    people = [*staff(known, now), *customers(random, known, now)]
    employees = [person for person in people if person.group]
    stories = Storyteller(random, known, employees, people[len(employees) :]).tell(now)
    async with transaction(factory, Change(verb=VERB, actor=ACTOR, selection="demo data")) as session:
        loader = _Loader(session, random)
        await loader.add_people(people)
        await loader.add_tags(known)
        await loader.add_tickets(stories)
        await loader.add_comments(stories)
        await loader.add_attachments(store, stories)
        await loader.add_views()


class _Loader:
    """Writes rows in bulk, and remembers their ids."""

    def __init__(self, session: AsyncSession, random: Random) -> None:
        self._session = session
        self._random = random
        self._users: dict[str, int] = {}
        self._tags: dict[str, int] = {}
        self._tickets: list[int] = []

    async def add_people(self, people: Sequence[Person]) -> None:
        hashes = await asyncio.gather(*(_hash_for(person) for person in people))
        rows = [_user_row(person, hashed) for person, hashed in zip(people, hashes, strict=True)]
        ids = await self._insert(User, rows)
        self._users = {person.email: user_id for person, user_id in zip(people, ids, strict=True)}
        groups = {group.name: group.id for group in await self._session.scalars(select(Group))}
        memberships = [
            {"user_id": self._users[person.email], "group_id": groups[person.group]}
            for person in people
            if person.group
        ]
        await self._session.execute(insert(user_groups), memberships)

    async def add_tags(self, known: Vocabulary) -> None:
        rows = [
            {"name": name, "color": color, "description": description}
            for name, (color, description) in known.tags.items()
        ]
        self._tags = dict(zip(known.tags, await self._insert(Tag, rows), strict=True))

    async def add_tickets(self, stories: Sequence[Story]) -> None:
        self._tickets = await self._insert(Ticket, [self._ticket_row(story) for story in stories])
        links = [
            {"ticket_id": ticket_id, "tag_id": self._tags[tag], "created_at": story.created_at}
            for ticket_id, story in zip(self._tickets, stories, strict=True)
            for tag in self._chosen(story.tags)
        ]
        await self._session.execute(insert(ticket_tags), links)

    async def add_comments(self, stories: Sequence[Story]) -> None:
        rows: list[dict[str, Any]] = [
            {
                "ticket_id": ticket_id,
                "author_id": self._users[line.author.email],
                "content": line.text,
                "is_internal": line.is_internal,
                "created_at": line.at,
                "updated_at": line.at,
            }
            for ticket_id, story in zip(self._tickets, stories, strict=True)
            for line in story.lines
        ]
        rows.sort(key=lambda row: row["created_at"])
        await self._session.execute(insert(Comment), rows)

    async def add_attachments(self, store: FileStore, stories: Sequence[Story]) -> None:
        rows = [
            await self._attachment_row(store, ticket_id, story)
            for ticket_id, story in zip(self._tickets, stories, strict=True)
            if story.has_file
        ]
        await self._session.execute(insert(Attachment), rows)

    async def add_views(self) -> None:
        await add_views(self._session, self._users)

    def _chosen(self, tags: Sequence[str]) -> Iterable[str]:
        # Nobody tags everything: the first tag is the topic, the others are on most tickets.
        return [tag for tag in tags if tag in tags[:1] or self._random.random() < 0.7]

    def _ticket_row(self, story: Story) -> dict[str, Any]:
        return {
            "title": story.title,
            "description": story.text,
            "status": story.status,
            "priority": story.priority,
            "creator_id": self._users[story.customer.email],
            "assignee_id": self._users[story.assignee.email] if story.assignee else None,
            "resolved_at": story.resolved_at,
            "created_at": story.created_at,
            "updated_at": story.last_change,
        }

    async def _attachment_row(self, store: FileStore, ticket_id: int, story: Story) -> dict[str, Any]:
        file = draw_file(self._random, story.tags, story.title, story.created_at)
        stored = await store.save(_in_one_piece(file), limit=_LARGEST_FILE)
        return {
            "ticket_id": ticket_id,
            "uploaded_by_id": self._users[story.customer.email],
            "filename": file.filename,
            "content_type": safe_type(file.filename, None, file.content[:HEAD_SIZE]),
            "size_bytes": stored.size_bytes,
            "sha256": stored.sha256,
            "created_at": story.created_at,
            "updated_at": story.created_at,
        }

    async def _insert(
        self, model: type[User] | type[Tag] | type[Ticket], rows: list[dict[str, Any]]
    ) -> list[int]:
        statement = insert(model).returning(model.id, sort_by_parameter_order=True)
        return list(await self._session.scalars(statement, rows))


async def _hash_for(person: Person) -> str:
    """Customers have no password, and neither has who left the desk."""
    return await hash_password(DEMO_PASSWORD) if person.group and person.is_active else ""


def _user_row(person: Person, password_hash: str) -> dict[str, Any]:
    return {
        "email": person.email,
        "full_name": person.full_name,
        "is_staff": person.group is not None,
        "is_active": person.is_active,
        "password_hash": password_hash,
        "time_zone": person.time_zone,
        "created_at": person.created_at,
        "updated_at": person.created_at,
    }


async def _in_one_piece(file: DrawnFile) -> AsyncIterator[bytes]:
    yield file.content
