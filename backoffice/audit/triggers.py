"""The triggers that write the change history, generated from the models.

Each audited table gets a function of its own that compares column by column and keeps what changed:
a generic one costs twice the time and six times the space. They are installed by `migrate`, and
compared with the models at every start (`drift`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Column, Connection, Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from models import Base

#: Owns the functions; nobody signs in as it.
AUDIT_ROLE = "backoffice_audit"
APP_ROLE = "backoffice_app"


@dataclass(frozen=True)
class AuditFunction:
    """A function that the history needs, and its body as PostgreSQL stores it."""

    signature: str
    returns: str
    body: str

    @property
    def name(self) -> str:
        return self.signature.partition("(")[0]

    @property
    def ddl(self) -> str:
        # UTC and a fixed search path: what is recorded must not depend on the session that writes.
        return (
            f"CREATE OR REPLACE FUNCTION {self.signature} RETURNS {self.returns} LANGUAGE plpgsql"
            " SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC'"
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
    """All functions of the history: one per audited table, the guard, and the writer of events."""
    return [_GUARD, _EVENT, *(_capture(table) for table in audited_tables())]


def triggers() -> list[AuditTrigger]:
    """All triggers of the history: a capture and a guard per audited table, and the log's own guard."""
    return [
        AuditTrigger("audit_guard", "audit_logs", _APPEND_ONLY, _GUARD.name),
        *(trigger for table in audited_tables() for trigger in _triggers_of(table)),
    ]


def install(connection: Connection) -> None:
    """Bring functions and triggers in line with the models. `connection` is the tables' owner's."""
    for statement in _installation():
        connection.exec_driver_sql(statement)


async def drift(connection: AsyncConnection) -> list[str]:
    """What differs between the models and the database, a sentence each; empty when nothing does."""
    return [*await _function_drift(connection), *await _trigger_drift(connection)]


_APPEND_ONLY = "BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} FOR EACH STATEMENT"
_NEVER_EMPTIED = "BEFORE TRUNCATE ON {table} FOR EACH STATEMENT"
_EVERY_ROW = "AFTER INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW"

_GUARD = AuditFunction(
    "audit_guard()",
    "trigger",
    """
BEGIN
  RAISE EXCEPTION '% of % is refused: it would take history away', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END
""",
)

_CONTEXT_COLUMNS = "user_id, operation_id, request_id, address, database_user"
_CONTEXT_VALUES = """nullif(current_setting('backoffice.actor_id', true), '')::bigint,
    nullif(current_setting('backoffice.operation_id', true), '')::uuid,
    nullif(current_setting('backoffice.request_id', true), ''),
    nullif(current_setting('backoffice.address', true), '')::inet,
    session_user"""

_EVENT = AuditFunction(
    "audit_event(event_action text, event_table text, event_record bigint, event_changes jsonb)",
    "void",
    f"""
BEGIN
  IF event_action IN ('CREATE', 'UPDATE', 'DELETE') THEN
    RAISE EXCEPTION 'changes of rows are recorded by the triggers alone'
      USING ERRCODE = 'insufficient_privilege';
  END IF;
  INSERT INTO public.audit_logs (table_name, record_id, action, changes, {_CONTEXT_COLUMNS})
  VALUES (event_table, event_record, event_action::public.audit_action, event_changes,
    {_CONTEXT_VALUES});
END
""",
)


def _triggers_of(table: Table) -> list[AuditTrigger]:
    return [
        AuditTrigger("audit_capture", table.name, _EVERY_ROW, _capture(table).name),
        AuditTrigger("audit_guard", table.name, _NEVER_EMPTIED, _GUARD.name),
    ]


def _capture(table: Table) -> AuditFunction:
    recorded = [column for column in table.columns if not column.system and _policy(column) != "skip"]
    record = table.info.get("audit_record", "id")
    body = f"""
DECLARE
  changes jsonb := '{{}}';
BEGIN
  IF TG_OP = 'UPDATE' THEN
{"".join(_compare(column) for column in recorded)}    IF changes = '{{}}' THEN RETURN NULL; END IF;
  ELSIF TG_OP = 'INSERT' THEN
    changes := jsonb_build_object({_image(recorded, "new")});
  ELSE
    changes := jsonb_build_object({_image(recorded, "old")});
  END IF;
  INSERT INTO public.audit_logs (table_name, record_id, action, changes, {_CONTEXT_COLUMNS})
  VALUES ('{table.name}', CASE TG_OP WHEN 'DELETE' THEN OLD.{record} ELSE NEW.{record} END,
    (CASE TG_OP WHEN 'INSERT' THEN 'CREATE' ELSE TG_OP END)::public.audit_action, changes,
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
    return (
        f"    IF NEW.{name} IS DISTINCT FROM OLD.{name} THEN\n"
        f"      changes := changes || jsonb_build_object('{name}', {change});\n"
        "    END IF;\n"
    )


def _image(columns: list[Column[object]], side: str) -> str:
    row = side.upper()
    return ", ".join(
        f"'{column.name}', jsonb_build_object('{side}', {row}.{column.name})"
        for column in columns
        if _policy(column) != "secret"
    )


def _installation() -> Iterator[str]:
    yield f"SET LOCAL ROLE {AUDIT_ROLE}"
    for function in functions():
        yield function.ddl
        yield f"REVOKE ALL ON FUNCTION {function.signature} FROM PUBLIC"
        yield f"GRANT EXECUTE ON FUNCTION {function.signature} TO SESSION_USER"
    yield f"GRANT EXECUTE ON FUNCTION {_EVENT.signature} TO {APP_ROLE}"
    yield "RESET ROLE"
    for trigger in triggers():
        yield from trigger.ddl


async def _function_drift(connection: AsyncConnection) -> list[str]:
    rows = await connection.execute(
        text(
            "SELECT proname, prosrc, prosecdef AND pg_get_userbyid(proowner) = :owner AS is_safe FROM pg_proc"
            " WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'audit\\_%'"
        ),
        {"owner": AUDIT_ROLE},
    )
    found = {row.proname: row for row in rows}
    findings = []
    for function in functions():
        row = found.get(function.name)
        if row is None:
            findings.append(f"The function {function.name} is missing.")
        elif row.prosrc != function.body or not row.is_safe:
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
