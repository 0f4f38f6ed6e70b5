"""Views that people save of lists, their counts, what each prefers on a list, and who may share a view."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261127_views"
down_revision = "20261126_imports"
branch_labels = None
depends_on = None

RIGHTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON saved_views, saved_view_counts, list_preferences TO backoffice_app;
GRANT USAGE ON SEQUENCE saved_views_id_seq TO backoffice_app
"""

PAGES = {
    "Supervisors": ("ticket", "comment", "attachment", "tag", "user", "operation"),
    "Administrators": ("ticket", "comment", "attachment", "tag", "user", "group", "operation", "audit-log"),
}
VALUES = ", ".join(f"('{group}', '{page}')" for group, pages in PAGES.items() for page in pages)

GRANTS = f"""
INSERT INTO group_accesses (group_id, identity, action)
SELECT groups.id, identity, 'action:share-views'
FROM groups JOIN (VALUES {VALUES}) AS granted (name, identity) USING (name)
ON CONFLICT DO NOTHING
"""

# On the way from nothing the triggers are not there yet; so the history knows how these began.
BEGINNINGS = """
INSERT INTO audit_logs (table_name, record_id, action, database_user, changes)
SELECT 'group_accesses', id, 'CREATE', session_user, jsonb_build_object(
  'id', jsonb_build_object('new', id), 'group_id', jsonb_build_object('new', group_id),
  'identity', jsonb_build_object('new', identity), 'action', jsonb_build_object('new', action))
FROM group_accesses WHERE action = 'action:share-views' AND NOT EXISTS (
  SELECT FROM audit_logs
  WHERE table_name = 'group_accesses' AND record_id = group_accesses.id AND action = 'CREATE')
ORDER BY id
"""


def upgrade() -> None:
    _create_views()
    _create_counts()
    op.create_table(
        "list_preferences",
        _user_id("user_id"),
        sa.Column("page", sa.String(length=50), nullable=False),
        sa.Column("settings", _json(), server_default="{}", nullable=False),
        _of_users("list_preferences", "user_id"),
        sa.PrimaryKeyConstraint("user_id", "page", name=op.f("pk_list_preferences")),
    )
    for statement in RIGHTS.split(";"):
        op.execute(statement)
    op.execute(GRANTS)
    op.execute(BEGINNINGS)


def downgrade() -> None:
    op.execute("DELETE FROM group_accesses WHERE action = 'action:share-views'")
    for table in ("list_preferences", "saved_view_counts", "saved_views"):
        op.drop_table(table)


def _create_views() -> None:
    op.create_table(
        "saved_views",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("page", sa.String(length=50), nullable=False),
        _user_id("owner_id"),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("query", _json(), nullable=False),
        sa.Column("columns", _json(), nullable=False),
        sa.Column("is_shared", sa.Boolean(), server_default="false", nullable=False),
        _moment("created_at"),
        _moment("updated_at"),
        _of_users("saved_views", "owner_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_views")),
    )
    name = sa.text("lower(name::text)")
    op.create_index("uq_saved_views_name", "saved_views", ["owner_id", "page", name], unique=True)
    op.create_index(
        "ix_saved_views_shared", "saved_views", ["page"], unique=False, postgresql_where=sa.text("is_shared")
    )


def _create_counts() -> None:
    op.create_table(
        "saved_view_counts",
        sa.Column("view_id", sa.BigInteger(), nullable=False),
        _user_id("user_id"),
        sa.Column("count", sa.BigInteger(), nullable=True),
        sa.Column("problem", sa.Text(), server_default="", nullable=False),
        _moment("counted_at"),
        sa.ForeignKeyConstraint(
            ["view_id"],
            ["saved_views.id"],
            name=op.f("fk_saved_view_counts_view_id_saved_views"),
            ondelete="CASCADE",
        ),
        _of_users("saved_view_counts", "user_id"),
        sa.PrimaryKeyConstraint("view_id", "user_id", name=op.f("pk_saved_view_counts")),
    )
    op.create_index("ix_saved_view_counts_user_id", "saved_view_counts", ["user_id"], unique=False)


def _user_id(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _of_users(table: str, column: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_users")
    return sa.ForeignKeyConstraint([column], ["users.id"], name=name, ondelete="RESTRICT")


def _moment(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)


def _json() -> postgresql.JSONB:
    return postgresql.JSONB(astext_type=sa.Text())
