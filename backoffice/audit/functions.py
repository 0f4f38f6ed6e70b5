"""The functions that keep the history: its guard, and what writes to it beside the triggers."""

from backoffice.audit.definitions import APP_ROLE, AUDIT_ROLE, AuditFunction
from backoffice.audit.leaf import PERSONAL_DIGEST

#: When the guard of what is only ever added to fires.
APPEND_ONLY = "BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} FOR EACH STATEMENT"

# An erasure is the one change there is: it blanks what is personal and keeps its digest (`audit_redact`).
# Whoever calls it, the caller's rights decide: only the audit role's own functions come as that role.
GUARD = AuditFunction(
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

#: Who acts, in which operation, as the session says: columns of an entry, and their values.
CONTEXT_COLUMNS = "user_id, operation_id, request_id, address, database_user"
CONTEXT_VALUES = """nullif(current_setting('backoffice.actor_id', true), '')::bigint,
    nullif(current_setting('backoffice.operation_id', true), '')::uuid,
    nullif(current_setting('backoffice.request_id', true), ''),
    nullif(current_setting('backoffice.address', true), '')::inet,
    session_user"""

EVENT = AuditFunction(
    "audit_event(event_action text, event_table text, event_record bigint, event_changes jsonb,"
    " event_personal text[])",
    "void",
    f"""
BEGIN
  IF event_action IN ('CREATE', 'UPDATE', 'DELETE') THEN
    RAISE EXCEPTION 'changes of rows are recorded by the triggers alone'
      USING ERRCODE = 'insufficient_privilege';
  END IF;
  INSERT INTO public.audit_logs (table_name, record_id, action, changes, personal, {CONTEXT_COLUMNS})
  VALUES (event_table, event_record, event_action::public.audit_action, event_changes, event_personal,
    {CONTEXT_VALUES});
END
""",
    callers=(APP_ROLE,),
)

# Many at once, of many people: who it was is said by whoever calls it, as with all that the application does.
READS = AuditFunction(
    "audit_reads(reads jsonb)",
    "void",
    f"""
BEGIN
  IF EXISTS (
    SELECT FROM jsonb_array_elements(reads) AS read WHERE read ->> 'action' NOT IN ('VIEW', 'SEARCH')
  ) THEN
    RAISE EXCEPTION 'only reads are recorded so' USING ERRCODE = 'insufficient_privilege';
  END IF;
  INSERT INTO public.audit_logs (table_name, record_id, action, changes, personal, {CONTEXT_COLUMNS})
  SELECT table_name, record_id, action::public.audit_action, changes, personal,
    user_id, NULL, request_id, address, session_user
  FROM jsonb_to_recordset(reads) AS read (action text, table_name text, record_id bigint, changes jsonb,
    personal text[], user_id bigint, request_id text, address inet);
END
""",
    callers=(APP_ROLE,),
)

REDACT = AuditFunction(
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
BLANK_OPERATIONS = AuditFunction(
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
