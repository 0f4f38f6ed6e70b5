"""Writes the history of made-up tickets at once, each entry of the time when it happened."""

from typing import Final

import asyncpg

#: Tickets whose entries are written by one statement.
CHUNK: Final = 100_000

MONTHS = """
SELECT audit_partition(month) FROM (SELECT min(created_at) AS first FROM tickets) AS oldest,
  generate_series(date_trunc('month', first), now(), interval '1 month') AS month
"""

# What the triggers would have written: that there is a ticket, that somebody took it, what was said.
CREATED: Final = """
  SELECT created_at, 'tickets', id, 'CREATE'::audit_action, creator_id, jsonb_build_object(
      'id', jsonb_build_object('new', id), 'ticket_number', jsonb_build_object('new', ticket_number),
      'title', jsonb_build_object('new', title), 'description', jsonb_build_object('new', description),
      'status', '{"new": "open"}'::jsonb, 'priority', jsonb_build_object('new', priority),
      'creator_id', jsonb_build_object('new', creator_id), 'assignee_id', '{"new": null}'::jsonb,
      'created_at', jsonb_build_object('new', created_at)),
    $3::uuid, ARRAY['title', 'description'], 'backoffice_app'
  FROM tickets WHERE id BETWEEN $1 AND $2
"""
TAKEN: Final = """
  SELECT least(created_at + interval '10 minutes', now()), 'tickets', id, 'UPDATE'::audit_action,
    coalesce(assignee_id, creator_id), jsonb_build_object(
      'status', jsonb_build_object('old', 'open', 'new', status),
      'assignee_id', jsonb_build_object('old', null, 'new', assignee_id)),
    $3::uuid, NULL::text[], 'backoffice_app'
  FROM tickets WHERE id BETWEEN $1 AND $2
"""
SAID: Final = """
  SELECT created_at, 'comments', id, 'CREATE'::audit_action, author_id, jsonb_build_object(
      'id', jsonb_build_object('new', id), 'ticket_id', jsonb_build_object('new', ticket_id),
      'content', jsonb_build_object('new', content), 'author_id', jsonb_build_object('new', author_id),
      'is_internal', jsonb_build_object('new', is_internal),
      'created_at', jsonb_build_object('new', created_at)),
    $3::uuid, ARRAY['content'], 'backoffice_app'
  FROM comments WHERE ticket_id BETWEEN $1 AND $2
"""

ENTRIES = """
INSERT INTO audit_logs (created_at, table_name, record_id, action, user_id, changes, operation_id, personal,
  database_user)
SELECT * FROM ({}) AS entry ORDER BY 1
"""

SEEDED_BY = "SELECT id FROM operations WHERE verb = 'system.seed'"


async def write_history(owner: asyncpg.Connection, *kinds: str) -> None:
    """The entries of these kinds for each ticket. Comments are found without an index: they lie in order."""
    operation = await owner.fetchval(SEEDED_BY)
    await owner.execute(MONTHS)
    entries = ENTRIES.format(" UNION ALL ".join(kinds))
    [(first, last)] = await owner.fetch("SELECT min(id), max(id) FROM tickets")
    for start in range(first, last + 1, CHUNK):
        await owner.execute(entries, start, min(start + CHUNK - 1, last), operation)
