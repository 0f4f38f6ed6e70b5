"""What imports say of a person, found and blanked: rows that name them, and rows that are of their records.

How many rows became what stays. The files themselves go once the erasure is committed: see
`backoffice.desk.erased_files`.
"""

from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, Text, Uuid, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.erasure import Traces
from backoffice.desk.importing.staging import count_rows
from backoffice.errors import Conflict
from models import ImportFile, ImportState, Ticket, User

UNDER_WAY: Final = "An import that names this person goes on. Wait until it has ended."
#: Why a row that was to be imported is not.
WHY: Final = "it names a person who was erased"


async def find_imports(session: AsyncSession, traces: Traces) -> list[UUID]:
    """The imports in which something is left of the person, in the order in which they are locked."""
    return list(await session.scalars(_FOUND, _asked(traces)))


async def erase_from_imports(session: AsyncSession, traces: Traces) -> list[UUID]:
    """Blank what imports say of the person, whose rows are not run; Conflict where one of these runs now."""
    found = await find_imports(session, traces)
    locked = select(ImportFile).where(ImportFile.id.in_(found)).order_by(ImportFile.id).with_for_update()
    files = (await session.scalars(locked, execution_options={"populate_existing": True})).all()
    if any(file.state is ImportState.RUNNING for file in files):
        raise Conflict(UNDER_WAY)
    asked = {**_asked(traces), "imports": found, "why": WHY}
    for statement in (_ROWS, _FILES, _PLANS):
        await session.execute(statement, asked)
    for file in files:
        await session.refresh(file)
        file.counts = await count_rows(session, file.id) if file.counts else {}
    await session.flush()
    return found


def _asked(traces: Traces) -> dict[str, Any]:
    return {
        "person_id": traces.person_id,
        "pattern": traces.pattern,
        "tickets": list(traces.records.get(Ticket.__tablename__, ())),
        "people": list(traces.records.get(User.__tablename__, ())),
    }


# All rows are read: they are kept for a week alone. What is blank already is not found again.
_IS_THEIRS: Final = """(
  concat_ws(' ', key, title, wanted, reason) ~* :pattern
  OR title <> '[erased]' AND record_id = ANY (CASE kind WHEN 'tickets' THEN :tickets ELSE :people END)
)"""
_KNOWN: Final = (
    bindparam("pattern", type_=Text),
    bindparam("tickets", type_=ARRAY(BigInteger)),
    bindparam("people", type_=ARRAY(BigInteger)),
)
_PERSON: Final = bindparam("person_id", type_=BigInteger)
_IMPORTS: Final = bindparam("imports", type_=ARRAY(Uuid))

_FOUND: Final = text(f"""
SELECT import_id AS id FROM import_rows JOIN imports ON id = import_id WHERE {_IS_THEIRS}
UNION
SELECT id FROM imports
WHERE user_id = :person_id AND filename <> '[erased]'
  OR concat_ws(' ', filename, source, columns, plan) ~* :pattern
ORDER BY id
""").bindparams(*_KNOWN, _PERSON)

_ROWS: Final = text(f"""
UPDATE import_rows SET
  key = NULL, title = '[erased]', wanted = NULL,
  verdict = CASE WHEN wanted IS NULL THEN verdict ELSE 'error' END,
  reason = CASE WHEN wanted IS NULL THEN '' ELSE :why END
FROM imports WHERE id = import_id AND id = ANY (:imports) AND {_IS_THEIRS}
""").bindparams(*_KNOWN, _IMPORTS, bindparam("why", type_=Text))

# Samples of columns go whole: they are of any row.
_FILES: Final = text("""
UPDATE imports SET
  filename = CASE WHEN user_id = :person_id OR filename ~* :pattern THEN '[erased]' ELSE filename END,
  columns = '[]',
  source = coalesce(regexp_replace(source::text, :pattern, '[erased]', 'gi')::jsonb, source),
  plan = coalesce(regexp_replace(plan::text, :pattern, '[erased]', 'gi')::jsonb, plan)
WHERE id = ANY (:imports)
""").bindparams(_KNOWN[0], _PERSON, _IMPORTS)

_PLANS: Final = text("DELETE FROM import_plans WHERE plan::text ~* :pattern").bindparams(_KNOWN[0])
