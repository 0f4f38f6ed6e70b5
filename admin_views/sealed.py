"""How far the history is sealed and verified, as the pages about it say, and what to worry about."""

from asyncio import to_thread
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Final

from sqlalchemy import select
from starlette.requests import Request

from backoffice.admin.site import AdminSite
from backoffice.audit.proof.anchor import Anchor, anchor_files
from backoffice.audit.proof.entry import prove_entry
from backoffice.audit.proof.keys import find_signing_key, trusted_keys
from backoffice.audit.proof.sealer import SealStatus, seal_status
from backoffice.settings import Settings
from models import AuditLog, AuditSeal, AuditVerification, VerificationState

NO_KEY: Final = (
    "There is no key to sign with, so nothing is sealed: set BACKOFFICE_AUDIT_KEY or"
    " BACKOFFICE_AUDIT_KEY_FILE."
)
NO_TRUST: Final = (
    "There is no key to check the seals with: set BACKOFFICE_AUDIT_KEY, or BACKOFFICE_AUDIT_TRUSTED_KEYS."
)
LATE: Final = (
    "Sealing lags: entries have waited for more than 10 minutes. Either nothing seals them, or a transaction"
    " has stayed open since."
)
#: Seconds for which the log goes on saying what it said: sealing itself takes place every minute.
LATELY: Final = 5.0
#: More than the last line of a file of anchors has.
TAIL: Final = 4096


@dataclass(frozen=True)
class Sealed:
    """The state of the seals, what is wrong with it (or nothing), and where more is said."""

    status: SealStatus
    warning: str
    url: str


class SealedLately:
    """How far the history is sealed, for a page that says so each time: asked anew after some seconds."""

    def __init__(self, site: AdminSite) -> None:
        self._site = site
        self._known: Sealed | None = None
        self._asked_at = 0.0

    async def ask(self, request: Request) -> Sealed:
        if self._known is None or monotonic() - self._asked_at > LATELY:
            asked_at = monotonic()
            self._known = await sealed(self._site, request)
            self._asked_at = asked_at
        return self._known


@dataclass(frozen=True)
class LastVerification:
    """The newest run that came to its end."""

    run: AuditVerification
    url: str
    is_whole: bool


@dataclass(frozen=True)
class Anchored:
    """A file of anchors, the last one in it, and whether the chain has a seal with this hash."""

    path: Path
    anchor: Anchor | None
    is_in_chain: bool
    problem: str = ""


async def sealed(site: AdminSite, request: Request) -> Sealed:
    """How far the history is sealed at this moment."""
    status = await seal_status(request.state.session)
    return Sealed(status, _warning(site.settings, status), site.view("proof").url("overview"))


async def around_entry(site: AdminSite, request: Request, entry: AuditLog) -> Mapping[str, Any]:
    """What an entry's page says of its proof."""
    proof = await prove_entry(request.state.session, entry, trusted_keys(site.settings))
    seal_url = site.view("seal").url("details", proof.seal) if proof.seal else ""
    return {"proof": proof, "seal_url": seal_url, "sealed": await sealed(site, request)}


async def last_verification(site: AdminSite, request: Request) -> LastVerification | None:
    """What the newest verification found that came to its end."""
    ended = (VerificationState.WHOLE, VerificationState.BROKEN)
    run: AuditVerification | None = await request.state.session.scalar(
        select(AuditVerification)
        .where(AuditVerification.state.in_(ended))
        .order_by(AuditVerification.started_at.desc(), AuditVerification.id.desc())
        .limit(1)
    )
    if run is None:
        return None
    url = site.view("proof").url("details", run.id)
    return LastVerification(run, url, run.state is VerificationState.WHOLE)


async def anchored(settings: Settings, request: Request) -> list[Anchored]:
    """The files that keep the newest seal's hash outside the database, and what they say."""
    return [await _anchored(path, request) for path in anchor_files(settings)]


async def _anchored(path: Path, request: Request) -> Anchored:
    try:
        anchor = await to_thread(_last_anchor, path)
    except (OSError, ValueError) as error:
        return Anchored(path, None, False, f"It cannot be read: {error}.")
    if anchor is None:
        return Anchored(path, None, False)
    known = select(AuditSeal.hash).where(AuditSeal.number == anchor.number)
    return Anchored(path, anchor, await request.state.session.scalar(known) == anchor.hash)


def _last_anchor(path: Path) -> Anchor | None:
    if not path.exists():
        return None
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL))
        # What follows the last newline was cut off in the writing.
        whole = file.read().split(b"\n")[:-1]
    return Anchor.from_line(whole[-1]) if whole else None


def _warning(settings: Settings, status: SealStatus) -> str:
    if find_signing_key(settings) is None:
        return NO_KEY
    return LATE if status.is_late else ""
