"""History that can be proved: partitions by month, salted personal values, seals, removals, verifications."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261123_history"
down_revision = "20261122_desk"
branch_labels = None
depends_on = None

ACTIONS = ("SEARCH", "ERASE", "RETAIN", "VERIFY")
ENUMS = ("removal_kind", "verification_state")
INDEXES = ("record", "user", "operation", "action", "created_at")
COLUMNS = (
    "id, created_at, table_name, record_id, action, user_id, changes, operation_id, request_id, address,"
    " database_user"
)

# What of the entries so far is personal.
PERSONAL = {
    "users": "{email,full_name}",
    "tickets": "{title,description}",
    "comments": "{content}",
    "attachments": "{filename}",
}
NAMES = " ".join(f"WHEN '{table}' THEN '{names}'::text[]" for table, names in PERSONAL.items())

# What is added to the server's transaction numbers: more than nothing once a dump was restored elsewhere.
XID_BASE = """
CREATE FUNCTION history_xid_base() RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT 0::bigint'
"""

MOVE = f"""
INSERT INTO audit_logs ({COLUMNS}, xid, personal) OVERRIDING SYSTEM VALUE
SELECT {COLUMNS}, 0, (
    SELECT array_agg(name) FROM unnest(CASE table_name {NAMES} END) AS name WHERE jsonb_exists(changes, name))
FROM audit_logs_before ORDER BY id
"""

# Operations were not a part of the history; those that there are enter it as they are now.
OPERATIONS = """
INSERT INTO audit_logs (table_name, action, operation_id, request_id, database_user, personal, changes)
SELECT 'operations', 'CREATE', id, request_id, session_user,
  '{actor,reason,selection,parameters,outcome}',
  jsonb_build_object('id', jsonb_build_object('new', id), 'created_at', jsonb_build_object('new', created_at),
    'verb', jsonb_build_object('new', verb), 'actor_id', jsonb_build_object('new', actor_id),
    'actor', jsonb_build_object('new', actor), 'request_id', jsonb_build_object('new', request_id),
    'reason', jsonb_build_object('new', reason), 'selection', jsonb_build_object('new', selection),
    'parameters', jsonb_build_object('new', parameters), 'outcome', jsonb_build_object('new', outcome),
    'reverts_id', jsonb_build_object('new', reverts_id))
FROM operations ORDER BY created_at, id
"""

NEXT_ID = """
SELECT setval(pg_get_serial_sequence('audit_logs', 'id'), greatest(max(id), 1), max(id) IS NOT NULL)
FROM audit_logs
"""

# The sealer is the application, with a key that the database does not have; nobody changes a seal.
RIGHTS = """
GRANT SELECT, INSERT ON audit_seals, audit_removals TO backoffice_app;
GRANT SELECT, INSERT, UPDATE ON audit_verifications TO backoffice_app;
GRANT SELECT, INSERT, DELETE ON frozen_selections TO backoffice_app;
GRANT SELECT ON audit_logs TO backoffice_app;
GRANT SELECT ON audit_logs, audit_seals, audit_removals, audit_verifications TO backoffice_reader;
GRANT SELECT, INSERT ON audit_logs TO backoffice_audit;
GRANT UPDATE (changes, address, salt, personal_digest) ON audit_logs TO backoffice_audit;
GRANT SELECT, UPDATE ON operations TO backoffice_audit
"""

GRANTS = """
INSERT INTO group_accesses (group_id, identity, action)
SELECT groups.id, identity, action FROM groups JOIN (VALUES
  ('Auditors', 'audit-log', 'action:verify'),
  ('Auditors', 'audit-log', 'action:export'),
  ('Administrators', 'audit-log', 'action:verify'),
  ('Administrators', 'audit-log', 'action:export'),
  ('Administrators', 'user', 'action:erase')
) AS granted (name, identity, action) USING (name)
ON CONFLICT DO NOTHING
"""

GRANTED = "SELECT id FROM group_accesses WHERE action IN ('action:verify', 'action:export', 'action:erase')"

# They were there before the triggers; so the history knows of every record how it began.
GROUPS = """
INSERT INTO audit_logs (table_name, record_id, action, database_user, changes)
SELECT 'groups', id, 'CREATE', session_user, jsonb_build_object(
  'id', jsonb_build_object('new', id), 'name', jsonb_build_object('new', name))
FROM groups WHERE NOT EXISTS (
  SELECT FROM audit_logs WHERE table_name = 'groups' AND record_id = groups.id AND action = 'CREATE')
ORDER BY id
"""
ACCESSES = """
INSERT INTO audit_logs (table_name, record_id, action, database_user, changes)
SELECT 'group_accesses', id, 'CREATE', session_user, jsonb_build_object(
  'id', jsonb_build_object('new', id), 'group_id', jsonb_build_object('new', group_id),
  'identity', jsonb_build_object('new', identity), 'action', jsonb_build_object('new', action))
FROM group_accesses WHERE NOT EXISTS (
  SELECT FROM audit_logs
  WHERE table_name = 'group_accesses' AND record_id = group_accesses.id AND action = 'CREATE')
ORDER BY id
"""


def upgrade() -> None:
    # Months begin and end in UTC, wherever the server is.
    op.execute("SET LOCAL timezone = 'UTC'")
    # They hold the old table's columns; the triggers are made anew at the head.
    _drop_audit_functions()
    for action in ACTIONS:
        op.execute(f"ALTER TYPE audit_action ADD VALUE IF NOT EXISTS '{action}'")
    op.execute(XID_BASE)
    _rename_the_log()
    _create_log(partitioned=True)
    op.execute("CREATE TABLE audit_logs_default PARTITION OF audit_logs DEFAULT")
    _create_partitions()
    op.execute(MOVE)
    op.execute(NEXT_ID)
    op.execute(OPERATIONS)
    op.drop_table("audit_logs_before")
    _create_proofs()
    _create_selections()
    for statement in RIGHTS.split(";"):
        op.execute(statement)
    op.execute(GRANTS)
    op.execute(GROUPS)
    op.execute(ACCESSES)


def downgrade() -> None:
    # The release before makes its own triggers, and refuses to serve until `migrate` has.
    _drop_audit_functions()
    for table in ("frozen_selections", "audit_verifications", "audit_removals", "audit_seals"):
        op.drop_table(table)
    for name in ENUMS:
        op.execute(f"DROP TYPE {name}")
    _rename_the_log()
    _create_log(partitioned=False)
    op.execute(
        f"INSERT INTO audit_logs ({COLUMNS}) OVERRIDING SYSTEM VALUE"
        f" SELECT {COLUMNS} FROM audit_logs_before WHERE table_name <> 'operations'"
        f" AND NOT (table_name = 'group_accesses' AND record_id IN ({GRANTED})) ORDER BY id"
    )
    op.execute(f"DELETE FROM group_accesses WHERE id IN ({GRANTED})")
    op.execute(NEXT_ID)
    op.drop_table("audit_logs_before")
    op.execute("DROP FUNCTION history_xid_base()")
    op.execute("REVOKE ALL ON operations FROM backoffice_audit")
    op.execute("GRANT SELECT ON audit_logs TO backoffice_app, backoffice_reader")
    op.execute("GRANT INSERT ON audit_logs TO backoffice_audit")


def _drop_audit_functions() -> None:
    rows = op.get_bind().execute(
        sa.text(
            "SELECT oid::regprocedure::text AS name, pg_get_userbyid(proowner) AS owner FROM pg_proc"
            " WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'audit\\_%'"
        )
    )
    for name, owner in rows.all():
        # The triggers go first: CASCADE would ask to own the tables.
        _drop_triggers_of(name)
        op.execute(f'SET LOCAL ROLE "{owner}"')
        op.execute(f"DROP FUNCTION {name}")
        op.execute("RESET ROLE")


def _drop_triggers_of(function: str) -> None:
    rows = op.get_bind().execute(
        sa.text(
            "SELECT tgname, tgrelid::regclass::text FROM pg_trigger"
            " WHERE tgfoid = CAST(:function AS regprocedure) AND tgparentid = 0"
        ),
        {"function": function},
    )
    for trigger, table in rows.all():
        op.execute(f"DROP TRIGGER {trigger} ON {table}")


def _rename_the_log() -> None:
    op.execute("ALTER TABLE audit_logs RENAME TO audit_logs_before")
    op.execute("ALTER TABLE audit_logs_before RENAME CONSTRAINT pk_audit_logs TO pk_audit_logs_before")
    op.execute("ALTER SEQUENCE audit_logs_id_seq RENAME TO audit_logs_before_id_seq")
    for name in INDEXES:
        op.execute(f"DROP INDEX ix_audit_logs_{name}")


def _create_log(*, partitioned: bool) -> None:
    order = ["created_at", "id"] if partitioned else ["id"]
    op.create_table(
        "audit_logs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        *(_transaction() if partitioned else ()),
        sa.Column("table_name", sa.String(length=63), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=True),
        sa.Column("action", postgresql.ENUM(name="audit_action", create_type=False), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("changes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("operation_id", sa.Uuid(), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("address", postgresql.INET(), nullable=True),
        sa.Column("database_user", sa.String(length=63), nullable=False),
        *(_personal() if partitioned else ()),
        sa.PrimaryKeyConstraint("id", *order[:-1], name=op.f("pk_audit_logs")),
        postgresql_partition_by="RANGE (created_at)" if partitioned else None,
    )
    for columns, included in (
        (["action", *order], ["user_id", "table_name"]),
        (["created_at", "id"], ["table_name"]),
        (["user_id", *order], ["action", "table_name"]),
    ):
        name = f"ix_audit_logs_{columns[0].removesuffix('_id')}"
        op.create_index(name, "audit_logs", columns, postgresql_include=included if partitioned else [])
    op.create_index("ix_audit_logs_operation", "audit_logs", ["operation_id", "id"], unique=False)
    op.create_index("ix_audit_logs_record", "audit_logs", ["table_name", "record_id", *order], unique=False)
    if partitioned:
        op.create_index(
            "ix_audit_logs_child",
            "audit_logs",
            [sa.text("((changes #>> '{ticket_id,old}')::bigint)"), "table_name", "created_at"],
            unique=False,
            postgresql_where=sa.text(
                "table_name IN ('comments', 'attachments') AND changes #>> '{ticket_id,old}' IS NOT NULL"
            ),
        )
        op.create_index(
            "ix_audit_logs_xid",
            "audit_logs",
            ["xid"],
            unique=False,
            postgresql_using="brin",
            postgresql_with={"autosummarize": "on", "pages_per_range": "32"},
        )


def _transaction() -> list[sa.Column[int]]:
    written_in = sa.text("(pg_current_xact_id()::text)::bigint + history_xid_base()")
    return [sa.Column("xid", sa.BigInteger(), server_default=written_in, nullable=False)]


def _personal() -> list[sa.Column[object]]:
    return [
        sa.Column("personal", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("salt", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=True),
        sa.Column("personal_digest", sa.LargeBinary(), nullable=True),
    ]


def _create_partitions() -> None:
    """A partition for each month that has entries, for this one and the next twelve."""
    months = op.get_bind().scalars(
        sa.text(
            "SELECT DISTINCT date_trunc('month', created_at) FROM audit_logs_before UNION"
            " SELECT date_trunc('month', now()) + make_interval(months => step)"
            " FROM generate_series(0, 12) AS step ORDER BY 1"
        )
    )
    for month in months.all():
        op.execute(
            f"CREATE TABLE audit_logs_{month:%Y_%m} PARTITION OF audit_logs"
            f" FOR VALUES FROM ('{month.isoformat()}')"
            f" TO (timestamptz '{month.isoformat()}' + interval '1 month')"
        )


def _create_proofs() -> None:
    op.create_table(
        "audit_seals",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("horizon_xid", sa.BigInteger(), nullable=False),
        sa.Column("next_xid", sa.BigInteger(), nullable=False),
        sa.Column("through_xid", sa.BigInteger(), nullable=False),
        sa.Column("through_id", sa.BigInteger(), nullable=False),
        sa.Column("entry_count", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.LargeBinary(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("length(entries) = 40 * entry_count", name=op.f("ck_audit_seals_entries_length")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_seals")),
    )
    # Digests do not compress.
    op.execute("ALTER TABLE audit_seals ALTER COLUMN entries SET STORAGE EXTERNAL")
    op.create_index("ix_audit_seals_sealed_at", "audit_seals", ["sealed_at"], unique=False)
    op.create_index("ix_audit_seals_through", "audit_seals", ["through_xid", "through_id"], unique=False)
    op.create_table(
        "audit_removals",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("kind", sa.Enum("erasure", "retention", name="removal_kind"), nullable=False),
        sa.Column("entry_ids", postgresql.INT8MULTIRANGE(), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_removals")),
    )
    op.create_index("ix_audit_removals_created_at", "audit_removals", ["created_at", "id"], unique=False)
    op.create_table(
        "audit_verifications",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "state",
            sa.Enum("running", "whole", "broken", "interrupted", name="verification_state"),
            server_default="running",
            nullable=False,
        ),
        sa.Column("entries_done", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("entries_total", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("report", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_audit_verifications_user_id_users"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_verifications")),
    )
    op.create_index(
        "ix_audit_verifications_started_at", "audit_verifications", ["started_at", "id"], unique=False
    )
    op.create_index("ix_audit_verifications_user_id", "audit_verifications", ["user_id"], unique=False)


def _create_selections() -> None:
    op.create_table(
        "frozen_selections",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("table_name", sa.String(length=63), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("record_ids", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_frozen_selections_user_id_users"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_frozen_selections")),
    )
    op.create_index("ix_frozen_selections_created_at", "frozen_selections", ["created_at"], unique=False)
    op.create_index("ix_frozen_selections_user_id", "frozen_selections", ["user_id"], unique=False)
