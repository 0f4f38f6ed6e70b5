"""The desk: people, groups and grants, tickets and what hangs on them, operations, history, sign-ins."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateSequence, DropSequence

revision = "20261122_desk"
down_revision = None
branch_labels = None
depends_on = None

ENUMS = ("theme", "ticket_status", "ticket_priority", "audit_action")

# `resolved_at` follows the status, whoever writes: the one place of that rule.
SETTLE = """
CREATE FUNCTION tickets_settle() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
  IF NEW.status IN ('resolved', 'closed') THEN
    NEW.resolved_at := coalesce(NEW.resolved_at, now());
  ELSE
    NEW.resolved_at := NULL;
  END IF;
  RETURN NEW;
END
$$
"""

# The application writes no DDL, no history, and deletes no person; the reader sees no secret.
RIGHTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON groups, group_accesses, user_groups, tickets, ticket_tags, tags,
  comments, attachments, sessions, login_throttles TO backoffice_app;
GRANT SELECT, INSERT, UPDATE ON users TO backoffice_app;
GRANT SELECT, INSERT ON operations TO backoffice_app;
GRANT SELECT ON audit_logs, alembic_version TO backoffice_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO backoffice_app;
GRANT SELECT ON groups, group_accesses, user_groups, tickets, ticket_tags, tags, comments, attachments,
  operations, audit_logs TO backoffice_reader;
GRANT SELECT (id, email, full_name, is_active, is_staff, time_zone, theme, last_login, created_at, updated_at)
  ON users TO backoffice_reader;
GRANT INSERT ON audit_logs TO backoffice_audit
"""

SEE = ("list", "details")
KEEP = (*SEE, "create", "edit")
TRASH = ("delete", "action:trash", "action:restore")
BULK = ("action:assign", "action:set-status", "action:set-priority", "action:add-tags", "action:remove-tags")
OVERSEE = ("action:see-all", "action:undo")

GRANTS = {
    "Agents": {
        "ticket": (*KEEP, "delete"),
        "comment": KEEP,
        "attachment": KEEP,
        "tag": SEE,
        "user": (*SEE, "create"),
        "operation": SEE,
    },
    "Supervisors": {
        "ticket": (*KEEP, *TRASH, *BULK),
        "comment": (*KEEP, *TRASH),
        "attachment": (*KEEP, *TRASH),
        "tag": (*KEEP, "delete"),
        "user": KEEP,
        "operation": (*SEE, *OVERSEE),
    },
    "Auditors": {
        "ticket": SEE,
        "comment": SEE,
        "attachment": SEE,
        "tag": SEE,
        "user": SEE,
        "group": SEE,
        "operation": (*SEE, "action:see-all"),
        "audit-log": SEE,
    },
    "Administrators": {
        "ticket": (*KEEP, *TRASH, *BULK, "action:purge"),
        "comment": (*KEEP, *TRASH, "action:purge"),
        "attachment": (*KEEP, *TRASH, "action:purge"),
        "tag": (*KEEP, "delete"),
        "user": (*KEEP, "action:manage-staff"),
        "group": (*KEEP, "delete"),
        "operation": (*SEE, *OVERSEE),
        "audit-log": SEE,
    },
}


TABLES = (
    "ticket_tags",
    "comments",
    "attachments",
    "user_groups",
    "tickets",
    "sessions",
    "operations",
    "group_accesses",
    "users",
    "tags",
    "login_throttles",
    "groups",
    "audit_logs",
)


def upgrade() -> None:
    op.execute(CreateSequence(sa.Sequence("ticket_number_seq")))
    _create_tables()
    op.execute(SETTLE)
    op.execute(
        "CREATE TRIGGER tickets_settle BEFORE INSERT OR UPDATE ON tickets"
        " FOR EACH ROW EXECUTE FUNCTION tickets_settle()"
    )
    for statement in RIGHTS.split(";"):
        op.execute(statement)
    _seed_groups()


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
    op.execute("DROP FUNCTION tickets_settle()")
    _drop_audit_functions()
    op.execute(DropSequence(sa.Sequence("ticket_number_seq")))
    for name in ENUMS:
        op.execute(f"DROP TYPE {name}")


def _seed_groups() -> None:
    groups = sa.table("groups", sa.column("id", sa.BigInteger), sa.column("name", sa.String))
    accesses = sa.table(
        "group_accesses",
        sa.column("group_id", sa.BigInteger),
        sa.column("identity", sa.String),
        sa.column("action", sa.String),
    )
    for name, pages in GRANTS.items():
        group_id = op.get_bind().scalar(sa.insert(groups).values(name=name).returning(groups.c.id))
        op.bulk_insert(
            accesses,
            [
                {"group_id": group_id, "identity": identity, "action": action}
                for identity, actions in pages.items()
                for action in actions
            ],
        )


def _drop_audit_functions() -> None:
    names = op.get_bind().scalars(
        sa.text(
            "SELECT oid::regprocedure::text FROM pg_proc"
            " WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'audit\\_%'"
        )
    )
    op.execute("SET LOCAL ROLE backoffice_audit")
    for name in names.all():
        op.execute(f"DROP FUNCTION {name}")
    op.execute("RESET ROLE")


def _create_tables() -> None:
    op.create_table(
        "audit_logs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("table_name", sa.String(length=63), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "action",
            sa.Enum(
                "CREATE",
                "UPDATE",
                "DELETE",
                "LOGIN",
                "LOGIN_FAILED",
                "LOGOUT",
                "VIEW",
                "EXPORT",
                name="audit_action",
            ),
            nullable=False,
        ),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("changes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("operation_id", sa.Uuid(), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("address", postgresql.INET(), nullable=True),
        sa.Column("database_user", sa.String(length=63), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_logs")),
    )
    op.create_index("ix_audit_logs_action", "audit_logs", ["action", "id"], unique=False)
    op.create_index("ix_audit_logs_created_at", "audit_logs", ["created_at", "id"], unique=False)
    op.create_index("ix_audit_logs_operation", "audit_logs", ["operation_id", "id"], unique=False)
    op.create_index("ix_audit_logs_record", "audit_logs", ["table_name", "record_id", "id"], unique=False)
    op.create_index("ix_audit_logs_user", "audit_logs", ["user_id", "id"], unique=False)
    op.create_table(
        "groups",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_groups")),
        sa.UniqueConstraint("name", name=op.f("uq_groups_name")),
    )
    op.create_table(
        "login_throttles",
        sa.Column("key", sa.String(length=300), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("last_failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_login_throttles")),
    )
    op.create_table(
        "tags",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("color", sa.String(length=7), server_default="#64748b", nullable=False),
        sa.Column("description", sa.String(length=500), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("color ~ '^#[0-9a-f]{6}$'", name=op.f("ck_tags_color_hex")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tags")),
        sa.UniqueConstraint("name", name=op.f("uq_tags_name")),
    )
    op.create_index("ix_tags_created_at", "tags", ["created_at", "id"], unique=False)
    op.create_table(
        "users",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=False),
        sa.Column("full_name", sa.String(length=255), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("is_staff", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("password_hash", sa.String(length=255), server_default="", nullable=False),
        sa.Column("time_zone", sa.String(length=64), server_default="UTC", nullable=False),
        sa.Column(
            "theme", sa.Enum("system", "light", "dark", name="theme"), server_default="system", nullable=False
        ),
        sa.Column("last_login", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_users_email_lower")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
    )
    op.create_index("ix_users_created_at", "users", ["created_at", "id"], unique=False)
    op.create_index("ix_users_full_name", "users", ["full_name", "id"], unique=False)
    op.create_index(
        "ix_users_search",
        "users",
        [
            sa.literal_column(
                "to_tsvector('simple'::regconfig, (full_name::text || ' '::text) || email::text)"
            )
        ],
        unique=False,
        postgresql_using="gin",
    )
    op.create_index(
        "ix_users_staff", "users", ["full_name", "id"], unique=False, postgresql_where=sa.text("is_staff")
    )
    op.create_index("uq_users_email", "users", ["email"], unique=True)
    op.create_table(
        "group_accesses",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("identity", sa.String(length=255), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["groups.id"], name=op.f("fk_group_accesses_group_id_groups"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_group_accesses")),
        sa.UniqueConstraint(
            "group_id", "identity", "action", name=op.f("uq_group_accesses_group_id_identity_action")
        ),
    )
    op.create_table(
        "operations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("verb", sa.String(length=100), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("selection", sa.Text(), nullable=True),
        sa.Column("parameters", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("outcome", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("reverts_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["users.id"], name=op.f("fk_operations_actor_id_users"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["reverts_id"],
            ["operations.id"],
            name=op.f("fk_operations_reverts_id_operations"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operations")),
    )
    op.create_index("ix_operations_actor", "operations", ["actor_id", "created_at", "id"], unique=False)
    op.create_index("ix_operations_created_at", "operations", ["created_at", "id"], unique=False)
    op.create_index("ix_operations_reverts", "operations", ["reverts_id"], unique=False)
    op.create_index("ix_operations_verb", "operations", ["verb", "created_at", "id"], unique=False)
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("address", postgresql.INET(), nullable=True),
        sa.Column("user_agent", sa.String(length=300), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_sessions_user_id_users"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sessions")),
    )
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"], unique=False)
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"], unique=False)
    op.create_table(
        "tickets",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column(
            "ticket_number",
            sa.String(length=50),
            server_default=sa.text("'T-' || to_char(nextval('ticket_number_seq'), 'FM999999999000000')"),
            nullable=False,
        ),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column(
            "status",
            sa.Enum("open", "in_progress", "waiting_on_customer", "resolved", "closed", name="ticket_status"),
            server_default="open",
            nullable=False,
        ),
        sa.Column(
            "priority",
            sa.Enum("low", "medium", "high", "urgent", name="ticket_priority"),
            server_default="medium",
            nullable=False,
        ),
        sa.Column("creator_id", sa.BigInteger(), nullable=False),
        sa.Column("assignee_id", sa.BigInteger(), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), server_default=sa.FetchedValue(), nullable=True),
        sa.Column(
            "search",
            postgresql.TSVECTOR(),
            sa.Computed(
                "setweight(to_tsvector('simple'::regconfig, ticket_number || ' ' || title), 'A')"
                " || setweight(to_tsvector('simple'::regconfig, description), 'B')",
                persisted=True,
            ),
            nullable=False,
        ),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_operation", sa.Uuid(), nullable=True),
        sa.Column("deleted_by_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("length(description) <= 100000", name=op.f("ck_tickets_description_length")),
        sa.ForeignKeyConstraint(
            ["assignee_id"], ["users.id"], name=op.f("fk_tickets_assignee_id_users"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["creator_id"], ["users.id"], name=op.f("fk_tickets_creator_id_users"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["deleted_by_id"], ["users.id"], name=op.f("fk_tickets_deleted_by_id_users"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tickets")),
        sa.UniqueConstraint("ticket_number", name=op.f("uq_tickets_ticket_number")),
    )
    op.create_index("ix_tickets_assignee", "tickets", ["assignee_id", "created_at", "id"], unique=False)
    op.create_index("ix_tickets_creator", "tickets", ["creator_id", "created_at", "id"], unique=False)
    op.create_index(
        "ix_tickets_deleted_by_id",
        "tickets",
        ["deleted_by_id"],
        unique=False,
        postgresql_where=sa.text("deleted_by_id IS NOT NULL"),
    )
    op.create_index(
        "ix_tickets_deleted_operation",
        "tickets",
        ["deleted_operation"],
        unique=False,
        postgresql_where=sa.text("deleted_operation IS NOT NULL"),
    )
    op.create_index(
        "ix_tickets_live_created",
        "tickets",
        ["created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_tickets_live_priority",
        "tickets",
        ["priority", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_tickets_live_status",
        "tickets",
        ["status", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_tickets_live_updated",
        "tickets",
        ["updated_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index("ix_tickets_search", "tickets", ["search"], unique=False, postgresql_using="gin")
    op.create_index(
        "ix_tickets_trash",
        "tickets",
        ["deleted_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.create_table(
        "user_groups",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["groups.id"], name=op.f("fk_user_groups_group_id_groups"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_user_groups_user_id_users"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("user_id", "group_id", name=op.f("pk_user_groups")),
    )
    op.create_index("ix_user_groups_group_id", "user_groups", ["group_id"], unique=False)
    op.create_table(
        "attachments",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("filename", sa.String(length=255), nullable=False),
        sa.Column("content_type", sa.String(length=255), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("ticket_id", sa.BigInteger(), nullable=False),
        sa.Column("uploaded_by_id", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_operation", sa.Uuid(), nullable=True),
        sa.Column("deleted_by_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name=op.f("ck_attachments_sha256_hex")),
        sa.CheckConstraint("size_bytes >= 0", name=op.f("ck_attachments_size_not_negative")),
        sa.ForeignKeyConstraint(
            ["deleted_by_id"],
            ["users.id"],
            name=op.f("fk_attachments_deleted_by_id_users"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["tickets.id"], name=op.f("fk_attachments_ticket_id_tickets"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["uploaded_by_id"],
            ["users.id"],
            name=op.f("fk_attachments_uploaded_by_id_users"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachments")),
    )
    op.create_index(
        "ix_attachments_deleted_by_id",
        "attachments",
        ["deleted_by_id"],
        unique=False,
        postgresql_where=sa.text("deleted_by_id IS NOT NULL"),
    )
    op.create_index(
        "ix_attachments_deleted_operation",
        "attachments",
        ["deleted_operation"],
        unique=False,
        postgresql_where=sa.text("deleted_operation IS NOT NULL"),
    )
    op.create_index(
        "ix_attachments_live_created",
        "attachments",
        ["created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index("ix_attachments_sha256", "attachments", ["sha256"], unique=False)
    op.create_index("ix_attachments_ticket_id", "attachments", ["ticket_id", "id"], unique=False)
    op.create_index(
        "ix_attachments_trash",
        "attachments",
        ["deleted_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.create_index("ix_attachments_uploaded_by_id", "attachments", ["uploaded_by_id"], unique=False)
    op.create_table(
        "comments",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("is_internal", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("ticket_id", sa.BigInteger(), nullable=False),
        sa.Column("author_id", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_operation", sa.Uuid(), nullable=True),
        sa.Column("deleted_by_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("length(content) <= 100000", name=op.f("ck_comments_content_length")),
        sa.ForeignKeyConstraint(
            ["author_id"], ["users.id"], name=op.f("fk_comments_author_id_users"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["deleted_by_id"], ["users.id"], name=op.f("fk_comments_deleted_by_id_users"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["tickets.id"], name=op.f("fk_comments_ticket_id_tickets"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comments")),
    )
    op.create_index("ix_comments_author_id", "comments", ["author_id", "created_at", "id"], unique=False)
    op.create_index(
        "ix_comments_deleted_by_id",
        "comments",
        ["deleted_by_id"],
        unique=False,
        postgresql_where=sa.text("deleted_by_id IS NOT NULL"),
    )
    op.create_index(
        "ix_comments_deleted_operation",
        "comments",
        ["deleted_operation"],
        unique=False,
        postgresql_where=sa.text("deleted_operation IS NOT NULL"),
    )
    op.create_index(
        "ix_comments_live_created",
        "comments",
        ["created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_comments_search",
        "comments",
        [sa.literal_column("to_tsvector('simple'::regconfig, content)")],
        unique=False,
        postgresql_using="gin",
    )
    op.create_index("ix_comments_ticket_id", "comments", ["ticket_id", "created_at", "id"], unique=False)
    op.create_index(
        "ix_comments_trash",
        "comments",
        ["deleted_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.create_table(
        "ticket_tags",
        sa.Column("ticket_id", sa.BigInteger(), nullable=False),
        sa.Column("tag_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["tag_id"], ["tags.id"], name=op.f("fk_ticket_tags_tag_id_tags"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["tickets.id"], name=op.f("fk_ticket_tags_ticket_id_tickets"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("ticket_id", "tag_id", name=op.f("pk_ticket_tags")),
    )
    op.create_index("ix_ticket_tags_tag_id", "ticket_tags", ["tag_id", "ticket_id"], unique=False)
