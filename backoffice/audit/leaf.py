"""What is proved of an entry, as SQL over the row `entry` of `audit_logs`.

An entry's leaf is the SHA-256 of its canonical text: a JSON object with every column but the personal
values, of which it has only a salted digest. So personal values can be erased, and the proof still holds.
Times are UTC in microseconds; the text does not depend on the session that asks. Whatever somebody
writes into a row, it has a text: what cannot be said would hide behind an error.
"""

from typing import Final

#: The personal part as text: the address, and the fields that `personal` names.
PERSONAL_PART: Final = """jsonb_build_object(
  'address', abbrev(entry.address),
  'changes', CASE WHEN entry.personal IS NULL THEN '{}'::jsonb ELSE
    (SELECT jsonb_object_agg(field, entry.changes -> field) FROM unnest(entry.personal) AS field
     WHERE field IS NOT NULL) END
)::text"""

#: Its digest; of an erased one what the erasure kept.
PERSONAL_DIGEST: Final = f"""CASE WHEN entry.salt IS NULL THEN entry.personal_digest ELSE
  sha256(uuid_send(entry.salt) || convert_to({PERSONAL_PART}, 'UTF8')) END"""

CANONICAL_TEXT: Final = f"""json_build_object(
  'id', entry.id,
  'created_at', to_char(entry.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    || CASE WHEN entry.created_at < '0001-01-01Z' THEN ' BC' ELSE '' END,
  'xid', entry.xid,
  'table_name', entry.table_name,
  'record_id', entry.record_id,
  'action', entry.action,
  'user_id', entry.user_id,
  'operation_id', entry.operation_id,
  'request_id', entry.request_id,
  'database_user', entry.database_user,
  'changes', CASE WHEN jsonb_typeof(entry.changes) = 'object' AND array_ndims(entry.personal) = 1
    THEN entry.changes - entry.personal ELSE entry.changes END,
  'personal', entry.personal,
  'personal_digest', encode({PERSONAL_DIGEST}, 'hex')
)::text"""

#: 32 bytes.
LEAF: Final = f"sha256(convert_to({CANONICAL_TEXT}, 'UTF8'))"

#: Whether nothing personal is left, though the salt is gone: an erased entry must be blank.
IS_BLANK: Final = """(entry.address IS NULL AND NOT EXISTS (
  SELECT FROM unnest(entry.personal) AS field
  WHERE entry.changes -> field IS DISTINCT FROM '{"erased": true}'))"""
