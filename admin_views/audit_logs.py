"""The audit log: every change of every record, read-only for everyone."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from starlette.requests import Request

from admin_views import entries
from admin_views.pickers import PEOPLE
from admin_views.sealed import SealedLately, around_entry
from backoffice.admin.filters import Choice, Dates, Exact, Related
from backoffice.admin.pages import Kind
from backoffice.admin.view import View
from backoffice.audit.browse import Entry, Place, find_entry
from models import AuditLog


class AuditLogAdmin(View, model=AuditLog):
    name = "Audit log entry"
    name_plural = "Audit log"
    category = "History"
    icon = "ti ti-history"
    can_create = can_edit = False
    searches_on_record = True
    column_list = ["created_at", "user", "action", "record_id", "changes", "operation_id"]
    more_columns = ["table_name", "request_id", "address", "database_user"]
    column_labels = {
        "created_at": "When",
        "user": "Who",
        "table_name": "Table",
        "record_id": "Record",
        "operation_id": "Operation",
        "request_id": "Request",
        "database_user": "Database role",
        "xid": "Transaction",
    }
    column_sortable_list = ["created_at"]
    column_default_sort = ("created_at", True)
    column_details_list = [
        "created_at",
        "user",
        "action",
        "record_id",
        "operation_id",
        "request_id",
        "address",
        "database_user",
        "xid",
    ]
    column_kinds = {"request_id": Kind.CODE, "xid": Kind.CODE}
    optional_facts = ["operation_id", "request_id", "address", "xid"]
    cells = {"record_id": entries.record, "changes": entries.changes, "operation_id": entries.operation}
    # A record's number says nothing without its table.
    export_columns = ["created_at", "user", "action", "table_name", "record_id", "changes", "operation_id"]
    grants = {"verify": "Verify", "export": "Export with proof"}
    list_template = "audit_log.html"
    details_template = "audit_entry.html"
    filters = [
        # Each operation's own entry repeats what its page says.
        Exact("table_name", label="Table", hidden="operations"),
        Exact("record_id", label="Record"),
        Choice("action"),
        Related("user", PEOPLE, label="Who"),
        Exact("operation_id", label="Operation"),
        Dates("created_at", label="When"),
    ]
    empty_title = "No entries"
    empty_text = "Every change of a record is written here by the database itself."

    async def history(
        self, request: Request, record: AuditLog, *, limit: int, before: Place | None
    ) -> list[Entry]:
        found = await find_entry(request.state.session, record.id)
        return [found] if found is not None else []

    @cached_property
    def sealed_lately(self) -> SealedLately:
        return SealedLately(self.site)

    async def list_extra(self, request: Request) -> Mapping[str, Any]:
        return {"sealed": await self.sealed_lately.ask(request)}

    async def details_extra(self, request: Request, record: AuditLog) -> Mapping[str, Any]:
        return await around_entry(self.site, request, record)
