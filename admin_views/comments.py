"""Comments: every reply and note of the desk, newest first."""

from typing import Any

from sqlalchemy import ColumnElement
from starlette.requests import Request

from admin_views import bulk_actions
from admin_views.pickers import PEOPLE, TICKETS
from backoffice.admin.filters import Dates, Flag, Related
from backoffice.admin.forms import Section
from backoffice.admin.pages import Kind
from backoffice.admin.request import current_user
from backoffice.admin.view import View
from backoffice.desk.search import comment_search_condition
from models import Comment


class CommentAdmin(View, model=Comment):
    category = "Desk"
    icon = "ti ti-messages"
    can_delete = True
    bring_back_grant = "action:purge"
    column_list = ["content", "is_internal", "ticket", "author", "created_at"]
    more_columns = ["updated_at"]
    column_labels = {
        "content": "Text",
        "is_internal": "Internal note",
        "created_at": "Written",
        "updated_at": "Changed",
        "deleted_at": "Moved to trash",
    }
    column_sortable_list = ["created_at"]
    column_default_sort = ("created_at", True)
    column_details_list = [
        "content",
        "is_internal",
        "ticket",
        "author",
        "created_at",
        "updated_at",
        "deleted_at",
    ]
    column_kinds = {"content": Kind.LONG_TEXT}
    filters = [
        Flag("is_internal", label="Internal note"),
        Related("author", PEOPLE),
        Related("ticket", TICKETS, counts=False),
        Dates("created_at", label="Written"),
    ]
    search_hint = "Words of the text"
    form_sections = [Section("Comment", ["ticket", "content", "is_internal"])]
    form_hints = {"is_internal": "Only staff sees an internal note."}
    pickers = {"ticket": TICKETS, "author": PEOPLE}
    bulk_edit_fields = ["is_internal"]
    bulk_actions = bulk_actions.FOR_COMMENTS
    empty_title = "No comments"
    empty_text = "Replies and notes are written on a ticket's page."

    def search(self, term: str) -> ColumnElement[bool]:
        return comment_search_condition(term)

    async def before_save(
        self, request: Request, record: Any, values: dict[str, Any], *, is_new: bool
    ) -> None:
        if is_new:
            record.author_id = current_user(request).id
