"""What the history holds of a person, found by its indexes and blanked; the proof holds all the same.

An entry is blanked whole: its address and all its personal fields share one salt.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, Text, Uuid, bindparam, func, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from models import User

#: Entries that one statement blanks.
BLANKED_AT_ONCE: Final = 5_000


@dataclass(frozen=True)
class Traces:
    """By what a person is known in the history.

    `words` are the names and addresses that they have had, `records` the keys of what is theirs by its
    table: their own record, and what was deleted forever, too.
    """

    person_id: int
    words: Sequence[str]
    records: Mapping[str, Collection[int]]

    @property
    def pattern(self) -> str | None:
        """A regular expression of PostgreSQL for any of the words, also as JSON spells them."""
        if not self.words:
            return None
        spelled = dict.fromkeys(form for word in self.words for form in (word, _as_json(word)))
        return rf"(?<![\w.+-])(?:{'|'.join(map(re.escape, spelled))})(?![\w-])"

    def is_in(self, sentence: str) -> bool:
        """Whether `sentence` has any of the words."""
        return self.pattern is not None and re.search(self.pattern, sentence, re.IGNORECASE) is not None


async def words_of(session: AsyncSession, user_id: int) -> list[str]:
    """Every name and e-mail address that the history has of a person, as far as it is not blank."""
    found = await session.scalars(_WORDS.bindparams(table=User.__tablename__, user_id=user_id))
    return list(found)


async def deleted_records(
    session: AsyncSession, user_id: int, owned: Mapping[str, str]
) -> list[tuple[str, int]]:
    """Table and key of what was a person's, and was deleted forever.

    `owned` has for each table the column that says whose a record is.
    """
    asked = {"tables": list(owned), "columns": list(owned.values()), "user_id": str(user_id)}
    return [(row.table_name, row.record_id) for row in await session.execute(_DELETED, asked)]


async def find_operations(session: AsyncSession, traces: Traces, *, named: str) -> list[UUID]:
    """The operations of a person, but those under the name `named`, and whatever operations mention them.

    One mentions them by their words, or by values of their records that stood in an undo's way.
    """
    return list(await session.scalars(_OPERATIONS, {**_asked(traces), "named": named}))


async def count_entries(session: AsyncSession, traces: Traces, operations: Sequence[UUID]) -> int:
    """How many entries `find_entries` would find."""
    asked = {**_asked(traces), "operations": operations}
    return int((await session.scalars(_ENTRY_COUNT, asked)).one())


async def find_entries(session: AsyncSession, traces: Traces, operations: Sequence[UUID]) -> list[int]:
    """The entries with personal values of a person, as far as they are not blank, in their order.

    They are those about their records, those that they caused, those about `operations`, and those about
    searches, exports and failed sign-ins of others that mention them.
    """
    return list(await session.scalars(_ENTRIES, {**_asked(traces), "operations": operations}))


async def blank_operations(
    session: AsyncSession, operations: Sequence[UUID], person_id: int, *, named: str
) -> None:
    """Leave of operations who did what, when, and how much; the person is called `named` in them."""
    blanked = literal(operations, ARRAY(Uuid))
    await session.execute(select(func.audit_blank_operations(blanked, person_id, named)))


async def blank_entries(session: AsyncSession, ids: Sequence[int]) -> None:
    """Take personal values, addresses and salts from entries; their digests stay, and so does the proof."""
    for start in range(0, len(ids), BLANKED_AT_ONCE):
        batch = literal(ids[start : start + BLANKED_AT_ONCE], ARRAY(BigInteger))
        await session.execute(select(func.audit_redact(batch)))


def _as_json(word: str) -> str:
    return json.dumps(word, ensure_ascii=False)[1:-1]


def _asked(traces: Traces) -> dict[str, Any]:
    records = [(table, key) for table, keys in traces.records.items() for key in keys]
    return {
        "person_id": traces.person_id,
        "pattern": traces.pattern,
        "tables": [table for table, _ in records],
        "keys": [key for _, key in records],
    }


_PERSON = bindparam("person_id", type_=BigInteger)
_PATTERN = bindparam("pattern", type_=Text)
_TABLES = bindparam("tables", type_=ARRAY(Text))
_COLUMNS = bindparam("columns", type_=ARRAY(Text))
_KEYS = bindparam("keys", type_=ARRAY(BigInteger))
_IDS = bindparam("operations", type_=ARRAY(Uuid))

_WORDS = text("""
SELECT DISTINCT word FROM audit_logs, unnest(personal) AS field,
  LATERAL (VALUES (changes -> field ->> 'old'), (changes -> field ->> 'new')) AS known (word)
WHERE table_name = :table AND record_id = :user_id AND action IN ('CREATE', 'UPDATE', 'DELETE') AND word <> ''
ORDER BY word
""")

# Few entries are of deletions, and those have an index.
_DELETED = text("""
SELECT DISTINCT table_name, record_id
FROM audit_logs JOIN unnest(:tables, :columns) AS owned (of_table, leads_to) ON table_name = of_table
WHERE action = 'DELETE' AND changes -> leads_to ->> 'old' = :user_id
""").bindparams(_TABLES, _COLUMNS)

# All operations are read for the words: there are far fewer of them than of entries.
_OPERATIONS = text("""
SELECT id FROM operations WHERE actor_id = :person_id AND actor <> :named
UNION
SELECT id FROM operations WHERE concat_ws(' ', reason, selection, parameters, outcome) ~* :pattern
UNION
SELECT operations.id FROM operations
JOIN jsonb_array_elements(
    CASE jsonb_typeof(outcome -> 'conflicts') WHEN 'array' THEN outcome -> 'conflicts' END
  ) AS conflict ON true
JOIN unnest(:tables, :keys) AS record (of_table, key)
  ON conflict ->> 'table' = of_table AND (conflict ->> 'record_id')::bigint = key
""").bindparams(_PERSON, _PATTERN, _TABLES, _KEYS)

_FOUND = (
    text("""
SELECT id FROM audit_logs
WHERE user_id = :person_id AND salt IS NOT NULL
  AND (address IS NOT NULL OR personal IS NOT NULL AND action NOT IN ('CREATE', 'UPDATE', 'DELETE'))
UNION
SELECT id FROM audit_logs JOIN unnest(:tables, :keys) AS record (of_table, key)
  ON table_name = of_table AND record_id = key
WHERE salt IS NOT NULL AND personal IS NOT NULL
UNION
SELECT id FROM audit_logs
WHERE operation_id = ANY (:operations) AND table_name = 'operations' AND salt IS NOT NULL
UNION
SELECT id FROM audit_logs
WHERE action IN ('LOGIN_FAILED', 'SEARCH', 'EXPORT') AND personal IS NOT NULL AND salt IS NOT NULL
  AND changes::text ~* :pattern
""")
    .bindparams(_PERSON, _PATTERN, _TABLES, _KEYS, _IDS)
    .columns(id=BigInteger)
    .subquery()
)
_ENTRIES = select(_FOUND.c.id).order_by(_FOUND.c.id)
_ENTRY_COUNT = select(func.count()).select_from(_FOUND)
