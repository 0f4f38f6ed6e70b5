"""Queries for the records of a table that are not what the history says of them.

Each sets the whole table against the whole of its history, and gives only what differs: its `key`,
whether it `is_live`, whether the history `is_known` to begin with it and says that it `is_deleted`, and
the `fields` that are not as they were last said to be.
"""

from sqlalchemy import BigInteger, Column, Table, TextClause, text


def differing_records(table: Table) -> TextClause:
    """For a table whose records have a key of one column."""
    [key] = table.primary_key.columns
    fields = ", ".join(_differing(column.name) for column in table.columns if _is_told(column))
    return text(f"""
WITH entries AS NOT MATERIALIZED (
  SELECT id, action, changes, {_key(key)} AS key FROM audit_logs WHERE {_of(table)}
), created AS (
  SELECT DISTINCT ON (key) key, id, changes FROM entries WHERE action = 'CREATE' ORDER BY key, id DESC
), updated AS (
  SELECT key, jsonb_object_agg(field, change ORDER BY entries.id) AS changes
  FROM entries LEFT JOIN created USING (key), jsonb_each(entries.changes) AS changed (field, change)
  WHERE action = 'UPDATE' AND entries.id > coalesce(created.id, 0) AND key IS NOT NULL GROUP BY key
), deleted AS (
  SELECT key, max(id) AS id FROM entries WHERE action = 'DELETE' GROUP BY key
), said AS (
  SELECT key, created.id AS created, deleted.id AS deleted, created.changes AS first,
    updated.changes AS latest
  FROM created FULL JOIN updated USING (key) FULL JOIN deleted USING (key)
), compared AS (
  SELECT coalesce(live.{key.name}, said.key) AS key, live.{key.name} IS NOT NULL AS is_live,
    said.created IS NOT NULL AS is_known, coalesce(deleted > coalesce(created, 0), false) AS is_deleted,
    array_remove(ARRAY[{fields}]::text[], NULL) AS fields
  FROM {table.name} AS live FULL JOIN said ON said.key = live.{key.name}
)
{_DIFFERING}""")


def differing_links(table: Table) -> TextClause:
    """For a table of links, which are made and removed, never changed; their key is all they are."""
    names = [column.name for column in table.primary_key.columns]
    keys = ", ".join(names)
    values = ", ".join(
        f"coalesce(changes #>> '{{{name},new}}', changes #>> '{{{name},old}}')::bigint AS {name}"
        for name in names
    )
    return text(f"""
WITH entries AS (
  SELECT id, action, {values} FROM audit_logs WHERE {_of(table)}
), said AS (
  SELECT DISTINCT ON ({keys}) {keys}, action FROM entries ORDER BY {keys}, id DESC
), compared AS (
  SELECT concat_ws(' to ', {keys}) AS key, live.{names[0]} IS NOT NULL AS is_live,
    said.{names[0]} IS NOT NULL AS is_known,
    coalesce(action = 'DELETE', false) AS is_deleted, '{{}}'::text[] AS fields
  FROM {table.name} AS live FULL JOIN said USING ({keys})
)
{_DIFFERING}""")


def is_rewritten(table: Table) -> TextClause:
    """Whether links were changed into others, of which the history does not say all."""
    return text(f"SELECT EXISTS (SELECT FROM audit_logs WHERE {_of(table)} AND action = 'UPDATE')")


_DIFFERING = """
SELECT * FROM compared
WHERE CASE WHEN is_live THEN NOT is_known OR is_deleted OR fields <> '{}' ELSE NOT is_deleted END
ORDER BY key
"""


def _of(table: Table) -> str:
    return f"table_name = '{table.name}' AND action IN ('CREATE', 'UPDATE', 'DELETE')"


def _key(key: Column[object]) -> str:
    """The key of the record that an entry is about: in a column, or in what it says."""
    if isinstance(key.type, BigInteger):
        return "record_id"
    return f"coalesce(changes #>> '{{{key.name},new}}', changes #>> '{{{key.name},old}}')::uuid"


def _is_told(column: Column[object]) -> bool:
    """Whether the history has the values of a column."""
    return not column.system and column.info["audit"] in ("plain", "pii")


def _differing(name: str) -> str:
    """The name of a field, if its value is not the last that it was said to have; of an erased one, NULL."""
    said = f"coalesce(latest -> '{name}', first -> '{name}')"
    return (
        f"CASE WHEN jsonb_exists({said}, 'new')"
        f" AND {said} -> 'new' <> coalesce(to_jsonb(live.{name}), 'null') THEN '{name}' END"
    )
