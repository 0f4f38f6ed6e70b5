from typing import Any

import pytest

from admin_views.pickers import STAFF, TAGS
from backoffice.admin.filters import Choice, Exact, Flag, Related, RelatedMany
from backoffice.admin.view import View
from backoffice.errors import ConfigurationError
from models import Base, Comment, Tag, Ticket, User


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
