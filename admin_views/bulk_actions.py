"""What can be done to many rows at once, page by page."""

from typing import Any, Final

from wtforms import SelectField

from admin_views.pickers import STAFF, TAGS
from admin_views.trash_actions import TRASH_ACTIONS
from backoffice.admin.bulk import BulkAction
from backoffice.admin.bulk_edit import EditAction
from backoffice.admin.fields import Required
from backoffice.admin.formats import words
from backoffice.admin.picker_fields import PickerField, PickManyField
from models import TicketPriority, TicketStatus

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
    ),
    BulkAction(
        slug="set-status",
        label="Set status",
        done="given a new status",
        icon="ti ti-progress-check",
        fields={"status": _one_of("Status", TicketStatus)},
    ),
    BulkAction(
        slug="set-priority",
        label="Set priority",
        done="given a new priority",
        icon="ti ti-flag",
        fields={"priority": _one_of("Priority", TicketPriority)},
    ),
    BulkAction(
        slug="add-tags",
        label="Add tags",
        done="tagged",
        icon="ti ti-tag",
        fields=_TAGS,
    ),
    BulkAction(
        slug="remove-tags",
        label="Remove tags",
        done="relieved of tags",
        icon="ti ti-tag-off",
        fields=_TAGS,
    ),
    EditAction(),
    *TRASH_ACTIONS,
)
FOR_COMMENTS: Final = (EditAction(), *TRASH_ACTIONS)
FOR_ATTACHMENTS: Final = TRASH_ACTIONS


_DELETE: Final = (
    BulkAction(
        slug="delete",
        label="Delete",
        done="deleted",
        icon="ti ti-trash",
        grant="delete",
        is_danger=True,
        on_record=True,
        can_undo=False,
    ),
)
FOR_TAGS: Final = (EditAction(), *_DELETE)
FOR_GROUPS: Final = _DELETE
FOR_USERS: Final = (EditAction(),)
