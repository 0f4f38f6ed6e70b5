"""To the trash, back, and away for good: what every page with a trash offers."""

from collections.abc import Sequence

from backoffice.admin.bulk import BulkAction
from backoffice.admin.site import AdminSite
from backoffice.attachments import FileStore, remove_unreferenced
from backoffice.audit.context import Change
from backoffice.database import transaction
from backoffice.desk import delete_forever, move_to_trash, restore, unreferenced_files
from models import Attachment, Comment, Ticket


def trash_actions(model: type[Ticket | Comment | Attachment]) -> Sequence[BulkAction]:
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
