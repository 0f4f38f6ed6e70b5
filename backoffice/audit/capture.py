"""The functions that capture changes, generated from the models.

Each audited table gets one of its own that compares column by column and keeps what changed: a generic one
costs twice the time and six times the space.
"""

from sqlalchemy import BigInteger, Column, Table

from backoffice.audit.definitions import AuditFunction
from backoffice.audit.functions import CONTEXT_COLUMNS, CONTEXT_VALUES
from models import Base


def audited_tables() -> list[Table]:
    """Every table that keeps a history, association tables included."""
    return [table for table in Base.metadata.sorted_tables if table.info.get("audit", True)]


def capture(table: Table) -> AuditFunction:
    """The function that writes down what changes in the rows of `table`."""
    recorded = [column for column in table.columns if not column.system and _policy(column) != "skip"]
    body = f"""
DECLARE
  changes jsonb := '{{}}';
  personal text[] := {_names(recorded)};
BEGIN
  IF TG_OP = 'UPDATE' THEN
    personal := NULL;
{"".join(_compare(column) for column in recorded)}    IF changes = '{{}}' THEN RETURN NULL; END IF;
{_key(table)}  ELSIF TG_OP = 'INSERT' THEN
    changes := jsonb_build_object({_image(recorded, "new")});
  ELSE
    changes := jsonb_build_object({_image(recorded, "old")});
  END IF;
  INSERT INTO public.audit_logs (table_name, record_id, action, changes, personal, {CONTEXT_COLUMNS})
  VALUES ('{table.name}', {_record(table)},
    (CASE TG_OP WHEN 'INSERT' THEN 'CREATE' ELSE TG_OP END)::public.audit_action, changes, personal,
    {CONTEXT_VALUES});
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


def _key(table: Table) -> str:
    """Says in an entry which row was changed, where no column of the entry can."""
    if _record(table) != "NULL":
        return ""
    pairs = ", ".join(
        f"'{key.name}', jsonb_build_object('old', OLD.{key.name}, 'new', NEW.{key.name})"
        for key in table.primary_key
    )
    return f"    changes := changes || jsonb_build_object({pairs});\n"


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
