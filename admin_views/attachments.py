"""Attachments: every file on every ticket; uploading one is done on the ticket's page, or here."""

from sqladmin import expose
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from admin_views import bulk_actions
from admin_views.pickers import PEOPLE, TICKETS
from backoffice.admin.filters import Dates, Related
from backoffice.admin.forms import Section
from backoffice.admin.pages import Kind, Link
from backoffice.admin.view import View
from backoffice.attachments import FileStore, content_disposition, is_image
from models import Attachment


class AttachmentAdmin(View, model=Attachment):
    category = "Desk"
    icon = "ti ti-paperclip"
    can_create = False
    can_delete = True
    column_list = ["filename", "content_type", "size_bytes", "ticket", "uploaded_by", "created_at"]
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
        Dates("created_at", label="Uploaded"),
    ]
    form_sections = [Section("File", ["filename"], "What it is called when somebody downloads it.")]
    pickers = {"ticket": TICKETS, "uploaded_by": PEOPLE}
    bulk_actions = bulk_actions.FOR_ATTACHMENTS
    empty_title = "No attachments"
    empty_text = "Files are attached on a ticket's page."

    def record_actions(self, request: Request, record: Attachment) -> list[Link]:
        return [Link("Download", f"{self.url(str(record.id))}/download", "ti ti-download")]

    @expose("/{pk}/download", methods=["GET"])
    async def download(self, request: Request) -> Response:
        """The bytes, under a name and a type of our own choosing; shown in place only if an image."""
        attachment: Attachment = await self.load(request, request.path_params["pk"])
        self.require(request, "details", attachment)
        inline = "inline" in request.query_params and is_image(attachment.content_type)
        return FileResponse(
            FileStore(self.site.settings.attachments_dir).path(attachment.sha256),
            media_type=attachment.content_type if inline else "application/octet-stream",
            headers={
                "Content-Disposition": content_disposition(attachment.filename, inline=inline),
                "Content-Security-Policy": "default-src 'none'; sandbox",
                "Cache-Control": "private, max-age=3600",
            },
        )
