"""Indexes for what attachments and people are filtered by: their size, their last sign-in."""

import sqlalchemy as sa
from alembic import op

revision = "20261130_filters"
down_revision = "20261129_editing"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_attachments_live_size",
        "attachments",
        ["size_bytes", "id"],
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index("ix_users_last_login", "users", ["last_login", "id"])


def downgrade() -> None:
    op.drop_index("ix_users_last_login", table_name="users")
    op.drop_index("ix_attachments_live_size", table_name="attachments")
