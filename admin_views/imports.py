"""Imports: tickets and people from files of other programs, tried first, and undone as a whole."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqladmin import expose
from starlette.requests import Request
from starlette.responses import Response

from admin_views import import_columns, import_download, import_report, import_run, import_upload
from admin_views.pickers import STAFF
from backoffice.admin.filters import Choice, Dates, Related
from backoffice.admin.pages import Kind
from backoffice.admin.view import View
from backoffice.errors import NotFound
from models import ImportFile


class ImportAdmin(View, model=ImportFile):
    category = "Desk"
    icon = "ti ti-file-import"
    menu_label = "Import"
    name = "Import"
    can_create = can_edit = can_export = False
    keeps_history = False
    column_list = ["created_at", "filename", "kind", "state", "row_count", "user"]
    column_labels = {
        "created_at": "Uploaded",
        "filename": "File",
        "kind": "Of",
        "row_count": "Rows",
        "size_bytes": "Size",
        "user": "Who",
        "ended_at": "Imported",
    }
    column_kinds = {"filename": Kind.TEXT, "size_bytes": Kind.SIZE}
    stays_small = True
    column_sortable_list = ["created_at"]
    column_default_sort = ("created_at", True)
    column_details_list = ["filename", "kind", "size_bytes", "row_count", "user", "created_at", "ended_at"]
    optional_facts = ["ended_at"]
    filters = [
        Choice("kind", label="Of"),
        Choice("state"),
        Related("user", STAFF, label="Who"),
        Dates("created_at", label="Uploaded"),
    ]
    grants = {"import": "Import"}
    takes_files = ["upload"]
    list_template = "imports.html"
    details_template = "import.html"
    empty_title = "Nothing was imported yet"
    empty_text = "Tickets and people come from CSV files, and from exports of Zendesk and Zammad."

    @property
    def upload_limit(self) -> int:
        return self.site.settings.max_import_bytes

    def parse_key(self, raw: str) -> UUID:
        try:
            return UUID(raw)
        except ValueError:
            raise NotFound(f"There is no import “{raw[:40]}”.") from None

    def title(self, record: ImportFile) -> str:
        return record.filename

    async def list_extra(self, request: Request) -> Mapping[str, Any]:
        return {"upload_url": self.url("upload") if self.may(request, "action:import") else ""}

    async def details_extra(self, request: Request, record: ImportFile) -> Mapping[str, Any]:
        return await import_report.around(self, request, record)

    @expose("/upload", methods=["GET"])
    async def ask_for_file(self, request: Request) -> Response:
        return await import_upload.question(self, request)

    @expose("/upload", methods=["POST"])
    async def upload(self, request: Request) -> Response:
        return await import_upload.answer(self, request)

    @expose("/columns/{pk}", methods=["GET"])
    async def ask_for_columns(self, request: Request) -> Response:
        return await import_columns.question(self, request)

    @expose("/columns/{pk}", methods=["POST"])
    async def check(self, request: Request) -> Response:
        return await import_columns.answer(self, request)

    @expose("/reading/{pk}", methods=["POST"])
    async def read_otherwise(self, request: Request) -> Response:
        return await import_columns.read_anew(self, request)

    @expose("/run/{pk}", methods=["POST"])
    async def run(self, request: Request) -> Response:
        return await import_run.run(self, request)

    @expose("/report/{pk}", methods=["GET"])
    async def report(self, request: Request) -> Response:
        return await import_download.download(self, request)


# SQLAdmin calls a page by its model.
ImportAdmin.identity = "import"
