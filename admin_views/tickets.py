"""Tickets: the desk's main page."""

from collections.abc import Mapping
from typing import Any

from sqladmin import expose
from sqlalchemy import ColumnElement
from starlette.requests import Request
from starlette.responses import Response

from admin_views import bulk_actions, conversation
from admin_views.pickers import PEOPLE, STAFF, TAGS
from backoffice.admin.filters import Choice, Dates, Flag, Related, RelatedMany
from backoffice.admin.formats import words
from backoffice.admin.forms import Section
from backoffice.admin.pages import Kind
from backoffice.admin.view import View
from backoffice.desk.finding import ticket_lookup, ticket_search
from backoffice.desk.search import search_condition
from backoffice.searching import Search
from models import Attachment, Comment, Ticket


class TicketAdmin(View, model=Ticket):
    category = "Desk"
    icon = "ti ti-ticket"
    can_delete = True
    bring_back_grant = "action:purge"
    views_on_record = True
    column_list = [
        "ticket_number",
        "title",
        "status",
        "priority",
        "assignee",
        "tags",
        "created_at",
        "updated_at",
    ]
    more_columns = ["creator", "resolved_at", "is_overdue", "description"]
    column_labels = {
        "ticket_number": "Number",
        "title": "Subject",
        "creator": "Requester",
        "is_overdue": "Overdue",
        "created_at": "Created",
        "updated_at": "Updated",
        "resolved_at": "Resolved",
        "deleted_at": "Moved to trash",
    }
    column_sortable_list = ["status", "priority", "created_at", "updated_at"]
    column_default_sort = ("created_at", True)
    column_details_list = [
        "status",
        "priority",
        "assignee",
        "creator",
        "tags",
        "created_at",
        "updated_at",
        "resolved_at",
        "is_overdue",
        "deleted_at",
    ]
    column_kinds = {"is_overdue": Kind.FLAG, "ticket_number": Kind.CODE, "tags": Kind.RECORDS}
    filters = [
        Choice("status"),
        Choice("priority"),
        Related("assignee", STAFF, special={"me": "Me", "nobody": "Nobody"}),
        RelatedMany("tags", TAGS, label="Tag"),
        Related("creator", PEOPLE, label="Requester", counts=False),
        Dates("created_at", label="Created"),
        Flag("is_overdue", label="Overdue"),
    ]
    search_hint = "Number, words, people or e-mail"
    form_sections = [
        Section("Request", ["title", "description", "creator"], "What was asked, and by whom."),
        Section("Handling", ["status", "priority", "assignee", "tags"], "Who works on it, and how urgently."),
    ]
    pickers = {"creator": PEOPLE, "assignee": STAFF, "tags": TAGS}
    takes_files = ["attach"]
    child_models = [Comment, Attachment]
    edit_in_place = ["status", "priority", "assignee", "tags"]
    bulk_edit_fields = ["creator", "status", "priority", "assignee", "tags"]
    bulk_actions = bulk_actions.FOR_TICKETS
    details_template = "ticket.html"
    empty_title = "No tickets"
    empty_text = "When a customer asks for something, write it down here."

    def search(self, term: str) -> ColumnElement[bool]:
        return search_condition(term)

    def palette(self, term: str) -> Search:
        return ticket_lookup(term)

    def detail(self, record: Ticket) -> str:
        return words(record.status.value)

    async def find(self, request: Request, term: str) -> Search:
        return await ticket_search(request.state.session, term)

    async def details_extra(self, request: Request, record: Any) -> Mapping[str, Any]:
        return await conversation.around(self, request, record)

    @expose("/{pk}/reply", methods=["POST"])
    async def reply(self, request: Request) -> Response:
        return await conversation.reply(self, request)

    @expose("/{pk}/attach", methods=["POST"])
    async def attach(self, request: Request) -> Response:
        return await conversation.attach(self, request)
