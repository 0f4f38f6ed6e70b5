"""The proof that the history is whole: verifications, seals, and what was removed on purpose."""

from collections.abc import Mapping
from typing import Any

from sqladmin import expose
from starlette.requests import Request
from starlette.responses import Response

from admin_views import proof_cells, proving, verifying
from admin_views.pickers import STAFF
from backoffice.admin.filters import Choice, Dates, Related
from backoffice.admin.pages import Kind
from backoffice.admin.view import View
from models import AuditRemoval, AuditSeal, AuditVerification


class Proof(View):
    """What the pages of the proof have in common."""

    category = "History"
    icon = "ti ti-shield-check"
    granted_by = "audit-log"
    can_create = can_edit = can_export = False
    keeps_history = False


class VerificationAdmin(Proof, model=AuditVerification):
    name = "Verification"
    stays_small = True
    menu_label = "Proof"
    menu_page = "overview"
    column_list = ["started_at", "user", "report", "standing", "entries_total"]
    column_labels = {
        "started_at": "When",
        "user": "Who",
        "report": "Period",
        "standing": "Result",
        "state": "Result",
        "entries_total": "Entries",
        "ended_at": "Ended",
    }
    column_kinds = {"report": Kind.TEXT, "standing": Kind.CHOICE}
    column_sortable_list = ["started_at"]
    column_default_sort = ("started_at", True)
    column_details_list = ["started_at", "ended_at", "user", "report"]
    optional_facts = ["ended_at"]
    cells = {"report": proof_cells.period}
    filters = [Choice("state"), Related("user", STAFF, label="Who"), Dates("started_at", label="When")]
    details_template = "verification.html"
    empty_title = "Never verified"
    empty_text = "Whoever may verify the history starts it on the page of the proof."

    async def details_extra(self, request: Request, record: AuditVerification) -> Mapping[str, Any]:
        return await verifying.around(self, request, record)

    @expose("/overview")
    async def overview(self, request: Request) -> Response:
        return await proving.overview(self, request)

    @expose("/verify", methods=["POST"])
    async def verify(self, request: Request) -> Response:
        return await proving.verify_history(self, request)

    @expose("/export", methods=["POST"])
    async def export(self, request: Request) -> Response:
        return await proving.export_history(self, request)


class SealAdmin(Proof, model=AuditSeal):
    name = "Seal"
    menu_under = "proof"
    column_list = ["number", "sealed_at", "entry_count", "key_id", "hash"]
    column_labels = {
        "number": "Seal",
        "sealed_at": "Sealed",
        "entry_count": "Entries",
        "key_id": "Key",
        "through_id": "Last entry",
        "through_xid": "Last transaction",
        "previous_hash": "Previous hash",
    }
    column_sortable_list = ["number", "sealed_at"]
    column_default_sort = ("number", True)
    column_details_list = [
        "number",
        "sealed_at",
        "entry_count",
        "through_id",
        "through_xid",
        "key_id",
        "hash",
        "previous_hash",
        "root",
        "signature",
    ]
    column_kinds = {
        **dict.fromkeys(("hash", "previous_hash", "root", "signature"), Kind.DIGEST),
        "key_id": Kind.CODE,
        "through_xid": Kind.CODE,
    }
    cells = {
        "hash": proof_cells.digest("hash"),
        "previous_hash": proof_cells.previous_seal,
        "root": proof_cells.digest("root"),
        "signature": proof_cells.digest("signature"),
        "through_id": proof_cells.last_entry,
    }
    filters = [Dates("sealed_at", label="Sealed")]
    details_template = "seal.html"
    empty_title = "Nothing is sealed yet"
    empty_text = (
        "Every minute, what was written since is sealed, where the application has a key to sign with."
    )

    async def details_extra(self, request: Request, record: AuditSeal) -> Mapping[str, Any]:
        return await proof_cells.around_seal(self, request, record)


class RemovalAdmin(Proof, model=AuditRemoval):
    name = "Removal"
    stays_small = True
    menu_under = "proof"
    column_list = ["created_at", "kind", "statement", "entry_ids", "key_id"]
    column_labels = {
        "created_at": "When",
        "kind": "What",
        "statement": "Why",
        "entry_ids": "Entries",
        "key_id": "Key",
    }
    column_kinds = {"statement": Kind.TEXT, "entry_ids": Kind.NUMBER, "key_id": Kind.CODE}
    column_sortable_list = ["created_at"]
    column_default_sort = ("created_at", True)
    column_details_list = ["created_at", "kind", "entry_ids", "key_id", "signature", "statement"]
    cells = {
        "statement": proof_cells.statement,
        "entry_ids": proof_cells.entries_removed,
        "signature": proof_cells.signature,
    }
    filters = [Choice("kind", is_single=True), Dates("created_at", label="When")]
    empty_title = "Nothing was removed"
    empty_text = "An erasure or a retention leaves a signed statement here, by which the proof still holds."


# SQLAdmin calls a page by its model: people call these otherwise.
VerificationAdmin.identity, SealAdmin.identity, RemovalAdmin.identity = "proof", "seal", "removal"
