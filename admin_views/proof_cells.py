"""What the pages of the proof say of verifications, seals and removals."""

import json
from asyncio import to_thread
from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import undefer
from starlette.requests import Request

from backoffice.admin.formats import clock
from backoffice.admin.pages import Cell, Kind, Link
from backoffice.admin.request import current_user
from backoffice.admin.view import View
from backoffice.audit.proof.keys import trusted_keys
from backoffice.audit.proof.removals import removed_entries
from backoffice.audit.proof.runs import period_of
from backoffice.audit.proof.seals import faults_between, faults_of
from models import AuditLog, AuditRemoval, AuditSeal, AuditVerification

#: What every removal states, and is shown in columns of its own.
SHOWN_BESIDE: Final = {"kind", "at", "entries", "count"}
#: Where an erasure, and a retention, say why.
REASONS: Final = ("basis", "reason")


def period(view: View, request: Request, run: AuditVerification) -> Cell:
    """Which moments a verification is about, in the zone of who reads."""
    asked, zone = period_of(run), current_user(request).time_zone
    since, until = (clock(one, zone) if one else "" for one in (asked.since, asked.until))
    match since, until:
        case "", "":
            return Cell(Kind.TEXT, "Everything")
        case _, "":
            return Cell(Kind.TEXT, f"Since {since}")
        case "", _:
            return Cell(Kind.TEXT, f"Before {until}")
        case _:
            return Cell(Kind.TEXT, f"{since} – {until}")


def digest(name: str) -> Callable[[View, Request, AuditSeal], Cell]:
    """Some bytes of a seal, in hexadecimal digits."""
    return lambda view, request, seal: Cell(Kind.DIGEST, getattr(seal, name).hex())


def previous_seal(view: View, request: Request, seal: AuditSeal) -> Cell:
    """The hash of the seal before, which leads to it."""
    url = view.url("details", seal.number - 1) if seal.number > 1 else ""
    return Cell(Kind.DIGEST, seal.previous_hash.hex(), url)


def last_entry(view: View, request: Request, seal: AuditSeal) -> Cell:
    """The entry that the seal ends with."""
    log = view.site.view_of(AuditLog)
    return Cell(Kind.CODE, str(seal.through_id), log.url("details", seal.through_id) if log else "")


def statement(view: View, request: Request, removal: AuditRemoval) -> Cell:
    """What was signed, but for which entries: why, then of whom, on whose word, where it went."""
    facts = json.loads(removal.statement)
    reasons = [str(facts.pop(name)) for name in REASONS if name in facts]
    others = [f"{name} {value}" for name, value in facts.items() if name not in SHOWN_BESIDE]
    return Cell(Kind.TEXT, "; ".join([*reasons, *others]))


def entries_removed(view: View, request: Request, removal: AuditRemoval) -> Cell:
    """Of how many entries something is gone."""
    return Cell(Kind.NUMBER, sum((one.upper or 0) - (one.lower or 0) for one in removal.entry_ids))


def signature(view: View, request: Request, removal: AuditRemoval) -> Cell:
    """Whether a trusted key has signed just this."""
    is_signed = removed_entries(removal, trusted_keys(view.site.settings)) is not None
    return Cell(Kind.TEXT, "by a trusted key" if is_signed else "NOT by any trusted key")


async def around_seal(view: View, request: Request, seal: AuditSeal) -> Mapping[str, Any]:
    """Whether the seal is sound, and the ones before and after."""
    numbers = (seal.number - 1, seal.number, seal.number + 1)
    found = await request.state.session.scalars(
        select(AuditSeal)
        .where(AuditSeal.number.in_(numbers))
        .options(undefer(AuditSeal.entries))
        .execution_options(populate_existing=True)
    )
    seals = {each.number: each for each in found}
    keys, previous = trusted_keys(view.site.settings), seals.get(seal.number - 1)
    faults = await to_thread(faults_of, seals[seal.number], keys)
    neighbours = [number for number in numbers if number != seal.number and number in seals]
    return {
        "faults": [*faults, *faults_between(seal, previous)],
        "steps": [Link(str(seals[number]), view.url("details", number)) for number in neighbours],
    }
