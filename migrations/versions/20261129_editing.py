"""Editing many rows at once: who may."""

from alembic import op

revision = "20261129_editing"
down_revision = "20261128_search"
branch_labels = None
depends_on = None

GRANTS = """
INSERT INTO group_accesses (group_id, identity, action)
SELECT groups.id, identity, 'action:edit'
FROM groups, (VALUES ('ticket'), ('comment'), ('tag'), ('user')) AS pages (identity)
WHERE groups.name IN ('Supervisors', 'Administrators')
ON CONFLICT DO NOTHING
"""

# On the way from nothing the triggers are not there yet; so the history knows how these began.
BEGINNINGS = """
INSERT INTO audit_logs (table_name, record_id, action, database_user, changes)
SELECT 'group_accesses', id, 'CREATE', session_user, jsonb_build_object(
  'id', jsonb_build_object('new', id), 'group_id', jsonb_build_object('new', group_id),
  'identity', jsonb_build_object('new', identity), 'action', jsonb_build_object('new', action))
FROM group_accesses WHERE action = 'action:edit' AND NOT EXISTS (
  SELECT FROM audit_logs
  WHERE table_name = 'group_accesses' AND record_id = group_accesses.id AND action = 'CREATE')
ORDER BY id
"""


def upgrade() -> None:
    op.execute(GRANTS)
    op.execute(BEGINNINGS)


def downgrade() -> None:
    op.execute("DELETE FROM group_accesses WHERE action = 'action:edit'")
