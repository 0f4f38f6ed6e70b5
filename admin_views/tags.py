"""Tags: the labels that group tickets."""

from sqlalchemy import ColumnElement
from starlette.requests import Request

from admin_views import bulk_actions
from admin_views.ticket_lists import to_tickets
from backoffice.admin.forms import Section
from backoffice.admin.pages import Kind, Link
from backoffice.admin.questions import FieldKind
from backoffice.admin.view import View
from backoffice.searching import Search
from models import Tag


class TagAdmin(View, model=Tag):
    category = "Desk"
    icon = "ti ti-tags"
    can_delete = True
    bring_back_grant = "delete"
    column_list = ["name", "color", "description", "created_at"]
    more_columns = ["updated_at"]
    column_labels = {"color": "Colour", "created_at": "Created", "updated_at": "Updated"}
    column_sortable_list = ["name", "created_at"]
    column_default_sort = "name"
    column_details_list = ["name", "color", "description", "created_at", "updated_at"]
    column_kinds = {"color": Kind.LABEL}
    search_hint = "Name"
    form_sections = [Section("Tag", ["name", "color", "description"])]
    form_kinds = {"color": FieldKind.COLOUR}
    bulk_edit_fields = ["color", "description"]
    bulk_actions = bulk_actions.FOR_TAGS
    empty_title = "No tags"
    empty_text = "Tags group tickets by what they are about, such as billing or printers."

    def record_actions(self, request: Request, record: Tag) -> list[Link]:
        return to_tickets(self, request, "Its tickets", tags=str(record.id))

    def search(self, term: str) -> ColumnElement[bool]:
        return Tag.name.icontains(term, autoescape=True)

    def palette(self, term: str) -> Search:
        return Search(self.search(term), exact=Tag.name == term)

    def detail(self, record: Tag) -> str:
        return record.description or ""
