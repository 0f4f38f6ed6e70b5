"""The triggers that write the change history, generated from the models.

Each audited table gets a function of its own that compares column by column and keeps what changed:
a generic one costs twice the time and six times the space. They are installed by `migrate`, and
compared with the models at every start (`drift`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Connection, Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice.audit.leaf import PERSONAL_DIGEST
from backoffice.audit.transactions import go_on_after
from models import Base

#: Owns the functions; nobody signs in as it.
AUDIT_ROLE = "backoffice_audit"
APP_ROLE = "backoffice_app"

#: So many months are ready before they come.
MONTHS_AHEAD = 12

# Who makes partitions takes turns.
PARTITIONS_LOCK = 7261657

#: What is only ever added to. (The partitions of the first as well, each by a guard of its own.)
APPEND_ONLY_TABLES = ("audit_logs", "audit_seals", "audit_removals")


@dataclass(frozen=True)
class AuditFunction:
    """A function that the history needs, and its body as PostgreSQL stores it."""

    signature: str
    returns: str
    body: str
    #: Whether it acts as the audit role, or as the tables' owner; `is_definer` is False: as who calls it.
    is_owners: bool = False
    is_definer: bool = True
    #: Who may call it by themselves; a trigger's function needs nobody.
    callers: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.signature.partition("(")[0]

    @property
    def ddl(self) -> str:
        # UTC and a fixed search path: what is recorded must not depend on the session that writes.
        return (
            f"CREATE OR REPLACE FUNCTION {self.signature} RETURNS {self.returns} LANGUAGE plpgsql"
            f" SECURITY {'DEFINER' if self.is_definer else 'INVOKER'}"
            " SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC'"
            f" AS $audit${self.body}$audit$"
        )


@dataclass(frozen=True)
class AuditTrigger:
    """A trigger that fires for everybody, even where replication turns ordinary triggers off."""

    name: str
    table: str
    timing: str
    function: str

    @property
    def ddl(self) -> list[str]:
        return [
            f"DROP TRIGGER IF EXISTS {self.name} ON {self.table}",
            f"CREATE TRIGGER {self.name} {self._when} EXECUTE FUNCTION {self.function}()",
            f"ALTER TABLE {self.table} ENABLE ALWAYS TRIGGER {self.name}",
        ]

    @property
    def _when(self) -> str:
        return self.timing.format(table=self.table)


def audited_tables() -> list[Table]:
    """Every table that keeps a history, association tables included."""
    return [table for table in Base.metadata.sorted_tables if table.info.get("audit", True)]


def functions() -> list[AuditFunction]:
    """All functions of the history: one per audited table, and those that keep it."""
    return [
        _GUARD,
        _EVENT,
        _READS,
        _REDACT,
        _BLANK_OPERATIONS,
        _PARTITION,
        _PARTITIONS,
        _STRAYS,
        _SUMMARIZE,
        *(_capture(table) for table in audited_tables()),
    ]


def triggers() -> list[AuditTrigger]:
    """All triggers of the history: a capture and a guard per audited table, and guards of its own tables.

    Partitions of the history have a guard each, which is made with them.
    """
    return [
        *(AuditTrigger("audit_guard", name, _APPEND_ONLY, _GUARD.name) for name in APPEND_ONLY_TABLES),
        *(trigger for table in audited_tables() for trigger in _triggers_of(table)),
    ]


def install(connection: Connection) -> None:
    """Bring functions and triggers in line with the models. `connection` is the tables' owner's."""
    for statement in _installation():
        connection.exec_driver_sql(statement)
    go_on_after(connection)


async def drift(connection: AsyncConnection) -> list[str]:
    """What differs between the models and the database, a sentence each; empty when nothing does."""
    return [
        *await _function_drift(connection),
        *await _trigger_drift(connection),
        *(
            f"The partition {name} of the history has no guard."
            for name in await connection.scalars(
                text(f"SELECT inhrelid::regclass::text FROM ({_UNGUARDED}) AS unguarded (inhrelid)")
            )
        ),
    ]


_APPEND_ONLY = "BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} FOR EACH STATEMENT"
# The partitions of the history without a guard of their own: one on the whole table does not hold for them.
_UNGUARDED = """
SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'public.audit_logs'::regclass AND NOT EXISTS (
  SELECT FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
  WHERE tgrelid = inhrelid AND tgname = 'audit_guard' AND tgenabled = 'A' AND proname = 'audit_guard')
"""
_NEVER_EMPTIED = "BEFORE TRUNCATE ON {table} FOR EACH STATEMENT"
_EVERY_ROW = "AFTER INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW"

# An erasure is the one change there is: it blanks what is personal and keeps its digest (`audit_redact`).
# Whoever calls it, the caller's rights decide: only the audit role's own functions come as that role.
_GUARD = AuditFunction(
    "audit_guard()",
    "trigger",
    f"""
BEGIN
  IF TG_OP = 'UPDATE' AND current_user = '{AUDIT_ROLE}' THEN RETURN NULL; END IF;
  RAISE EXCEPTION '% of % is refused: it would take history away', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END
""",
    is_definer=False,
)

_CONTEXT_COLUMNS = "user_id, operation_id, request_id, address, database_user"
_CONTEXT_VALUES = """nullif(current_setting('backoffice.actor_id', true), '')::bigint,
    nullif(current_setting('backoffice.operation_id', true), '')::uuid,
    nullif(current_setting('backoffice.request_id', true), ''),
    nullif(current_setting('backoffice.address', true), '')::inet,
    session_user"""

_EVENT = AuditFunction(
    "audit_event(event_action text, event_table text, event_record bigint, event_changes jsonb,"
    " event_personal text[])",
    "void",
    f"""
BEGIN
  IF event_action IN ('CREATE', 'UPDATE', 'DELETE') THEN
    RAISE EXCEPTION 'changes of rows are recorded by the triggers alone'
      USING ERRCODE = 'insufficient_privilege';
  END IF;
  INSERT INTO public.audit_logs (table_name, record_id, action, changes, personal, {_CONTEXT_COLUMNS})
  VALUES (event_table, event_record, event_action::public.audit_action, event_changes, event_personal,
    {_CONTEXT_VALUES});
END
""",
    callers=(APP_ROLE,),
)

# Many at once, of many people: who it was is said by whoever calls it, as with all that the application does.
_READS = AuditFunction(
    "audit_reads(reads jsonb)",
    "void",
    f"""
BEGIN
  IF EXISTS (
    SELECT FROM jsonb_array_elements(reads) AS read WHERE read ->> 'action' NOT IN ('VIEW', 'SEARCH')
  ) THEN
    RAISE EXCEPTION 'only reads are recorded so' USING ERRCODE = 'insufficient_privilege';
  END IF;
  INSERT INTO public.audit_logs (table_name, record_id, action, changes, personal, {_CONTEXT_COLUMNS})
  SELECT table_name, record_id, action::public.audit_action, changes, personal,
    user_id, NULL, request_id, address, session_user
  FROM jsonb_to_recordset(reads) AS read (action text, table_name text, record_id bigint, changes jsonb,
    personal text[], user_id bigint, request_id text, address inet);
END
""",
    callers=(APP_ROLE,),
)

_REDACT = AuditFunction(
    "audit_redact(entry_ids bigint[])",
    "bigint",
    f"""
DECLARE
  redacted bigint;
BEGIN
  UPDATE public.audit_logs AS entry SET
    personal_digest = {PERSONAL_DIGEST},
    changes = entry.changes || coalesce((
      SELECT jsonb_object_agg(field, '{{"erased": true}}'::jsonb) FROM unnest(entry.personal) AS field
    ), '{{}}'),
    address = NULL,
    salt = NULL
  WHERE entry.id = ANY (entry_ids) AND entry.salt IS NOT NULL;
  GET DIAGNOSTICS redacted = ROW_COUNT;
  RETURN redacted;
END
""",
    callers=(APP_ROLE,),
)


# The application adds operations and changes none; an erasure leaves who did what, when, and how much.
_BLANK_OPERATIONS = AuditFunction(
    "audit_blank_operations(blanked uuid[], person bigint, named text)",
    "void",
    """
BEGIN
  UPDATE public.operations SET
    actor = CASE WHEN actor_id = person THEN named ELSE actor END,
    reason = NULL,
    selection = NULL,
    parameters = '{}',
    outcome = CASE WHEN outcome ? 'conflicts' THEN outcome || '{"conflicts": []}' ELSE outcome END
  WHERE id = ANY (blanked);
END
""",
    callers=(APP_ROLE,),
)

# A table is made and attached, since that alone lets others write in the meantime. Two who do it at the
# same moment take turns.
_PARTITION = AuditFunction(
    "audit_partition(moment timestamptz)",
    "boolean",
    f"""
DECLARE
  month timestamptz := date_trunc('month', moment);
  partition text := 'audit_logs_' || to_char(month, 'YYYY_MM');
BEGIN
  PERFORM pg_advisory_xact_lock({PARTITIONS_LOCK});
  IF EXISTS (SELECT FROM pg_inherits WHERE inhparent = 'public.audit_logs'::regclass
    AND inhrelid = to_regclass('public.' || partition)) THEN RETURN false; END IF;
  EXECUTE format('CREATE TABLE public.%I (LIKE public.audit_logs INCLUDING DEFAULTS)', partition);
  EXECUTE format('CREATE TRIGGER audit_guard {_APPEND_ONLY.format(table="public.%I")}'
    ' EXECUTE FUNCTION public.{_GUARD.name}()', partition);
  EXECUTE format('ALTER TABLE public.%I ENABLE ALWAYS TRIGGER audit_guard', partition);
  EXECUTE format('ALTER TABLE public.audit_logs ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
    partition, month, month + interval '1 month');
  RETURN true;
END
""",
    is_owners=True,
)

# Callable by the application, which may not make tables: months come, whoever migrates or not. A month
# with entries in DEFAULT cannot have its own until `backoffice audit partitions` moves them; others can.
_PARTITIONS = AuditFunction(
    "audit_partitions_ahead(months integer)",
    "integer",
    """
DECLARE
  patience text := current_setting('lock_timeout');
  made integer := 0;
BEGIN
  PERFORM set_config('lock_timeout', '1s', true);
  FOR step IN 0..least(months, 120) LOOP
    BEGIN
      IF public.audit_partition(date_trunc('month', now()) + make_interval(months => step)) THEN
        made := made + 1;
      END IF;
    EXCEPTION WHEN check_violation THEN
      NULL;
    END;
  END LOOP;
  PERFORM set_config('lock_timeout', patience, true);
  RETURN made;
END
""",
    is_owners=True,
    callers=(APP_ROLE,),
)

# Nobody but the owner reads a partition by itself, and the whole table cannot be asked for one alone.
_STRAYS = AuditFunction(
    "audit_strays()",
    "bigint",
    """
BEGIN
  RETURN (SELECT count(*) FROM public.audit_logs_default);
END
""",
    is_owners=True,
    callers=(APP_ROLE,),
)

# The index by transactions finds only what is summarized; autovacuum does that too, but when it likes.
_SUMMARIZE = AuditFunction(
    "audit_summarize()",
    "bigint",
    """
BEGIN
  PERFORM set_config('lock_timeout', '3s', true);
  RETURN (SELECT coalesce(sum(brin_summarize_new_values(inhrelid)), 0) FROM pg_inherits
    WHERE inhparent = 'public.ix_audit_logs_xid'::regclass);
END
""",
    is_owners=True,
    callers=(APP_ROLE,),
)

#: Partitions that a migration made, or somebody by hand, get the guard that the others have.
GUARD_PARTITIONS = f"""
DO $$
DECLARE
  partition regclass;
BEGIN
  FOR partition IN {_UNGUARDED} LOOP
    EXECUTE format('DROP TRIGGER IF EXISTS audit_guard ON %s', partition);
    EXECUTE format('CREATE TRIGGER audit_guard {_APPEND_ONLY.format(table="%s")}'
      ' EXECUTE FUNCTION public.{_GUARD.name}()', partition);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER audit_guard', partition);
  END LOOP;
END
$$
"""


def _triggers_of(table: Table) -> list[AuditTrigger]:
    return [
        AuditTrigger("audit_capture", table.name, _EVERY_ROW, _capture(table).name),
        AuditTrigger("audit_guard", table.name, _NEVER_EMPTIED, _GUARD.name),
    ]


def _capture(table: Table) -> AuditFunction:
    recorded = [column for column in table.columns if not column.system and _policy(column) != "skip"]
    body = f"""
DECLARE
  changes jsonb := '{{}}';
  personal text[] := {_names(recorded)};
BEGIN
  IF TG_OP = 'UPDATE' THEN
    personal := NULL;
{"".join(_compare(column) for column in recorded)}    IF changes = '{{}}' THEN RETURN NULL; END IF;
  ELSIF TG_OP = 'INSERT' THEN
    changes := jsonb_build_object({_image(recorded, "new")});
  ELSE
    changes := jsonb_build_object({_image(recorded, "old")});
  END IF;
  INSERT INTO public.audit_logs (table_name, record_id, action, changes, personal, {_CONTEXT_COLUMNS})
  VALUES ('{table.name}', {_record(table)},
    (CASE TG_OP WHEN 'INSERT' THEN 'CREATE' ELSE TG_OP END)::public.audit_action, changes, personal,
    {_CONTEXT_VALUES});
  RETURN NULL;
END
"""
    return AuditFunction(f"audit_capture_{table.name}()", "trigger", body)


def _policy(column: Column[object]) -> str:
    """How the column is audited; a ValueError for a column that does not say."""
    policy = column.info.get("audit")
    if policy not in ("plain", "skip", "secret", "pii"):
        raise ValueError(f"{column} does not say how it is audited: give it info={{'audit': …}}")
    return str(policy)


def _compare(column: Column[object]) -> str:
    name = column.name
    if _policy(column) == "secret":
        change = "jsonb_build_object('changed', true)"
    else:
        change = f"jsonb_build_object('old', OLD.{name}, 'new', NEW.{name})"
    is_personal = _policy(column) == "pii"
    return (
        f"    IF NEW.{name} IS DISTINCT FROM OLD.{name} THEN\n"
        f"      changes := changes || jsonb_build_object('{name}', {change});\n"
        + (f"      personal := array_append(personal, '{name}');\n" if is_personal else "")
        + "    END IF;\n"
    )


def _record(table: Table) -> str:
    """The key of the record that an entry is about; an operation's is in a column of its own."""
    name = table.info.get("audit_record", "id")
    if not isinstance(table.c[name].type, BigInteger):
        return "NULL"
    return f"CASE TG_OP WHEN 'DELETE' THEN OLD.{name} ELSE NEW.{name} END"


def _names(columns: list[Column[object]]) -> str:
    """The columns with personal values, as an array; NULL for none."""
    names = [column.name for column in columns if _policy(column) == "pii"]
    return f"'{{{','.join(names)}}}'" if names else "NULL"


def _image(columns: list[Column[object]], side: str) -> str:
    row = side.upper()
    return ", ".join(
        f"'{column.name}', jsonb_build_object('{side}', {row}.{column.name})"
        for column in columns
        if _policy(column) != "secret"
    )


def _installation() -> Iterator[str]:
    for function in functions():
        yield from _function(function)
    for trigger in triggers():
        yield from trigger.ddl
    yield GUARD_PARTITIONS
    yield f"SELECT audit_partitions_ahead({MONTHS_AHEAD})"


def _function(function: AuditFunction) -> Iterator[str]:
    if not function.is_owners:
        yield f"SET LOCAL ROLE {AUDIT_ROLE}"
    yield function.ddl
    yield f"REVOKE ALL ON FUNCTION {function.signature} FROM PUBLIC"
    for role in ("SESSION_USER", *function.callers):
        yield f"GRANT EXECUTE ON FUNCTION {function.signature} TO {role}"
    if not function.is_owners:
        yield "RESET ROLE"


async def _function_drift(connection: AsyncConnection) -> list[str]:
    rows = await connection.execute(
        text(
            "SELECT proname, prosrc, prosecdef, proowner = relowner AS is_owners,"
            " pg_get_userbyid(proowner) = :audit_role AS is_audit_roles"
            " FROM pg_proc, pg_class WHERE pronamespace = 'public'::regnamespace"
            " AND proname LIKE 'audit\\_%' AND pg_class.oid = 'public.audit_logs'::regclass"
        ),
        {"audit_role": AUDIT_ROLE},
    )
    found = {row.proname: row for row in rows}
    findings = []
    for function in functions():
        row = found.get(function.name)
        if row is None:
            findings.append(f"The function {function.name} is missing.")
        elif (
            row.prosrc != function.body
            or row.prosecdef != function.is_definer
            or not (row.is_owners if function.is_owners else row.is_audit_roles)
        ):
            findings.append(f"The function {function.name} is not what the models ask for.")
    return findings


async def _trigger_drift(connection: AsyncConnection) -> list[str]:
    rows = await connection.execute(
        text(
            "SELECT tgrelid::regclass::text AS on_table, tgname, tgenabled = 'A' AS is_always,"
            " pg_get_triggerdef(oid) AS definition FROM pg_trigger"
            " WHERE NOT tgisinternal AND tgname LIKE 'audit\\_%'"
        )
    )
    found = {(row.on_table, row.tgname): row for row in rows}
    findings = []
    for trigger in triggers():
        row = found.get((trigger.table, trigger.name))
        if row is None:
            findings.append(f"The trigger {trigger.name} on {trigger.table} is missing.")
        elif not row.is_always or f"EXECUTE FUNCTION {trigger.function}()" not in row.definition:
            findings.append(f"The trigger {trigger.name} on {trigger.table} is switched off or replaced.")
    return findings
