"""The numbers of transactions in the history: PostgreSQL's own, and what is added to them.

A dump restored on another server begins its transactions anew, at a number that the history has passed long
ago. From there on a base is added, so that what is new still comes after what was before. PostgreSQL puts
the base in place wherever its function stands, so that it costs nothing.
"""

from typing import Final

from sqlalchemy import Connection, text

#: How far beyond the last number the new ones begin.
_GAP: Final = 1_000
#: The newest entries, among which is the highest number of those that no seal has.
_NEWEST: Final = 10_000

_BASE: Final = (
    "CREATE OR REPLACE FUNCTION history_xid_base() RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE"
    " AS 'SELECT {base}::bigint'"
)

_NUMBERS: Final = text(
    "SELECT pg_current_xact_id()::text::bigint AS ours, history_xid_base() AS base, greatest("
    " (SELECT max(next_xid) FROM audit_seals),"
    " (SELECT max(xid) FROM ("
    "   SELECT xid FROM audit_logs ORDER BY created_at DESC, id DESC LIMIT :newest) AS newest)"
    ") AS highest"
)


def go_on_after(connection: Connection) -> None:
    """See to it that new transactions come after those of the history. `connection` is the owner's."""
    ours, base, highest = connection.execute(_NUMBERS, {"newest": _NEWEST}).one()
    if highest is not None and ours + base < highest:
        connection.exec_driver_sql(_BASE.format(base=highest - ours + _GAP))
