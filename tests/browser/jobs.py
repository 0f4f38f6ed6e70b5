"""Jobs in each of their states, for pages that show them."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from backoffice.database import transaction
from models import JobChunk, JobState
from tests.browser.served import Served
from tests.factories import arranging, make_job

LONG_WORD: Final = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
FAULT: Final = "Something went wrong that is our fault; it has been logged."


async def make_jobs(served: Served, ticket: int) -> dict[str, UUID]:
    """The keys of the exhibits, by name; all were asked for by the supervisor."""
    asked = await served.value("SELECT id FROM users WHERE full_name = 'Sam Supervisor'")
    began = datetime.now(UTC) - timedelta(minutes=1)
    refused = {f"reason {number}, as long as such reasons are": number for number in range(1, 30)}
    conflict = {"table": "tickets", "record_id": ticket, "field": "title", "reason": "changed since"}
    told = {
        "expected": LONG_WORD,
        "current": "short",
        "changed_by": "Ada",
        "changed_at": None,
        "changed_in": None,
    }
    states: dict[str, dict[str, Any]] = {
        "job": {"outcome": {"changed": 7, "unchanged": 1, "refused": {**refused, LONG_WORD: 300}}},
        "running job": {
            "state": JobState.RUNNING,
            "rows_done": 4_800,
            "outcome": {"changed": 4_800, "refused": {"already closed": 20}},
        },
        "waiting job": {"state": JobState.WAITING, "rows_done": 0, "reason": LONG_WORD, "outcome": {}},
        "failed job": {"state": JobState.FAILED, "outcome": {"changed": 5, "errors": {FAULT: 5_000}}},
        "undoing job": {
            "title": "Undo",
            "outcome": {"changed": 5, "conflicts": [{**conflict, **told}], "conflict_count": 1},
        },
    }
    common = {"rows_total": 12_000, "rows_done": 12_000, "started_at": began, "selection": f"Of {LONG_WORD}"}
    keys = {}
    async with transaction(served.factory, arranging()) as session:
        for name, fields in states.items():
            job = await make_job(session, user_id=asked, **{**common, **fields})
            keys[name] = job.id
        rows = {LONG_WORD: [ticket, 10**12]}
        session.add(
            JobChunk(
                job_id=keys["job"],
                number=1,
                table_name="tickets",
                record_ids=[ticket],
                done_at=datetime.now(UTC),
                outcome={"rows": rows, "conflicts": [], "error": ""},
            )
        )
    return keys
