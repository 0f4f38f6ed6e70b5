"""Very many rows, without triggers and history: for plans, which depend on how many rows there are."""

import asyncpg

from tests.databases import Database

MANY = 200_000

#: In this order. Their indexes are made anew afterwards, which is several times as fast.
_INSERTS = {
    "users": """
        INSERT INTO users (email, full_name, is_staff, is_active, last_login, created_at)
        SELECT format('person-%s@example.net', n), 'Person ' || n, n % 100 = 0, n % 50 > 0,
          now() - n * interval '1 minute', now() - n * interval '1 hour'
        FROM generate_series(1, $1 / 5) n""",
    "tags": "INSERT INTO tags (name) SELECT 'label ' || n FROM generate_series(1, 300) n WHERE $1 > 0",
    "tickets": """
        INSERT INTO tickets (id, title, description, status, priority, creator_id, assignee_id, created_at,
          updated_at, deleted_at)
        SELECT n, 'Paper jam ' || n, 'It jams.', (enum_range(NULL::ticket_status))[1 + n % 5],
          (enum_range(NULL::ticket_priority))[1 + n % 4], people[1 + n % ($1 / 5)],
          CASE WHEN n % 3 > 0 THEN people[1 + n % 200] END, now() - n * interval '5 minutes',
          now() - n * interval '4 minutes', CASE WHEN n % 40 = 0 THEN now() - n * interval '1 minute' END
        FROM generate_series(1, $1) n,
          (SELECT array_agg(id) people FROM users WHERE email LIKE 'person-%')""",
    "ticket_tags": """
        INSERT INTO ticket_tags (ticket_id, tag_id) SELECT n, labels[1 + n % 300]
        FROM generate_series(1, $1) n, (SELECT array_agg(id) labels FROM tags)""",
    "comments": """
        INSERT INTO comments (ticket_id, author_id, content, is_internal, created_at, deleted_at)
        SELECT id, creator_id, 'Thank you.', id % 50 = 0, created_at, deleted_at FROM tickets LIMIT $1""",
    "attachments": """
        INSERT INTO attachments (ticket_id, uploaded_by_id, filename, content_type, size_bytes, sha256,
          created_at, deleted_at)
        SELECT id, creator_id, id || '.txt', 'text/plain', id, repeat('0', 64), created_at, deleted_at
        FROM tickets LIMIT $1""",
    "operations": """
        INSERT INTO operations (id, verb, actor, actor_id, created_at)
        SELECT gen_random_uuid(), 'ticket.' || (ARRAY['assign', 'trash', 'edit'])[1 + id % 3], 'Person',
          creator_id, created_at
        FROM tickets LIMIT $1""",
    "audit_logs": """
        INSERT INTO audit_logs (created_at, table_name, record_id, action, user_id, changes, operation_id,
          database_user)
        SELECT now() - n * interval '1 second', (ARRAY['tickets', 'comments'])[1 + n % 2], n,
          (enum_range(NULL::audit_action))[1 + n % 3], 1 + n % 500, '{}', gen_random_uuid(), 'backoffice_app'
        FROM generate_series(1, $1) n""",
}

# Those of a partitioned table belong together, and stay.
_INDEXES = """
    SELECT indexrelid::regclass AS name, pg_get_indexdef(indexrelid) AS definition FROM pg_index
    WHERE indrelid = ANY($1::text[]::regclass[]) AND indrelid <> 'audit_logs'::regclass
      AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""


async def fill(database: Database, rows: int = MANY) -> None:
    """`rows` tickets, with a comment, a file, a label and an operation each, and as many entries."""
    connection = await asyncpg.connect(database.superuser_url)
    try:
        await connection.execute("SET session_replication_role = replica; SET maintenance_work_mem = '256MB'")
        indexes = await connection.fetch(_INDEXES, list(_INSERTS))
        for index in indexes:
            await connection.execute(f"DROP INDEX {index['name']}")
        for insert in _INSERTS.values():
            await connection.execute(insert, rows)
        for index in indexes:
            await connection.execute(index["definition"])
        await connection.execute(f"VACUUM (ANALYZE) {', '.join(_INSERTS)}")
    finally:
        await connection.close()
