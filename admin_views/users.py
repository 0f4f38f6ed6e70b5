"""People: customers, and the staff who help them."""

from typing import Any

from sqladmin import expose
from sqlalchemy import ColumnElement
from starlette.requests import Request
from starlette.responses import Response
from wtforms import PasswordField

from admin_views import bulk_actions, erasing
from admin_views.pickers import GROUPS
from admin_views.ticket_lists import to_tickets
from backoffice.accounts.people import may_manage
from backoffice.accounts.saving import apply_credentials, check_person
from backoffice.admin.filters import Dates, Flag, RelatedMany
from backoffice.admin.forms import Section
from backoffice.admin.pages import Link
from backoffice.admin.questions import FieldKind
from backoffice.admin.request import current_user
from backoffice.admin.view import View
from backoffice.desk.search import people_search_condition
from backoffice.searching import Search
from models import User

STAFF_ONLY = {"is_staff", "groups", "password"}


class UserAdmin(View, model=User):
    category = "People"
    icon = "ti ti-users"
    views_on_record = True
    column_list = ["full_name", "email", "is_staff", "is_active", "created_at"]
    more_columns = ["groups", "time_zone", "last_login", "updated_at"]
    column_labels = {
        "full_name": "Name",
        "email": "E-mail",
        "is_staff": "Staff",
        "is_active": "Active",
        "created_at": "Created",
        "updated_at": "Updated",
        "last_login": "Last sign-in",
    }
    column_sortable_list = ["full_name", "email", "created_at"]
    column_default_sort = "full_name"
    column_details_list = [
        "full_name",
        "email",
        "is_staff",
        "is_active",
        "groups",
        "time_zone",
        "last_login",
        "created_at",
        "updated_at",
    ]
    filters = [
        Flag("is_staff", label="Staff"),
        Flag("is_active", label="Active"),
        RelatedMany("groups", GROUPS, label="Group", counts=False, presence=False),
        Dates("created_at", label="Created"),
        Dates("last_login", label="Last sign-in"),
    ]
    search_hint = "Name or e-mail"
    form_sections = [
        Section("Person", ["full_name", "email", "is_active"]),
        Section("Staff", ["is_staff", "groups", "password"], "Staff sign in here; customers do not."),
    ]
    form_hints = {
        "is_active": "Whoever is not active cannot sign in, and is signed out at once.",
        "password": "Left empty, it stays as it is. A new one signs the person out everywhere.",
    }
    form_kinds = {"email": FieldKind.EMAIL}
    extra_fields = {"password": lambda view, request, record: PasswordField("New password")}
    pickers = {"groups": GROUPS}
    bulk_edit_fields = ["is_active", "is_staff"]
    bulk_actions = bulk_actions.FOR_USERS
    grants = {"manage-staff": "Manage staff", "erase": "Erase personal data"}
    never_restored = {"groups": "Who is in which group is changed on the form alone."}
    never_brought_back = (
        "A person is not brought back: the password is not kept, and rights are given anew."
        " Create the person again."
    )
    empty_title = "Nobody here"
    empty_text = "Customers appear when they are created; staff need an account to sign in."

    def search(self, term: str) -> ColumnElement[bool]:
        return people_search_condition(term)

    def palette(self, term: str) -> Search:
        return Search(self.search(term), exact=User.email == term.lower())

    def detail(self, record: User) -> str:
        return record.email

    def has_permission(self, request: Request, action: str, obj: Any = None) -> bool:
        is_staff = action == "edit" and obj is not None and obj.is_staff
        return super().has_permission(request, action, obj) and (
            not is_staff or may_manage(current_user(request), is_staff=True)
        )

    def record_actions(self, request: Request, record: User) -> list[Link]:
        user = current_user(request)
        side, label = ("assignee", "Assigned tickets") if record.is_staff else ("creator", "Their tickets")
        links = to_tickets(self, request, label, **{side: str(record.id)})
        may_erase = self.may(request, "action:erase") and may_manage(user, is_staff=record.is_staff)
        if may_erase and record.id != user.id:
            erase = self.url("erase", record.id)
            links.append(Link("Erase personal data…", erase, "ti ti-eraser", is_danger=True))
        return links

    @expose("/erase/{pk}", methods=["GET"])
    async def ask_to_erase(self, request: Request) -> Response:
        return await erasing.question(self, request)

    @expose("/erase/{pk}", methods=["POST"])
    async def erase(self, request: Request) -> Response:
        return await erasing.answer(self, request)

    def form_names(self, request: Request, record: User | None) -> set[str]:
        names = super().form_names(request, record)
        return names if may_manage(current_user(request), is_staff=True) else names - STAFF_ONLY

    async def before_save(
        self, request: Request, record: User, values: dict[str, Any], *, is_new: bool
    ) -> None:
        await check_person(request.state.session, current_user(request), record, values, is_new=is_new)

    async def after_save(
        self, request: Request, record: User, values: dict[str, Any], *, is_new: bool
    ) -> None:
        await apply_credentials(request.state.session, record, values, is_new=is_new)
