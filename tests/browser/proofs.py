"""A sealed history with a removal, and verifications in each of their states, for pages that show them."""

import base64
import json
from typing import Any, Final

from backoffice.audit.proof.keys import SigningKey
from backoffice.audit.proof.removals import record_removal
from backoffice.audit.proof.report import FindingKind, Report
from backoffice.audit.proof.sealer import seal
from backoffice.database import transaction
from models import RemovalKind
from tests.browser.served import Served
from tests.factories import arranging

#: The one with which the application is served.
KEY: Final = SigningKey(base64.b64encode(bytes(32)).decode())
BASIS: Final = (
    "a letter of 3 May 2026, which asks for it under article 17 of the regulation, and names no exception"
)
LATER: Final = "2999-01-01"


async def make_proofs(served: Served) -> dict[str, Any]:
    """The keys of the exhibits, by name."""
    await seal(served.factory, KEY)
    async with transaction(served.factory, arranging()) as session:
        removal = await record_removal(session, KEY, RemovalKind.ERASURE, range(7, 9000), {"basis": BASIS})
    return {
        "seal": await served.value("SELECT max(number) FROM audit_seals"),
        "removal": removal.id,
        "proof": await _add_run(served, "broken", _broken()),
        "whole": await _add_run(served, "whole", Report(entries=12_345, seals=2, first_seal=1, last_seal=2)),
        "interrupted": await _add_run(served, "interrupted"),
        "running": await _add_run(served, "running"),
    }


def _broken() -> Report:
    report = Report(entries=12_345, seals=2, first_seal=1, last_seal=2, keys=[KEY.key_id], unsealed=3)
    report.add(FindingKind.SEAL, "Seal 1 is not sound: its root is not that of its entries.", seal=1)
    for number in range(1, 150):
        report.add(FindingKind.EDITED, f"Entry {number} is not what was sealed.", entry_id=number, seal=1)
    report.add(
        FindingKind.DELETED, "Entry 999999999999 was sealed, and is gone.", entry_id=999999999999, seal=1
    )
    return report


async def _add_run(served: Served, state: str, report: Report | None = None) -> int:
    """A run that stays as it is: one that runs is heard of for ever."""
    stored = {"asked": {}, **({"result": report.as_json()} if report else {})}
    key: int = await served.value(
        "INSERT INTO audit_verifications (user_id, state, seen_at, entries_done, entries_total, report)"
        " SELECT min(id), $1::text::verification_state, $2::text::timestamptz, 2468, 12345, $3::text::jsonb"
        " FROM users WHERE is_staff RETURNING id",
        state,
        LATER,
        json.dumps(stored),
    )
    return key
