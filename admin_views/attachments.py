"""Attachments: every file on every ticket; uploading one is done on the ticket's page, or here."""

from collections.abc import Mapping
from typing import Any

from sqladmin import expose
from starlette.requests import Request
from starlette.responses import Response
from wtforms import FileField

from admin_views import bulk_actions, uploads
from admin_views.pickers import PEOPLE, TICKETS
from backoffice.admin.filters import Dates, Numbers, Related
from backoffice.admin.forms import Section
from backoffice.admin.pages import Kind, Link
from backoffice.admin.reading import viewed
from backoffice.admin.view import View
from backoffice.attachments import is_image
from models import Attachment


class AttachmentAdmin(View, model=Attachment):
    category = "Desk"
    icon = "ti ti-paperclip"
    can_delete = True
    bring_back_grant = "action:purge"
    views_on_record = True
    column_list = ["filename", "content_type", "size_bytes", "ticket", "uploaded_by", "created_at"]
    more_columns = ["sha256"]
    column_labels = {
        "filename": "File",
        "content_type": "Type",
        "size_bytes": "Size",
        "sha256": "SHA-256",
        "uploaded_by": "Uploaded by",
        "created_at": "Uploaded",
        "deleted_at": "Moved to trash",
    }
    column_sortable_list = ["created_at"]
    column_default_sort = ("created_at", True)
    column_details_list = [
        "filename",
        "content_type",
        "size_bytes",
        "sha256",
        "ticket",
        "uploaded_by",
        "created_at",
        "deleted_at",
    ]
    column_kinds = {"size_bytes": Kind.SIZE, "sha256": Kind.CODE}
    filters = [
        Related("uploaded_by", PEOPLE, label="Uploaded by"),
        Related("ticket", TICKETS, counts=False),
        Dates("created_at", label="Uploaded"),
        Numbers("size_bytes", label="Size", unit="KB", scale=1024),
    ]
    form_sections = [Section("File", ["ticket", "file", "filename"])]
    form_hints = {"filename": "What it is called when somebody downloads it."}
    extra_fields = {"file": lambda view, request, record: FileField("File")}
    takes_files = ["create"]
    pickers = {"ticket": TICKETS, "uploaded_by": PEOPLE}
    bulk_actions = bulk_actions.FOR_ATTACHMENTS
    details_template = "attachment.html"
    empty_title = "No attachments"
    empty_text = "Files are attached on a ticket's page."

    def record_actions(self, request: Request, record: Attachment) -> list[Link]:
        return [Link("Download", f"{self.url(str(record.id))}/download", "ti ti-download")]

    async def details_extra(self, request: Request, record: Attachment) -> Mapping[str, Any]:
        inline = f"{self.url(str(record.id))}/download?inline=1"
        return {"image_url": inline if is_image(record.content_type) else ""}

    @expose("/{pk}/download", methods=["GET"])
    async def download(self, request: Request) -> Response:
        """The file itself; with `?inline` an image is shown in place."""
        attachment: Attachment = await self.load(request, request.path_params["pk"])
        self.require(request, "details", attachment)
        if "inline" not in request.query_params:
            viewed(self, request, attachment)
        return uploads.give_out(self.site.settings, attachment, inline="inline" in request.query_params)

    def why_not_bring_back(self, values: Mapping[str, Any]) -> str:
        return "" if uploads.is_stored(self.site.settings, values["sha256"]) else "the file itself is gone"

    def form_names(self, request: Request, record: Attachment | None) -> set[str]:
        return {"ticket", "file"} if record is None else {"filename"}

    async def before_save(
        self, request: Request, record: Attachment, values: dict[str, Any], *, is_new: bool
    ) -> None:
        if is_new:
            await uploads.store(request, self.site.settings, record, values.get("file"))
