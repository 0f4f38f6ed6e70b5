"""Indexes that hold all that tickets are filtered by together, so that counting them reads no table."""

import sqlalchemy as sa
from alembic import op

revision = "20261203_counting"
down_revision = "20261202_flags"
branch_labels = None
depends_on = None

LIVE = sa.text("deleted_at IS NULL")


def upgrade() -> None:
    op.create_index(
        "ix_tickets_live_status_priority",
        "tickets",
        ["status", "priority", "created_at", "id"],
        postgresql_where=LIVE,
    )
    op.create_index("ix_tickets_live", "tickets", ["id"], postgresql_where=LIVE)
    op.drop_index("ix_tickets_assignee", table_name="tickets")
    op.create_index(
        "ix_tickets_assignee",
        "tickets",
        ["assignee_id", "created_at", "id"],
        postgresql_include=["deleted_at", "status", "priority"],
    )


def downgrade() -> None:
    op.drop_index("ix_tickets_assignee", table_name="tickets")
    op.create_index("ix_tickets_assignee", "tickets", ["assignee_id", "created_at", "id"])
    op.drop_index("ix_tickets_live", table_name="tickets")
    op.drop_index("ix_tickets_live_status_priority", table_name="tickets")
