"""The functions that make the partitions of the history, a month each, and keep their indexes."""

from backoffice.audit.definitions import APP_ROLE, AuditFunction
from backoffice.audit.functions import APPEND_ONLY, GUARD

#: So many months are ready before they come: each is planned for, and opened, wherever the history is read.
MONTHS_AHEAD = 3

# Who makes partitions takes turns.
PARTITIONS_LOCK = 7261657

# The partitions of the history without a guard of their own: one on the whole table does not hold for them.
# 58 is before, for each statement, of UPDATE, DELETE and TRUNCATE; whatever the condition, it is another one.
UNGUARDED = """
SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'public.audit_logs'::regclass AND NOT EXISTS (
  SELECT FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
  WHERE tgrelid = inhrelid AND tgname = 'audit_guard' AND tgenabled = 'A' AND proname = 'audit_guard'
    AND tgtype = 58 AND tgqual IS NULL AND tgattr = '')
"""

# A table is made and attached, since that alone lets others write in the meantime. Two who do it at the
# same moment take turns.
PARTITION = AuditFunction(
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
  EXECUTE format('CREATE TRIGGER audit_guard {APPEND_ONLY.format(table="public.%I")}'
    ' EXECUTE FUNCTION public.{GUARD.name}()', partition);
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
PARTITIONS = AuditFunction(
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
STRAYS = AuditFunction(
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
SUMMARIZE = AuditFunction(
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
  FOR partition IN {UNGUARDED} LOOP
    EXECUTE format('DROP TRIGGER IF EXISTS audit_guard ON %s', partition);
    EXECUTE format('CREATE TRIGGER audit_guard {APPEND_ONLY.format(table="%s")}'
      ' EXECUTE FUNCTION public.{GUARD.name}()', partition);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER audit_guard', partition);
  END LOOP;
END
$$
"""
