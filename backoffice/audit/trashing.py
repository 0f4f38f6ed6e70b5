"""What a row in the trash says of how it came there, whoever put it there."""

from typing import Any

from sqlalchemy import func

from backoffice.audit.context import current_change


def trash_marks() -> dict[str, Any]:
    """The values of a row that goes to the trash now, by the operation under way."""
    change = current_change()
    return {
        "deleted_at": func.now(),
        "deleted_by_id": change.actor_id,
        "deleted_operation": change.operation_id,
    }
