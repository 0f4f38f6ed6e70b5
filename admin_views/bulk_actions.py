"""What can be done to many rows at once, page by page."""

from collections.abc import Sequence
from typing import Any, Final

from wtforms import SelectField

from admin_views.pickers import STAFF, TAGS
from backoffice.accounts.groups import delete_groups
from backoffice.admin.bulk import BulkAction
from backoffice.admin.fields import Required
from backoffice.admin.formats import words
from backoffice.admin.picker_fields import PickerField, PickManyField
from backoffice.admin.site import AdminSite
from backoffice.attachments import FileStore, remove_unreferenced
from backoffice.audit.context import Change
from backoffice.database import transaction
from backoffice.desk import (
    add_tags,
    assign,
    delete_forever,
    move_to_trash,
    remove_tags,
    restore,
    set_priority,
    set_status,
    unreferenced_files,
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


def _trash_actions(model: type[Ticket | Comment | Attachment]) -> Sequence[BulkAction]:
    """To the trash, back, and away for good."""
    return (
        BulkAction(
            slug="trash",
            label="Move to trash",
            done="moved to trash",
            icon="ti ti-trash",
            verb=lambda values: move_to_trash(model),
            is_danger=True,
            on_record=True,
            single_grant="delete",
        ),
        BulkAction(
            slug="restore",
            label="Restore",
            done="restored",
            icon="ti ti-arrow-back-up",
            verb=lambda values: restore(model),
            on_trash=True,
            on_record=True,
        ),
        BulkAction(
            slug="purge",
            label="Delete forever",
            done="deleted forever",
            icon="ti ti-flame",
            verb=lambda values: delete_forever(model),
            is_danger=True,
            on_trash=True,
            on_record=True,
            confirm_word="DELETE",
            can_undo=False,
            afterwards=_remove_files,
        ),
    )


async def _remove_files(site: AdminSite, change: Change) -> None:
    """Remove the bytes that no attachment needs any more, once the deletion is committed."""
    looking = Change(verb="attachment.remove-files", actor="system:purge", read_only=True)
    async with transaction(site.factory, looking) as session:
        hashes = await unreferenced_files(session, change.operation_id)
        await remove_unreferenced(session, FileStore(site.settings.attachments_dir), hashes)


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
    *_trash_actions(Ticket),
)
FOR_COMMENTS: Final = tuple(_trash_actions(Comment))
FOR_ATTACHMENTS: Final = tuple(_trash_actions(Attachment))


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
