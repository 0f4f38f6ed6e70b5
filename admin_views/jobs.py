"""Jobs: what runs beside the desk, how far it is, and what became of it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqladmin import expose
from sqlalchemy import ColumnElement, or_
from starlette.requests import Request
from starlette.responses import Response

from admin_views import job_cells, job_deeds, job_download, job_files, job_page
from admin_views.pickers import STAFF
from backoffice.accounts.sessions import CurrentUser
from backoffice.admin.filters import Choice, Dates, Related
from backoffice.admin.notices import APPROVE
from backoffice.admin.pages import Kind, Link
from backoffice.admin.view import View
from backoffice.errors import NotFound
from models import Job, JobState


class JobAdmin(View, model=Job):
    category = "History"
    icon = "ti ti-list-check"
    can_create = can_edit = can_export = False
    keeps_history = False
    column_list = ["created_at", "title", "selection", "user", "state", "percent"]
    column_labels = {
        "created_at": "Asked",
        "title": "What",
        "selection": "On",
        "user": "Who",
        "percent": "Progress",
        "in_words": "With",
        "started_at": "Began",
        "ended_at": "Ended",
        "approved_by": "Decided by",
    }
    stays_small = True
    column_sortable_list = ["created_at"]
    column_default_sort = ("created_at", True)
    column_details_list = [
        "user",
        "selection",
        "in_words",
        "reason",
        "created_at",
        "approved_by",
        "started_at",
        "ended_at",
    ]
    column_kinds = {"title": Kind.TEXT, "selection": Kind.TEXT, "state": Kind.CHOICE}
    optional_facts = ["selection", "in_words", "reason", "approved_by", "started_at", "ended_at"]
    cells = {"percent": job_cells.progress, "in_words": job_cells.in_words}
    filters = [Choice("state"), Related("user", STAFF, label="Who"), Dates("created_at")]
    grants = {
        "see-all": "See everybody's",
        "cancel-all": "Cancel everybody's",
        "approve": "Approve what waits",
    }
    list_template = "jobs.html"
    details_template = "job.html"
    empty_title = "No jobs"
    empty_text = "What takes longer than a page can wait runs beside the desk, and shows here how far it is."

    def scope(self, user: CurrentUser) -> ColumnElement[bool] | None:
        if user.may(self.identity, "action:see-all"):
            return None
        own = or_(Job.user_id == user.id, Job.approved_by_id == user.id)
        return or_(own, Job.state == JobState.WAITING) if user.may(self.identity, APPROVE) else own

    def parse_key(self, raw: str) -> UUID:
        try:
            return UUID(raw)
        except ValueError:
            raise NotFound(f"There is no job “{raw[:40]}”.") from None

    def record_actions(self, request: Request, record: Job) -> list[Link]:
        return job_deeds.offered(self, request, record)

    async def list_extra(self, request: Request) -> Mapping[str, Any]:
        return {"unseen": request.state.user.news.ended, "seen_url": self.url("seen")}

    async def details_extra(self, request: Request, record: Job) -> Mapping[str, Any]:
        return await job_page.around(self, request, record)

    @expose("/seen", methods=["POST"])
    async def see_all(self, request: Request) -> Response:
        return await job_deeds.see_all(self, request)

    @expose("/{pk}/seen", methods=["POST"])
    async def see(self, request: Request) -> Response:
        return await job_deeds.see(self, request)

    @expose("/{pk}/cancel", methods=["POST"])
    async def cancel(self, request: Request) -> Response:
        return await job_deeds.cancel_job(self, request)

    @expose("/{pk}/approve", methods=["POST"])
    async def approve(self, request: Request) -> Response:
        return await job_deeds.approve_job(self, request)

    @expose("/{pk}/reject", methods=["POST"])
    async def reject(self, request: Request) -> Response:
        return await job_deeds.reject_job(self, request)

    @expose("/{pk}/rows.csv", methods=["GET"])
    async def take_rows(self, request: Request) -> Response:
        return await job_files.rows(self, request)

    @expose("/{pk}/conflicts.csv", methods=["GET"])
    async def take_conflicts(self, request: Request) -> Response:
        return await job_files.conflicts(self, request)

    @expose("/{pk}/download", methods=["GET"])
    async def take_file(self, request: Request) -> Response:
        return await job_download.download(self, request)
