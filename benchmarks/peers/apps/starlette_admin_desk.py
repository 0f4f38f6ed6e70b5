"""The desk on starlette-admin."""

import os

from sqlalchemy import ColumnElement, Select, func, or_, select, update
from sqlalchemy.ext.asyncio import create_async_engine
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette_admin import HasMany, HasOne, action
from starlette_admin.actions import ActionSelection
from starlette_admin.auth import AdminUser, AuthProvider
from starlette_admin.contrib.sqla import Admin, ModelView
from starlette_admin.exceptions import LoginFailed
from tables import Tag, Ticket, User

engine = create_async_engine(os.environ["BENCHMARK_DATABASE_URL"])


class Accounts(AuthProvider):
    async def login(self, username: str, password: str, remember_me: bool, request: Request) -> None:
        if password != os.environ["BENCHMARK_PASSWORD"]:
            raise LoginFailed("Wrong")
        request.session["user"] = username

    async def authenticate(self, request: Request) -> AdminUser | None:
        return AdminUser(username=request.session["user"]) if "user" in request.session else None

    async def logout(self, request: Request) -> None:
        request.session.clear()


class TicketView(ModelView):
    fields = [
        "id",
        "ticket_number",
        "title",
        "status",
        "priority",
        HasOne("assignee", key="user"),
        HasMany("tags", key="tag"),
        "created_at",
        "updated_at",
        "description",
        HasOne("creator", key="user"),
    ]
    exclude_fields_from_list = ["id", "description", "creator"]
    exclude_fields_from_edit = ["id", "ticket_number", "created_at", "updated_at"]
    exclude_fields_from_export = ["id", "description", "creator"]
    # By what it filters; it would search in all of them too.
    searchable_fields = ["ticket_number", "title", "description", "status", "priority", "created_at"]
    sortable_fields = ["status", "priority", "created_at", "updated_at"]
    fields_default_sort = [("created_at", True), ("id", True)]
    page_size = 25
    # Its own limit is 1,000.
    action_select_all_limit = 100_000
    actions = ["assign", "export"]

    def get_list_query(self, request: Request) -> Select:
        return super().get_list_query(request).where(Ticket.deleted_at.is_(None))

    def get_count_query(self, request: Request) -> Select:
        return select(func.count()).select_from(Ticket).where(Ticket.deleted_at.is_(None))

    def get_search_query(self, request: Request, term: str) -> ColumnElement[bool]:
        return or_(
            *(
                column.ilike(f"%{term}%")
                for column in (Ticket.ticket_number, Ticket.title, Ticket.description)
            )
        )

    @action(name="assign", text="Assign")
    async def assign(self, request: Request, selection: ActionSelection) -> None:
        assignee = int(os.environ["BENCHMARK_ASSIGNEE"])
        pks = [int(pk) for pk in await selection.pks()]
        await request.state.session.execute(
            update(Ticket)
            .where(Ticket.id.in_(pks))
            .values(assignee_id=assignee)
            .execution_options(synchronize_session=False)
        )


class UserView(ModelView):
    fields = ["id", "full_name", "email"]


class TagView(ModelView):
    fields = ["id", "name"]


secret = os.environ["BENCHMARK_SECRET"]
admin = Admin(
    engine,
    auth_provider=Accounts(),
    secret_key=secret,
    middlewares=[Middleware(SessionMiddleware, secret_key=secret)],
)
admin.add_view(TicketView(Ticket, key="ticket"))
admin.add_view(UserView(User, key="user"))
admin.add_view(TagView(Tag, key="tag"))
app = Starlette()
admin.mount_to(app)
