import json
import re
from collections.abc import Iterator
from math import inf
from typing import Any, Final
from urllib.parse import urlencode

import pytest
from sqlalchemy import event

from admin_views.pickers import STAFF, TAGS
from backoffice.admin.filters import Choice, Exact, Flag, Related, RelatedMany
from backoffice.admin.places import sortable
from backoffice.admin.view import View
from backoffice.errors import ConfigurationError
from models import Base, Comment, Tag, Ticket, User
from tests.admin.desk import Desk
from tests.admin.many_rows import fill
from tests.databases import Database


def declared(of: type[Base], **attributes: Any) -> View:
    """A view of some model, as it is when the site takes it in."""

    class Declared(View, model=of):
        can_create = can_edit = False

    for name, value in attributes.items():
        setattr(Declared, name, value)
    return Declared()


class TestDeclarations:
    @pytest.mark.parametrize(
        ("model", "attributes", "sentence"),
        [
            (Ticket, {"column_sortable_list": ["title"]}, "sorted by “title”.* begins with title"),
            (Ticket, {"column_default_sort": ("resolved_at", True)}, "sorted by “resolved_at”"),
            # It is in an index, but behind another column; or in one of other rows alone.
            (Comment, {"column_sortable_list": ["id", "is_internal"]}, "sorted by “is_internal”"),
            (User, {"column_sortable_list": ["is_staff"]}, "sorted by “is_staff”"),
            (Ticket, {"filters": [Exact("title")]}, "filtered by “title”.* holds title"),
            (User, {"filters": [Choice("theme")]}, "filtered by “theme”.* stays_small = True"),
        ],
    )
    def test_what_no_index_serves_is_refused(
        self, model: type[Base], attributes: dict[str, Any], sentence: str
    ) -> None:
        with pytest.raises(ConfigurationError, match=sentence):
            declared(model, **attributes)
        declared(model, **attributes, stays_small=True)

    def test_what_an_index_serves_is_taken(self) -> None:
        declared(Ticket, column_sortable_list=["status", "created_at", "id", "ticket_number"])
        declared(Ticket, filters=[Choice("status"), Related("assignee", STAFF), RelatedMany("tags", TAGS)])
        declared(User, filters=[Flag("is_staff"), Flag("is_active")], column_sortable_list=["email"])
        declared(Tag, column_sortable_list=["name"])

    def test_the_mend_is_in_the_message(self) -> None:
        with pytest.raises(ConfigurationError, match="beside the model, with a migration"):
            declared(Ticket, column_sortable_list=["title"])


# Plans ------------------------------------------------------------------------------------------

#: What no statement of a list may read from end to end: tables and partitions with many rows.
BIG: Final = "SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples > 5000"
#: What is asked of each filter of each view, by the names of both.
ASKED: Final[dict[tuple[str, str], list[dict[str, str]]]] = {
    ("ticket", "status"): [{"status": "open"}, {"status": "open,closed"}],
    ("ticket", "priority"): [{"priority": "urgent"}],
    ("ticket", "assignee"): [{"assignee": "me"}, {"assignee": "nobody"}],
    ("ticket", "tags"): [{"tags": "1"}, {"tags": "empty"}, {"tags": "not-empty"}],
    ("ticket", "creator"): [{"creator": "2000"}],
    ("ticket", "created_at"): [{"created_at_from": "2026-01-01", "created_at_to": "2026-01-02"}],
    ("ticket", "is_overdue"): [{"is_overdue": "1"}],
    ("comment", "is_internal"): [{"is_internal": "1"}, {"is_internal": "0"}],
    ("comment", "author"): [{"author": "2000"}],
    ("comment", "ticket"): [{"ticket": "2000"}],
    ("comment", "created_at"): [{"created_at_from": "2026-01-01", "created_at_to": "2026-01-02"}],
    ("attachment", "uploaded_by"): [{"uploaded_by": "2000"}],
    ("attachment", "ticket"): [{"ticket": "2000"}],
    ("attachment", "created_at"): [{"created_at_from": "2026-01-01", "created_at_to": "2026-01-02"}],
    ("user", "created_at"): [{"created_at_from": "2026-01-01", "created_at_to": "2026-01-02"}],
    ("seal", "sealed_at"): [{"sealed_at_from": "2026-01-01", "sealed_at_to": "2026-01-02"}],
    ("user", "last_login"): [{"last_login": "empty"}, {"last_login": "not-empty"}, {"last_login": "today"}],
    ("user", "is_staff"): [{"is_staff": "1"}, {"is_staff": "0"}],
    ("attachment", "size_bytes"): [{"size_bytes_from": "10", "size_bytes_to": "11"}],
    ("user", "is_active"): [{"is_active": "0"}],
    ("user", "groups"): [{"groups": "1"}],
    ("operation", "verb"): [{"verb": "ticket.merge"}],
    ("operation", "actor_user"): [{"actor_user": "2000"}],
    ("operation", "created_at"): [{"created_at_from": "2026-01-01", "created_at_to": "2026-01-02"}],
    ("audit-log", "table_name"): [{"table_name": "tickets"}, {"table_name": "tags"}],
    ("audit-log", "record_id"): [{"table_name": "tickets", "record_id": "500"}],
    ("audit-log", "action"): [{"action": "DELETE"}, {"action": "EXPORT"}],
    ("audit-log", "user"): [{"user": "2000"}],
    ("audit-log", "operation_id"): [{"operation_id": "00000000-0000-0000-0000-000000000001"}],
    ("audit-log", "created_at"): [{"created_at_from": "2026-01-01", "created_at_to": "2026-01-02"}],
}
#: Filters that one index serves together.
TOGETHER: Final[dict[str, list[dict[str, str]]]] = {
    "ticket": [{"status": "open", "priority": "urgent"}],
}
#: What PostgreSQL takes the making of a plan to cost, at most: so much dearer a kept one may be.
PLANNING: Final = 200


def sorts(view: View) -> Iterator[dict[str, str]]:
    for trash in ({}, {"trash": "only"}) if view.has_trash else ({},):
        for name in sortable(view, is_trash=bool(trash)):
            for direction in ("asc", "desc"):
                yield {**trash, "sortBy": name, "sort": direction}


def filters(view: View) -> Iterator[dict[str, str]]:
    for declared in view.filters:
        yield from ASKED[view.identity, declared.name]


def whole_tables(plan: dict[str, Any], wanted: float = inf) -> Iterator[str]:
    """The tables that a plan reads from end to end; not where it stops early, for most rows are `wanted`."""
    if plan["Node Type"] == "Limit":
        wanted = min(wanted, plan["Plan Rows"])
    elif plan["Node Type"] in {"Sort", "Aggregate", "Hash", "Hash Join"}:
        wanted = inf
    if plan["Node Type"] == "Seq Scan" and plan["Plan Rows"] < 2 * wanted:
        yield plan["Relation Name"]
    for part in plan.get("Plans", ()):
        yield from whole_tables(part, wanted)


def ways_to(tables: set[str], plan: dict[str, Any]) -> set[str]:
    """How a plan gets at these tables other than by a walk through an index, and how it sorts many rows."""
    ways = set()
    for node in nodes(plan):
        match node["Node Type"]:
            case "Seq Scan" | "Bitmap Heap Scan" if node["Relation Name"] in tables:
                ways.add(f"{node['Node Type']} {node['Relation Name']}")
            case "Sort" if node["Plan Rows"] > 100:
                ways.add(f"Sort {node['Sort Key']}")
    return ways


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All nodes of a plan."""
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


class TestPlans:
    @pytest.fixture(scope="class")
    async def full(self, desk: Desk, desk_database: Database) -> Desk:
        await desk.visitor("administrator")
        await fill(desk_database)
        return desk

    async def test_no_sort_and_no_filter_reads_a_whole_table(self, full: Desk) -> None:
        big = {row["relname"] for row in await full.owner.fetch(BIG)}
        assert len(big) == 7
        views = [view for view in full.app.state.site.declared if not view.stays_small]
        found, worse = {}, {}
        for view in views:
            for query in ({}, *sorts(view), *filters(view), *TOGETHER.get(view.identity, ())):
                address = f"/admin/{view.identity}/list?{urlencode(query)}"
                sent = await self._sent(full, address)
                plans = [await self._plan(full, *one) for one in sent]
                if tables := big & {table for plan in plans for table in whole_tables(plan)}:
                    found[address] = tables
                if "force_custom_plan" not in sent[0][1]:
                    for_any = [await self._plan_for_any_value(full, statement) for statement, _ in sent[1:]]
                    worse[address] = {
                        way
                        for kept, made in zip(for_any, plans[1:], strict=True)
                        if kept["Total Cost"] < made["Total Cost"] + PLANNING
                        for way in ways_to(big, kept) - ways_to(big, made)
                    }
        assert found == {}
        # Those lists for which PostgreSQL may keep a plan: where it would, it is no other one.
        assert len(worse) > 50
        assert {address: ways for address, ways in worse.items() if ways} == {}

    async def test_what_tickets_are_filtered_by_together_is_counted_by_an_index_alone(
        self, full: Desk
    ) -> None:
        someone = await full.owner.fetchval("SELECT max(assignee_id) FROM tickets")
        fetched = {"pk_tickets", "ix_tickets_live"}
        for query in ("status=open&priority=urgent", f"assignee={someone}&status=open&priority=low"):
            *_, (statement, values) = await self._sent(full, f"/admin/ticket/list?{query}")
            plan = await self._plan(full, statement, values)
            walks = [node for node in nodes(plan) if node.get("Relation Name") == "tickets"]
            found = [node["Node Type"] for node in walks if node.get("Index Name") not in fetched]
            assert found == ["Index Only Scan"] * 2, "the keys of the page, and the count"

    async def _sent(self, full: Desk, address: str) -> list[tuple[str, Any]]:
        sent: list[tuple[str, Any]] = []

        def note(_connection: object, _cursor: object, statement: str, values: Any, *_: object) -> None:
            sent.append((statement, values))

        engine = full.app.state.engine.sync_engine
        event.listen(engine, "before_cursor_execute", note)
        response = await (await full.visitor("administrator")).get(address)
        event.remove(engine, "before_cursor_execute", note)
        assert response.status_code == 200, address
        return sent

    async def _plan_for_any_value(self, full: Desk, statement: str) -> dict[str, Any]:
        count = max(map(int, re.findall(r"\$(\d+)", statement)), default=0)
        nothing = f"({', '.join(['NULL'] * count)})" if count else ""
        async with full.owner.transaction():
            await full.owner.execute("SET LOCAL plan_cache_mode = force_generic_plan")
            await full.owner.execute(f"PREPARE walk AS {statement}")
            (found,) = json.loads(await full.owner.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE walk{nothing}"))
            await full.owner.execute("DEALLOCATE walk")
        plan: dict[str, Any] = found["Plan"]
        return plan

    async def _plan(self, full: Desk, statement: str, values: Any) -> dict[str, Any]:
        (found,) = json.loads(await full.owner.fetchval(f"EXPLAIN (FORMAT JSON) {statement}", *values))
        plan: dict[str, Any] = found["Plan"]
        return plan
