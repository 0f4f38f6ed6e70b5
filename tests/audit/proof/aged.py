"""A history with months in it that are long gone, written by the triggers as though it had been then."""

from datetime import datetime

import asyncpg

MONTHS = ("2024-01", "2024-02")
JANUARY, FEBRUARY = MONTHS


async def age(owner: asyncpg.Connection) -> None:
    """Two tags made in January 2024, one of them renamed in February, and another one made today."""
    await _then(owner, "2024-01-15T12:00:00Z", "INSERT INTO tags (name) VALUES ('vip'), ('late')")
    await _then(owner, "2024-02-15T12:00:00Z", "UPDATE tags SET name = 'very late' WHERE name = 'late'")
    await owner.execute("INSERT INTO tags (name) VALUES ('loud')")


async def _then(owner: asyncpg.Connection, moment: str, statement: str) -> None:
    await owner.execute("SELECT audit_partition($1)", datetime.fromisoformat(moment))
    await owner.execute(f"ALTER TABLE audit_logs ALTER created_at SET DEFAULT '{moment}'")
    await owner.execute(statement)
    await owner.execute("ALTER TABLE audit_logs ALTER created_at SET DEFAULT clock_timestamp()")
