"""Operations: what was done, to how many rows, and the way back."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqladmin import expose
from sqlalchemy import ColumnElement
from starlette.requests import Request
from starlette.responses import Response

from admin_views import entries, undoing
from admin_views.pickers import STAFF
from backoffice.accounts.sessions import CurrentUser
from backoffice.admin.filters import Dates, Exact, Related
from backoffice.admin.pages import Kind
from backoffice.admin.view import View
from backoffice.audit.labels import verb_label
from backoffice.errors import NotFound
from models import Operation


class OperationAdmin(View, model=Operation):
    category = "History"
    icon = "ti ti-arrow-back-up"
    can_create = can_edit = False
    keeps_history = False
    column_list = ["created_at", "verb", "actor", "selection", "outcome"]
    more_columns = ["reason", "reverts", "request_id"]
    column_labels = {
        "created_at": "When",
        "verb": "What",
        "actor": "Who",
        "selection": "On",
        "parameters": "With",
        "reverts": "Undoes",
    }
    column_sortable_list = ["created_at"]
    column_default_sort = ("created_at", True)
    column_details_list = [
        "created_at",
        "actor",
        "selection",
        "parameters",
        "reason",
        "reverts",
        "request_id",
    ]
    column_kinds = {"selection": Kind.TEXT, "request_id": Kind.CODE}
    optional_facts = ["selection", "parameters", "reason", "reverts", "request_id"]
    cells = {"verb": entries.verb, "outcome": entries.outcome, "parameters": entries.parameters}
    filters = [
        Exact("verb", label="What"),
        Related("actor_user", STAFF, label="Who"),
        Dates("created_at", label="When"),
    ]
    grants = {"see-all": "See everybody's", "undo": "Undo everybody's"}
    details_template = "operation.html"
    empty_title = "No operations"
    empty_text = "Whatever is changed on the desk shows here, and can be undone."

    def scope(self, user: CurrentUser) -> ColumnElement[bool] | None:
        return None if user.may(self.identity, "action:see-all") else Operation.actor_id == user.id

    def parse_key(self, raw: str) -> UUID:
        try:
            return UUID(raw)
        except ValueError:
            raise NotFound(f"There is no operation “{raw[:40]}”.") from None

    def title(self, record: Operation) -> str:
        return verb_label(record.verb)

    async def details_extra(self, request: Request, record: Operation) -> Mapping[str, Any]:
        return await undoing.around(self, request, record)

    @expose("/{pk}/undo", methods=["POST"])
    async def undo(self, request: Request) -> Response:
        return await undoing.undo_operation(self, request)
