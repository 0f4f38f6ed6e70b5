"""What can be done to many rows at once, page by page."""

from collections.abc import Sequence
from typing import Any, Final

from wtforms import SelectField

from admin_views.pickers import STAFF, TAGS
from admin_views.trash_actions import trash_actions
from backoffice.accounts.groups import delete_groups
from backoffice.admin.bulk import BulkAction
from backoffice.admin.fields import Required
from backoffice.admin.formats import words
from backoffice.admin.picker_fields import PickerField, PickManyField
from backoffice.desk import (
    add_tags,
    assign,
    remove_tags,
    set_priority,
    set_status,
)
from backoffice.desk.tags import delete_tags
from models import Attachment, Comment, Ticket, TicketPriority, TicketStatus

_TAGS: Final = {"tags": PickManyField("Tags", [Required()], picker=TAGS)}
_ASSIGNEE: Final = {
    "assignee": PickerField(
        "Assignee", picker=STAFF, description="Leave it empty to take tickets from whoever has them."
    )
}


def _one_of(label: str, vocabulary: Any) -> Any:
    choices = [(member.value, words(member.value)) for member in vocabulary]
    return SelectField(label, choices=choices, coerce=vocabulary)


FOR_TICKETS: Final = (
    BulkAction(
        slug="assign",
        label="Assign",
        done="assigned",
        icon="ti ti-user-check",
        fields=_ASSIGNEE,
        verb=lambda values: assign(values["assignee"]),
    ),
    BulkAction(
        slug="set-status",
        label="Set status",
        done="given a new status",
        icon="ti ti-progress-check",
        fields={"status": _one_of("Status", TicketStatus)},
        verb=lambda values: set_status(values["status"]),
    ),
    BulkAction(
        slug="set-priority",
        label="Set priority",
        done="given a new priority",
        icon="ti ti-flag",
        fields={"priority": _one_of("Priority", TicketPriority)},
        verb=lambda values: set_priority(values["priority"]),
    ),
    BulkAction(
        slug="add-tags",
        label="Add tags",
        done="tagged",
        icon="ti ti-tag",
        fields=_TAGS,
        verb=lambda values: add_tags(values["tags"]),
    ),
    BulkAction(
        slug="remove-tags",
        label="Remove tags",
        done="relieved of tags",
        icon="ti ti-tag-off",
        fields=_TAGS,
        verb=lambda values: remove_tags(values["tags"]),
    ),
    *trash_actions(Ticket),
)
FOR_COMMENTS: Final = tuple(trash_actions(Comment))
FOR_ATTACHMENTS: Final = tuple(trash_actions(Attachment))


def _deletion(verb: Any) -> Sequence[BulkAction]:
    return (
        BulkAction(
            slug="delete",
            label="Delete",
            done="deleted",
            icon="ti ti-trash",
            grant="delete",
            verb=lambda values: verb(),
            is_danger=True,
            on_record=True,
            can_undo=False,
        ),
    )


FOR_TAGS: Final = _deletion(delete_tags)
FOR_GROUPS: Final = _deletion(delete_groups)
