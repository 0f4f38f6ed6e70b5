import json
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
        found = {}
        for view in views:
            for query in ({}, *sorts(view), *filters(view)):
                address = f"/admin/{view.identity}/list?{urlencode(query)}"
                if tables := big & await self._read_wholly(full, address):
                    found[address] = tables
        assert found == {}

    async def test_what_tickets_are_filtered_by_together_is_counted_by_an_index_alone(
        self, full: Desk
    ) -> None:
        someone = await full.owner.fetchval("SELECT max(assignee_id) FROM tickets")
        fetched = {"pk_tickets", "ix_tickets_live"}
        for query in ("status=open&priority=urgent", f"assignee={someone}&status=open&priority=low"):
            *_, (statement, values) = await self._sent(full, f"/admin/ticket/list?{query}")
            (plan,) = json.loads(await full.owner.fetchval(f"EXPLAIN (FORMAT JSON) {statement}", *values))
            walks = [node for node in nodes(plan["Plan"]) if node.get("Relation Name") == "tickets"]
            found = [node["Node Type"] for node in walks if node.get("Index Name") not in fetched]
            assert found == ["Index Only Scan"] * 2, "the keys of the page, and the count"

    async def _read_wholly(self, full: Desk, address: str) -> set[str]:
        return {
            table for one in await self._sent(full, address) for table in await self._whole_tables(full, *one)
        }

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

    async def _whole_tables(self, full: Desk, statement: str, values: Any) -> list[str]:
        (plan,) = json.loads(await full.owner.fetchval(f"EXPLAIN (FORMAT JSON) {statement}", *values))
        return list(whole_tables(plan["Plan"]))
