"""Indexes for the rarer side of flags that lists are filtered by: internal notes, people who left."""

import sqlalchemy as sa
from alembic import op

revision = "20261202_flags"
down_revision = "20261201_job_pages"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_comments_live_internal",
        "comments",
        ["created_at", "id"],
        postgresql_where=sa.text("deleted_at IS NULL AND is_internal"),
    )
    op.create_index(
        "ix_users_inactive", "users", ["full_name", "id"], postgresql_where=sa.text("NOT is_active")
    )


def downgrade() -> None:
    op.drop_index("ix_users_inactive", table_name="users")
    op.drop_index("ix_comments_live_internal", table_name="comments")
