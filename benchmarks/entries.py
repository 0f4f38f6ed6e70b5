"""Makes up a history of any length: two years of it, by two hundred people, of a hundred thousand records."""

from typing import Final

import asyncpg
import click

MONTHS: Final = 24
PEOPLE: Final = 200
RECORDS: Final = 100_000
CHUNK: Final = 500_000

# Loading goes faster without them; they are made again as they were.
INDEXES = """
SELECT indexrelid::regclass::text AS name,
  replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ') AS definition
FROM pg_index WHERE indrelid = 'audit_logs'::regclass AND NOT indisprimary
"""

MONTH = """
SELECT format('CREATE TABLE IF NOT EXISTS audit_logs_%s PARTITION OF audit_logs FOR VALUES FROM (%L) TO (%L)',
  to_char(month, 'YYYY_MM'), month, month + interval '1 month')
FROM generate_series(date_trunc('month', now()) - make_interval(months => $1), date_trunc('month', now())
  - interval '1 month', interval '1 month') AS month
"""

USERS = """
INSERT INTO users (email, full_name, is_staff)
SELECT format('person-%s@example.net', n), format('Person %s', n), true FROM generate_series(1, $1::int) n
"""

# Every other entry is an operation's own. The robot writes two of five, and changes nothing but tickets;
# what is rare (ERASE, a table of groups) is long ago.
ENTRIES = """
INSERT INTO audit_logs (id, created_at, xid, table_name, record_id, action, user_id, changes, operation_id,
  request_id, address, database_user)
OVERRIDING SYSTEM VALUE
SELECT n + $7, began + (now() - began) * (n::float8 / $4), n / 4,
  CASE WHEN n % 2 = 0 THEN 'operations' WHEN n < 50 THEN 'groups' WHEN by_robot THEN 'tickets'
    WHEN n % 10 < 4 THEN 'tickets' WHEN n % 10 < 8 THEN 'comments' ELSE 'ticket_tags' END,
  CASE WHEN n % 2 = 1 THEN 1 + (n / 2) % $5 END,
  (CASE WHEN n % 2 = 0 THEN 'CREATE' WHEN n < 50 THEN 'ERASE' WHEN by_robot THEN 'UPDATE'
    WHEN n % 1000 = 7 THEN 'DELETE' WHEN n % 200 = 9 THEN 'LOGIN' WHEN n % 10 < 5 THEN 'UPDATE'
    ELSE 'CREATE' END)::audit_action,
  (SELECT min(id) FROM users) + CASE WHEN by_robot THEN 0 ELSE 1 + n % ($6 - 1) END,
  CASE WHEN n % 2 = 0 THEN jsonb_build_object('verb', jsonb_build_object('new', 'ticket.edit'), 'actor',
    jsonb_build_object('new', 'Somebody'))
  ELSE '{"status": {"old": "open", "new": "in_progress"}, "priority": {"old": "low", "new": "high"}}' END,
  ('00000000-0000-4000-8000-' || lpad(to_hex(n / 2), 12, '0'))::uuid,
  'a-request-' || n / 2, '203.0.113.7', 'backoffice_app'
FROM (
  SELECT n, (n / 2) % 5 < 2 AS by_robot, now() - make_interval(months => $3) AS began
  FROM generate_series($1::bigint, $2::bigint) AS n) AS made
"""


NEWEST_ID = "SELECT max(id) FROM audit_logs"
NEXT_ID = "SELECT setval(pg_get_serial_sequence('audit_logs', 'id'), max(id)) FROM audit_logs"


async def make_entries(owner_url: str, entries: int) -> None:
    """Fill the empty history of a migrated database, as its owner."""
    connection = await asyncpg.connect(owner_url)
    try:
        await connection.execute("SET statement_timeout = 0; SET maintenance_work_mem = '1GB'; SET jit = off")
        await _make(connection, entries)
        await connection.execute("VACUUM (ANALYZE) audit_logs, users")
    finally:
        await connection.close()


async def _make(connection: asyncpg.Connection, entries: int) -> None:
    for row in await connection.fetch(MONTH, MONTHS):
        await connection.execute(row[0])
    await connection.execute(USERS, PEOPLE)
    # The people have entries of their own.
    newest = await connection.fetchval(NEWEST_ID)
    indexes = await connection.fetch(INDEXES)
    for index in indexes:
        await connection.execute(f"DROP INDEX {index['name']}")
    for first in range(1, entries + 1, CHUNK):
        last = min(first + CHUNK - 1, entries)
        await connection.execute(ENTRIES, first, last, MONTHS, entries, RECORDS, PEOPLE, newest)
        click.echo(f"\r{last:,} of {entries:,} entries", nl=last == entries, err=True)
    await connection.execute(NEXT_ID)
    for index in indexes:
        await connection.execute(index["definition"])
