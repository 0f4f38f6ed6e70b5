"""To the trash, back, and away for good: what every page with a trash offers."""

from typing import Final

from backoffice.admin.bulk import BulkAction

TRASH_ACTIONS: Final = (
    BulkAction(
        slug="trash",
        label="Move to trash",
        done="moved to trash",
        icon="ti ti-trash",
        is_danger=True,
        on_record=True,
        single_grant="delete",
    ),
    BulkAction(
        slug="restore",
        label="Restore",
        done="restored",
        icon="ti ti-arrow-back-up",
        on_trash=True,
        on_record=True,
    ),
    BulkAction(
        slug="purge",
        label="Delete forever",
        done="deleted forever",
        icon="ti ti-flame",
        is_danger=True,
        on_trash=True,
        on_record=True,
        confirm_word="DELETE",
        can_undo=False,
    ),
)
