"""Random histories, a snapshot after each step: as of that moment, everything is as the snapshot has it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.past import Image, bring_back, family_of, past_of
from backoffice.audit.past.images import kept_columns
from backoffice.database import SessionFactory, transaction
from backoffice.desk import delete_forever, move_to_trash, restore
from backoffice.operations import chosen, run
from models import Base
from tests.factories import arranging, make_attachment, make_comment, make_staff, make_tag, make_ticket
from tests.performing import acting

TICKETS = 2
TABLES = {name: Base.metadata.tables[name] for name in ("tickets", "comments", "attachments")}
CHILDREN = [TABLES["comments"], TABLES["attachments"]]
VALUES = {
    "title": ["", "one", "null", "{}", "ü'\"\\"],
    "status": ["open", "resolved", "closed"],
    "assignee_id": [None, 0, 1],
    "resolved_at": [None, "2020-01-01 00:00:00.1+00"],
    "created_at": ["2020-01-01 00:00:00.000001+00", "2021-06-01 12:00:00+02"],
}


@dataclass(frozen=True)
class Step:
    """One thing that is done to one of the tickets; `pick` says which of what it has."""

    what: str
    ticket: int
    pick: int


steps = st.builds(
    Step,
    st.sampled_from(
        [
            *("set", "set", "tag", "tag", "untag", "untag", "comment", "attach", "edit", "move"),
            *("trash-comment", "purge-comment", "trash", "trash", "restore", "purge", "purge", "bring-back"),
        ]
    ),
    st.integers(0, TICKETS - 1),
    st.integers(0, 11),
)
#: Each inner list is a transaction of its own.
histories = st.lists(st.lists(steps, min_size=1, max_size=3), min_size=6, max_size=25)
#: Brought back and deleted again in one transaction, and then brought back once more.
COMES_AND_GOES = [
    [Step("trash", 0, 0)],
    [Step("purge", 0, 0)],
    [Step("bring-back", 0, 0), Step("purge", 0, 0)],
    [Step("bring-back", 0, 0), Step("set", 0, 0)],
]


@dataclass
class World:
    """The desk, and the ids of what there ever was."""

    owner: asyncpg.Connection
    session: AsyncSession
    people: list[int]
    tags: list[int]
    tickets: list[int] = field(default_factory=list)

    async def do(self, step: Step) -> None:
        ticket = self.tickets[step.ticket]
        is_there = await self.value("SELECT true FROM tickets WHERE id = :id", id=ticket)
        if is_there is None:
            if step.what == "bring-back":
                family = await family_of(self.session, TABLES["tickets"], ticket, CHILDREN)
                await bring_back(self.session, family, lambda table, values: "")
            return
        match step.what:
            case "set":
                await self.set(ticket, step.pick)
            case "tag":
                insert = (
                    "INSERT INTO ticket_tags (ticket_id, tag_id) VALUES (:id, :tag) ON CONFLICT DO NOTHING"
                )
                await self.run(insert, id=ticket, tag=self.tags[step.pick % 2])
            case "untag":
                delete = "DELETE FROM ticket_tags WHERE ticket_id = :id AND tag_id = :tag"
                await self.run(delete, id=ticket, tag=self.tags[step.pick % 2])
            case "comment" | "attach":
                await self.add(step.what, ticket)
            case "trash" | "restore" | "purge":
                verb = {"trash": move_to_trash, "restore": restore, "purge": delete_forever}[step.what]
                await run(self.session, verb(), chosen([ticket]))
            case _:
                await self.change_comment(step, ticket)

    async def set(self, ticket: int, pick: int) -> None:
        name = sorted(VALUES)[pick % len(VALUES)]
        value: Any = VALUES[name][pick % len(VALUES[name])]
        if name == "assignee_id" and value is not None:
            value = self.people[value]
        kind = TABLES["tickets"].c[name].type.compile(dialect=self.session.bind.dialect)  # type: ignore[union-attr]
        cast = f"CAST(CAST(:value AS text) AS {kind})"
        value = None if value is None else str(value)
        await self.run(f"UPDATE tickets SET {name} = {cast} WHERE id = :id", id=ticket, value=value)

    async def add(self, what: str, ticket: int) -> None:
        make = "comment" if what == "comment" else "attachment"
        columns = {
            "comment": "INSERT INTO comments (content, ticket_id, author_id) VALUES ('New.', :id, :who)",
            "attachment": "INSERT INTO attachments (filename, content_type, size_bytes, sha256, ticket_id,"
            " uploaded_by_id) VALUES ('a', 'b', 3, repeat('0', 64), :id, :who)",
        }
        await self.run(columns[make], id=ticket, who=self.people[0])

    async def change_comment(self, step: Step, ticket: int) -> None:
        mine = "SELECT id FROM comments WHERE ticket_id = :id ORDER BY id"
        ids = [*await self.session.scalars(text(mine), {"id": ticket})]
        if not ids:
            return
        comment = ids[step.pick % len(ids)]
        other = self.tickets[(step.ticket + 1) % TICKETS]
        if step.what == "move" and await self.value("SELECT true FROM tickets WHERE id = :id", id=other):
            await self.run("UPDATE comments SET ticket_id = :other WHERE id = :id", id=comment, other=other)
        elif step.what == "edit":
            await self.run("UPDATE comments SET content = content || '!' WHERE id = :id", id=comment)
        elif step.what == "trash-comment":
            await self.run("UPDATE comments SET deleted_at = now() WHERE id = :id", id=comment)
        elif step.what == "purge-comment":
            await self.run("DELETE FROM comments WHERE id = :id", id=comment)

    async def run(self, statement: str, **parameters: Any) -> None:
        await self.session.execute(text(statement), parameters)

    async def value(self, statement: str, **parameters: Any) -> Any:
        return await self.session.scalar(text(statement), parameters)


Snapshot = tuple[datetime, Mapping[str, Mapping[int, dict[str, Any]]], set[tuple[int, int]]]


async def snapshot(owner: asyncpg.Connection) -> Snapshot:
    moment = await owner.fetchval("SELECT clock_timestamp()")
    rows = {
        name: {
            row["id"]: {one.name: row[one.name] for one in kept_columns(table)}
            for row in await owner.fetch(f"SELECT * FROM {name}")
        }
        for name, table in TABLES.items()
    }
    links = await owner.fetch("SELECT ticket_id, tag_id FROM ticket_tags")
    return moment, rows, {(row["ticket_id"], row["tag_id"]) for row in links}


@pytest.fixture
async def things(factory: SessionFactory) -> dict[str, list[int]]:
    async with transaction(factory, arranging()) as session:
        return {
            "people": [(await make_staff(session)).id for _ in range(2)],
            "tags": [(await make_tag(session)).id for _ in range(2)],
        }


async def tickets(factory: SessionFactory) -> list[int]:
    """Tickets with something on them, new for each history."""
    async with transaction(factory, arranging()) as session:
        made = [await make_ticket(session) for _ in range(TICKETS)]
        for ticket in made:
            await make_comment(session, ticket=ticket)
            await make_attachment(session, ticket=ticket)
        return [ticket.id for ticket in made]


class TestAsOf:
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @example(history=COMES_AND_GOES)
    @given(history=histories)
    async def test_is_what_a_snapshot_showed(
        self,
        factory: SessionFactory,
        owner: asyncpg.Connection,
        things: dict[str, list[int]],
        history: list[list[Step]],
    ) -> None:
        snapshots = [await snapshot(owner)]
        known = await tickets(factory)
        snapshots.append(await snapshot(owner))
        for together in history:
            async with transaction(factory, acting()) as session:
                world = World(owner, session, things["people"], things["tags"], known)
                for step in together:
                    await world.do(step)
            snapshots.append(await snapshot(owner))
        async with transaction(factory, acting(read_only=True)) as session:
            for taken in snapshots:
                for ticket in known:
                    await compare(session, ticket, taken)


async def compare(session: AsyncSession, ticket: int, taken: Snapshot) -> None:
    moment, rows, links = taken
    past = await past_of(session, TABLES["tickets"], ticket, moment, CHILDREN)
    assert past is not None
    row = rows["tickets"].get(ticket)
    assert past.image.is_there == (row is not None)
    assert values_of(past.image) == (row or {})
    assert set(past.links["ticket_tags"]) == {tag for linked, tag in links if linked == ticket}
    for name in ("comments", "attachments"):
        below = {key: child for key, child in rows[name].items() if child["ticket_id"] == ticket}
        assert {image.record_id: values_of(image) for image in past.children[name]} == below


def values_of(image: Image) -> dict[str, Any]:
    assert not image.unknown
    return dict(image.values)


def test_tables_are_what_the_history_is_kept_of() -> None:
    assert all(isinstance(table, Table) and kept_columns(table) for table in TABLES.values())
