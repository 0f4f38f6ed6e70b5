"""The pages of jobs: who may see, cancel and approve them, and the index of those that wait."""

import sqlalchemy as sa
from alembic import op

revision = "20261201_job_pages"
down_revision = "20261130_filters"
branch_labels = None
depends_on = None

SEES = ("list", "details", "action:see-all")
RULES = (*SEES, "action:cancel-all", "action:approve", "action:share-views")
ACTIONS = {"Supervisors": RULES, "Auditors": SEES, "Administrators": RULES}
VALUES = ", ".join(f"('{group}', '{action}')" for group, actions in ACTIONS.items() for action in actions)

GRANTS = f"""
INSERT INTO group_accesses (group_id, identity, action)
SELECT groups.id, 'job', action
FROM groups JOIN (VALUES {VALUES}) AS granted (name, action) USING (name)
ON CONFLICT DO NOTHING
"""

# On the way from nothing the triggers are not there yet; so the history knows how these began.
BEGINNINGS = """
INSERT INTO audit_logs (table_name, record_id, action, database_user, changes)
SELECT 'group_accesses', id, 'CREATE', session_user, jsonb_build_object(
  'id', jsonb_build_object('new', id), 'group_id', jsonb_build_object('new', group_id),
  'identity', jsonb_build_object('new', identity), 'action', jsonb_build_object('new', action))
FROM group_accesses WHERE identity = 'job' AND NOT EXISTS (
  SELECT FROM audit_logs
  WHERE table_name = 'group_accesses' AND record_id = group_accesses.id AND action = 'CREATE')
ORDER BY id
"""


def upgrade() -> None:
    op.create_index(
        "ix_jobs_waiting",
        "jobs",
        ["user_id"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.execute(GRANTS)
    op.execute(BEGINNINGS)


def downgrade() -> None:
    op.execute("DELETE FROM group_accesses WHERE identity = 'job'")
    op.drop_index("ix_jobs_waiting", table_name="jobs")
