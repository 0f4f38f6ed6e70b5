"""Groups: the roles of staff, and the matrix of what each may do."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqladmin.contrib.rbac import PermissionMatrixField, build_permission_rows
from starlette.requests import Request

from admin_views import bulk_actions
from backoffice.accounts.grants import Grants
from backoffice.accounts.groups import flush_and_keep_an_administrator, members_of, set_grants
from backoffice.admin.forms import Section
from backoffice.admin.pages import Cell, Kind
from backoffice.admin.request import current_user
from backoffice.admin.view import View
from models import Group, User


def _rows(view: View) -> list[Any]:
    """A row of boxes a page that has grants of its own."""
    borrowing = {page.identity for page in view.site.declared if page.granted_by}
    return [row for row in build_permission_rows(view.site) if row.identity not in borrowing]


def _matrix(view: View, request: Request, record: Group | None) -> Any:
    granted = [str(access) for access in record.accesses] if record is not None else []
    return PermissionMatrixField("Permissions", rows=_rows(view), default=granted)


def _in_words(view: View, request: Request, record: Group) -> Cell:
    """What its members may do, a line for each page."""
    granted = {str(access) for access in record.accesses}
    pages = {
        row.label: [str(choice.label) for choice in row.choices if choice.value in granted]
        for row in _rows(view)
    }
    lines = [f"{page}: {', '.join(labels)}" for page, labels in pages.items() if labels]
    return Cell(Kind.LONG_TEXT, "\n".join(lines))


def _offered(view: View) -> Grants:
    return _grants(choice.value for row in _rows(view) for choice in row.choices)


def _grants(boxes: Iterable[str] | None) -> Grants:
    return {(box.partition(":")[0], box.partition(":")[2]) for box in boxes or ()}


class GroupAdmin(View, model=Group):
    category = "People"
    icon = "ti ti-shield-lock"
    can_delete = True
    column_list = ["name"]
    more_columns = ["users"]
    column_sortable_list = ["name"]
    column_default_sort = "name"
    column_details_list = ["name", "accesses"]
    column_labels = {"accesses": "Grants", "users": "Members"}
    cells = {"accesses": _in_words}
    form_sections = [
        Section("Group", ["name"]),
        Section("Permissions", ["permissions"], "You can give only what you have yourself."),
    ]
    form_relations = ["accesses"]
    extra_fields = {"permissions": _matrix}
    bulk_actions = bulk_actions.FOR_GROUPS
    details_template = "group.html"
    never_brought_back = (
        "A group is not brought back: what it granted shall be granted by somebody who has it. Make it anew."
    )
    empty_title = "No groups"

    async def details_extra(self, request: Request, record: Group) -> Mapping[str, Any]:
        members, users = await members_of(request.state.session, record.id), self.site.view_of(User)
        count = members[0].in_all if members else 0
        may_list = users is not None and users.may(request, "list")
        return {
            "members": members,
            "count": count,
            "users_url": users.url("details") if users and users.may(request, "details") else "",
            "all_url": f"{users.url('list')}?groups={record.id}" if users and may_list else "",
        }

    async def before_save(
        self, request: Request, record: Group, values: dict[str, Any], *, is_new: bool
    ) -> None:
        if "permissions" in values:
            set_grants(current_user(request), record, _grants(values["permissions"]), offered=_offered(self))

    async def after_save(
        self, request: Request, record: Group, values: dict[str, Any], *, is_new: bool
    ) -> None:
        await flush_and_keep_an_administrator(request.state.session)
