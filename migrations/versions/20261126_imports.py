"""Imports: files, their rows with what is wanted of each, remembered columns, and who may import."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261126_imports"
down_revision = "20261125_jobs"
branch_labels = None
depends_on = None

ENUMS = {
    "import_kind": ("tickets", "people"),
    "import_state": ("uploaded", "checked", "running", "done"),
    "import_verdict": ("create", "update", "skip", "error"),
}

# Numbers of our own kind that came from elsewhere are never given again: the sequence goes on after them.
RIGHTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON imports, import_rows, import_plans TO backoffice_app;
GRANT SELECT, UPDATE ON SEQUENCE ticket_number_seq TO backoffice_app
"""

GRANTS = """
INSERT INTO group_accesses (group_id, identity, action)
SELECT groups.id, 'import', action
FROM groups, unnest(ARRAY['list', 'details', 'action:import']) AS action
WHERE groups.name IN ('Supervisors', 'Administrators')
ON CONFLICT DO NOTHING
"""

# On the way from nothing the triggers are not there yet; so the history knows how these began.
BEGINNINGS = """
INSERT INTO audit_logs (table_name, record_id, action, database_user, changes)
SELECT 'group_accesses', id, 'CREATE', session_user, jsonb_build_object(
  'id', jsonb_build_object('new', id), 'group_id', jsonb_build_object('new', group_id),
  'identity', jsonb_build_object('new', identity), 'action', jsonb_build_object('new', action))
FROM group_accesses WHERE identity = 'import' AND NOT EXISTS (
  SELECT FROM audit_logs
  WHERE table_name = 'group_accesses' AND record_id = group_accesses.id AND action = 'CREATE')
ORDER BY id
"""


def upgrade() -> None:
    _create_imports()
    _create_rows()
    op.create_table(
        "import_plans",
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("plan", _json(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_import_plans")),
    )
    for statement in RIGHTS.split(";"):
        op.execute(statement)
    op.execute(GRANTS)
    op.execute(BEGINNINGS)


def downgrade() -> None:
    op.execute("DELETE FROM group_accesses WHERE identity = 'import'")
    op.execute("REVOKE SELECT, UPDATE ON SEQUENCE ticket_number_seq FROM backoffice_app")
    for table in ("import_plans", "import_rows", "imports"):
        op.drop_table(table)
    for name in ENUMS:
        op.execute(f"DROP TYPE {name}")


def _create_imports() -> None:
    op.create_table(
        "imports",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", _enum("import_kind"), nullable=False),
        sa.Column("state", _enum("import_state"), server_default="uploaded", nullable=False),
        sa.Column("filename", sa.String(length=255), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("source", _json(), nullable=False),
        sa.Column("columns", _json(), nullable=False),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("plan", _json(), nullable=False),
        sa.Column("counts", _json(), server_default="{}", nullable=False),
        sa.Column("operation_id", sa.Uuid(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_imports_user_id_users"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
    )
    op.create_index("ix_imports_created_at", "imports", ["created_at", "id"], unique=False)
    op.create_index("ix_imports_user_id", "imports", ["user_id", "created_at", "id"], unique=False)


def _create_rows() -> None:
    op.create_table(
        "import_rows",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("wanted", _json(), nullable=True),
        sa.Column("verdict", _enum("import_verdict"), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name=op.f("fk_import_rows_import_id_imports"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("import_id", "number", name=op.f("pk_import_rows")),
    )
    columns = {"verdict": ["import_id", "verdict", "number"], "key": ["import_id", "key"]}
    for name, indexed in columns.items():
        op.create_index(f"ix_import_rows_{name}", "import_rows", indexed, unique=False)


def _enum(name: str) -> sa.Enum:
    return sa.Enum(*ENUMS[name], name=name)


def _json() -> postgresql.JSONB:
    return postgresql.JSONB(astext_type=sa.Text())
