"""Random operations, random meddling after them: undo restores all that nobody touched, and no more."""

from dataclasses import dataclass

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from backoffice.database import SessionFactory, transaction
from tests.factories import arranging, make_staff, make_tag, make_ticket
from tests.performing import acting, take_back

FIELDS = {
    "title": st.sampled_from(["", "one", "null", "{}", "ü'\"\\"]),
    "priority": st.sampled_from(["low", "medium", "high"]),
    "assignee_id": st.none() | st.sampled_from(["first", "second"]),
    "created_at": st.sampled_from(["2020-01-01 00:00:00.000001+00", "2021-06-01 12:00:00+02"]),
}

ROWS = 3

ADD = "INSERT INTO ticket_tags (ticket_id, tag_id) VALUES (:ticket, :tag) ON CONFLICT DO NOTHING"
REMOVE = "DELETE FROM ticket_tags WHERE ticket_id = :ticket AND tag_id = :tag"


@dataclass(frozen=True)
class Setting:
    row: int
    field: str
    value: str | None


@dataclass(frozen=True)
class Tagging:
    row: int
    tag: int
    is_added: bool


rows = st.integers(0, ROWS - 1)
settings_of_fields = st.sampled_from(sorted(FIELDS)).flatmap(
    lambda field: st.builds(Setting, rows, st.just(field), FIELDS[field])
)
taggings = st.builds(Tagging, rows, st.integers(0, 1), st.booleans())
steps = st.lists(settings_of_fields | taggings, max_size=8)

State = tuple[dict[tuple[int, str], object], set[tuple[int, int]]]


@pytest.fixture
async def ids(factory: SessionFactory) -> dict[str, list[int]]:
    async with transaction(factory, arranging()) as session:
        return {
            "tickets": [(await make_ticket(session)).id for _ in range(ROWS)],
            "tags": [(await make_tag(session)).id for _ in range(2)],
            "people": [(await make_staff(session)).id for _ in range(2)],
        }


async def do(factory: SessionFactory, ids: dict[str, list[int]], todo: list[Setting | Tagging]) -> object:
    change = acting()
    async with transaction(factory, change) as session:
        for step in todo:
            ticket = ids["tickets"][step.row]
            if isinstance(step, Tagging):
                link = {"ticket": ticket, "tag": ids["tags"][step.tag]}
                await session.execute(text(ADD if step.is_added else REMOVE), link)
            else:
                value = step.value
                if step.field == "assignee_id" and value is not None:
                    value = str(ids["people"][["first", "second"].index(value)])
                literal = (
                    "NULL" if value is None else "'" + value.replace("'", "''").replace(":", "\\:") + "'"
                )
                await session.execute(
                    text(f"UPDATE tickets SET {step.field} = {literal} WHERE id = {ticket}")
                )
    return change


async def state(owner: asyncpg.Connection) -> State:
    fields = {}
    for row in await owner.fetch(f"SELECT id, {', '.join(FIELDS)} FROM tickets"):
        fields.update({(row["id"], field): row[field] for field in FIELDS})
    links = await owner.fetch("SELECT ticket_id, tag_id FROM ticket_tags")
    return fields, {(row["ticket_id"], row["tag_id"]) for row in links}


class TestUndo:
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(earlier=steps, operation=steps, later=steps)
    async def test_restores_what_nobody_touched_since(
        self,
        factory: SessionFactory,
        owner: asyncpg.Connection,
        ids: dict[str, list[int]],
        earlier: list[Setting | Tagging],
        operation: list[Setting | Tagging],
        later: list[Setting | Tagging],
    ) -> None:
        await do(factory, ids, earlier)
        before = await state(owner)
        change = await do(factory, ids, operation)
        between = await state(owner)
        await do(factory, ids, later)
        after = await state(owner)
        if not await owner.fetchval("SELECT true FROM operations WHERE id = $1", change.operation_id):
            return
        result, _ = await take_back(factory, change)
        fields, links = await state(owner)
        conflicts = {(conflict.record_id, conflict.field) for conflict in result.conflicts}
        for key, old in before[0].items():
            is_changed = old != between[0][key]
            is_ours = after[0][key] == between[0][key]
            assert fields[key] == (old if is_changed and is_ours else after[0][key])
            assert (key in conflicts) == (is_changed and not is_ours and after[0][key] != old)
        for link in before[1] | between[1] | after[1]:
            is_changed = (link in before[1]) != (link in between[1])
            assert (link in links) == (link in (before[1] if is_changed else after[1]))
        assert result.conflict_count == len(conflicts)
