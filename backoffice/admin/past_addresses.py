"""Where a record is shown as it was."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, inspect

from models import Base

if TYPE_CHECKING:
    from backoffice.admin.view import View


def keeps_past(view: "View") -> bool:
    """Whether there is anything to look back at: the history knows its records by their number."""
    table = Base.metadata.tables[view.model.__tablename__]
    key = inspect(view.model).primary_key[0]
    return view.keeps_history and bool(table.info.get("audit", True)) and isinstance(key.type, BigInteger)


def past_url(view: "View", key: int, at: datetime | None = None) -> str:
    """Where a record is shown as it was; without a moment as it is now, or was when it was deleted."""
    url = view.url("past", key)
    return url if at is None else f"{url}?at={moment_for_url(at)}"


def moment_for_url(moment: datetime) -> str:
    """A moment for an address, to the microsecond: with a `Z`, as a plus would have to be escaped."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
