"""The desk on plain SQLAdmin."""

import os

from sqladmin import Admin, ModelView, action
from sqladmin.authentication import AuthenticationBackend
from sqladmin.filters import StaticValuesFilter
from sqlalchemy import Select, update
from sqlalchemy.ext.asyncio import create_async_engine
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse
from tables import Priority, Status, Tag, Ticket, User

engine = create_async_engine(os.environ["BENCHMARK_DATABASE_URL"])


class Accounts(AuthenticationBackend):
    async def login(self, request: Request) -> bool:
        form = await request.form()
        request.session["user"] = form["username"]
        return bool(form["password"] == os.environ["BENCHMARK_PASSWORD"])

    async def logout(self, request: Request) -> bool:
        request.session.clear()
        return True

    async def authenticate(self, request: Request) -> bool:
        return "user" in request.session


class TicketAdmin(ModelView, model=Ticket):
    column_list = [
        "ticket_number",
        "title",
        "status",
        "priority",
        "assignee",
        "tags",
        "created_at",
        "updated_at",
    ]
    column_details_list = [*column_list, "description", "creator"]
    column_default_sort = [("created_at", True), ("id", True)]
    column_sortable_list = ["status", "priority", "created_at", "updated_at"]
    column_searchable_list = ["ticket_number", "title", "description"]
    column_filters = [
        StaticValuesFilter("status", [(value.value, value.name) for value in Status]),
        StaticValuesFilter("priority", [(value.value, value.name) for value in Priority]),
    ]
    form_columns = ["title", "description", "creator", "status", "priority", "assignee", "tags"]
    # Without these its form has every user there is, twice.
    form_ajax_refs = {
        name: {"fields": ("full_name", "email"), "order_by": "full_name"} for name in ("creator", "assignee")
    }
    page_size = 25
    export_max_rows = int(os.environ["BENCHMARK_EXPORT_ROWS"])

    def list_query(self, request: Request) -> Select:
        return super().list_query(request).where(Ticket.deleted_at.is_(None))

    @action(name="assign", label="Assign")
    async def assign(self, request: Request) -> RedirectResponse:
        pks = [int(pk) for pk in request.query_params["pks"].split(",")]
        assignee = int(os.environ["BENCHMARK_ASSIGNEE"])
        async with engine.begin() as connection:
            await connection.execute(update(Ticket).where(Ticket.id.in_(pks)).values(assignee_id=assignee))
        return RedirectResponse(request.url_for("admin:list", identity=self.identity), 303)


class UserAdmin(ModelView, model=User):
    column_list = ["full_name", "email"]


class TagAdmin(ModelView, model=Tag):
    column_list = ["name"]


app = Starlette()
admin = Admin(app, engine, authentication_backend=Accounts(secret_key=os.environ["BENCHMARK_SECRET"]))
for view in (TicketAdmin, UserAdmin, TagAdmin):
    admin.add_view(view)
