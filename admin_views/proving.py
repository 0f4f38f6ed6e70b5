"""The page of the proof: how far the history is sealed, what was found so far, and asking for more."""

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from admin_views import exporting, verifying
from admin_views.periods import PeriodForm
from admin_views.sealed import NO_TRUST, anchored, last_verification, sealed
from backoffice.admin.listing import Excerpt, excerpt
from backoffice.admin.request import submitted
from backoffice.admin.view import View
from backoffice.audit.proof.keys import find_signing_key, trusted_keys
from backoffice.errors import BadInput, Conflict

VERIFY: Final = "action:verify"
EXPORT: Final = "action:export"
#: The newest of each kind, above a link to the list of all.
LISTS: Final = {
    "verifications": ("proof", ("started_at", "user", "report", "standing", "entries_total")),
    "seals": ("seal", ("number", "sealed_at", "entry_count", "key_id", "hash")),
    "removals": ("removal", ("created_at", "kind", "statement", "entry_ids")),
}


async def overview(
    view: View, request: Request, *, refused: Mapping[str, PeriodForm] | None = None, status_code: int = 200
) -> Response:
    """Everything about the proof at a glance; `refused` are forms that come back with what is wrong."""
    view.require(request, "list")
    own, trusted = find_signing_key(view.site.settings), trusted_keys(view.site.settings)
    page = {
        "title": view.menu_label,
        "sealed": await sealed(view.site, request),
        "last": await last_verification(view.site, request),
        "forms": {**_forms(view, request), **(refused or {})},
        "cannot_verify": "" if trusted.keys else NO_TRUST,
        "verify_url": view.url("verify"),
        "export_url": view.url("export"),
        "lists": {name: await _excerpt(view, request, name) for name in LISTS},
        "own_key": own.public if own else None,
        "other_keys": [key for key in trusted.keys.values() if own is None or key != own.public],
        "anchors": await anchored(view.site.settings, request),
    }
    return view.site.render(request, "proof.html", page, status_code=status_code)


async def verify_history(view: View, request: Request) -> Response:
    """Run the proof, over everything or a period."""
    view.require(request, VERIFY)
    form = PeriodForm(submitted(request)).named("verify")
    if not form.validate():
        return await overview(view, request, refused={"verify": form}, status_code=400)
    if not trusted_keys(view.site.settings).keys:
        raise Conflict(NO_TRUST)
    return await verifying.begin(view, request, form)


async def export_history(view: View, request: Request) -> Response:
    """Answer a period of the history as a file, with all that proves it."""
    view.require(request, EXPORT)
    form = PeriodForm(submitted(request)).named("export")
    if form.validate():
        try:
            return await exporting.download(view, request, form)
        except BadInput as error:
            form.until.errors = [str(error)]
    return await overview(view, request, refused={"export": form}, status_code=400)


def _forms(view: View, request: Request) -> dict[str, PeriodForm]:
    """One for each thing that this person may ask for."""
    return {
        grant.partition(":")[2]: PeriodForm().named(grant.partition(":")[2])
        for grant in (VERIFY, EXPORT)
        if view.may(request, grant)
    }


async def _excerpt(view: View, request: Request, name: str) -> Excerpt:
    identity, columns = LISTS[name]
    return await excerpt(view.site, view.site.view(identity), request, {}, columns)
