"""The page on which conditions are joined by AND and OR. It works by GET alone, and leads to the list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from backoffice.admin.filters import Asking, Filter
from backoffice.admin.filters.operators import LABELS, PRESENCE
from backoffice.admin.list_address import ListAddress, Pair
from backoffice.admin.pages import FilterControl, Option
from backoffice.admin.request import see_other
from backoffice.admin.where.asked import asking_for, compared, fields_of, read_where
from backoffice.admin.where.draft import DO, EMPTY, draft_of, filled_in, pressed
from backoffice.admin.where.tree import LONGEST, MOST_CONDITIONS, WHERE, Condition, Group, Mode, written
from backoffice.errors import BadInput, NotFound

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View

SHOW = "show"


@dataclass(frozen=True)
class ConditionRow:
    """One condition: a field, an operator, and what asks for values; without a field nothing is known yet."""

    name: str
    #: Such as `Condition 2`, for the labels of its parts.
    title: str
    field: str
    fields: Sequence[Option]
    operators: Sequence[Option]
    control: FilterControl | None
    problem: str

    @property
    def place(self) -> str:
        """What the button names that removes it: `2`, or `2-1`."""
        return self.name.removeprefix(f"{WHERE}-")


@dataclass(frozen=True)
class ConditionGroup:
    """Conditions in brackets."""

    name: str
    title: str
    mode: Mode
    rows: Sequence[ConditionRow]

    @property
    def place(self) -> str:
        return self.name.removeprefix(f"{WHERE}-")


@dataclass(frozen=True)
class WherePage:
    title: str
    noun: str
    action_url: str
    list_url: str
    kept: Sequence[Pair]
    mode: Mode
    items: Sequence[ConditionRow | ConditionGroup]
    #: The row to go on with.
    focus: str
    can_add: bool
    problem: str


@dataclass(frozen=True)
class _Draft:
    """The form so far, and what is wrong with it."""

    tree: Group
    problem: str = ""
    focus: str = ""
    #: Whether rows say what is wrong with them.
    is_checked: bool = False


async def where_page(site: "AdminSite", view: "View", request: Request) -> Response:
    """The form for the list's address; once it is filled in (`do=show`), the list itself."""
    view.require(request, "list")
    fields = fields_of(view)
    if not fields:
        raise NotFound("This list has no filters.")
    draft = _draft(view, fields, request)
    asking = await asking_for(site, view, request, draft.tree)
    address = _address(view, request)
    if draft.is_checked and not draft.problem and not any(_problems(asking, draft.tree).values()):
        tree = filled_in(draft.tree)
        return see_other(str(address.having(where=written(tree)) if tree else address))
    page = _page(asking, fields, draft, address)
    is_wrong = bool(draft.problem) or draft.is_checked
    return site.render(request, "where.html", page, status_code=400 if is_wrong else 200)


def _draft(view: "View", fields: Mapping[str, Filter], request: Request) -> _Draft:
    params = request.query_params
    button = params.get(DO, "")
    if not button:
        where = read_where(params)
        return _Draft(where.tree or EMPTY, where.problem)
    tree = draft_of(view, fields, params)
    try:
        changed, focus = pressed(tree, button)
    except BadInput as error:
        return _Draft(tree, str(error))
    return _Draft(changed, _too_long(changed) if button == SHOW else "", focus, is_checked=button == SHOW)


def _too_long(tree: Group) -> str:
    if sum(1 for _ in tree.conditions()) > MOST_CONDITIONS:
        return f"An advanced filter takes at most {MOST_CONDITIONS} conditions."
    return f"An advanced filter takes at most {LONGEST:,} characters." if len(written(tree)) > LONGEST else ""


def _address(view: "View", request: Request) -> ListAddress:
    """The list's own address, without what the form is for."""
    pairs = [
        (name, value)
        for name, value in request.query_params.multi_items()
        if name not in {DO, WHERE} and not name.startswith(f"{WHERE}-")
    ]
    return ListAddress(view.url("list"), ListAddress("", pairs).without().pairs)


def _problems(asking: Asking, tree: Group) -> dict[int, str]:
    """What is wrong with each condition that is filled in, by its number from the left."""
    return {number: _problem(asking, one) for number, one in enumerate(tree.conditions()) if one.field}


def _problem(asking: Asking, condition: Condition) -> str:
    try:
        compared(asking, condition)
    except BadInput as error:
        return str(error)
    return ""


def _page(asking: Asking, fields: Mapping[str, Filter], draft: _Draft, address: ListAddress) -> WherePage:
    view = asking.view
    problems = _problems(asking, draft.tree) if draft.is_checked else {}
    rows = _Rows(asking, fields, problems)
    return WherePage(
        title="Advanced filter",
        noun=view.noun(2),
        action_url=view.url("where"),
        list_url=str(address),
        kept=address.pairs,
        mode=draft.tree.mode,
        items=[rows.item(item, f"{WHERE}-{index}") for index, item in enumerate(draft.tree.items)],
        focus=draft.focus,
        can_add=sum(1 for _ in draft.tree.conditions()) < MOST_CONDITIONS,
        problem=draft.problem,
    )


class _Rows:
    """Makes the rows of the form, and numbers them."""

    def __init__(self, asking: Asking, fields: Mapping[str, Filter], problems: Mapping[int, str]) -> None:
        self.asking, self.fields, self.problems = asking, fields, problems
        self.conditions = self.groups = 0

    def item(self, item: Condition | Group, name: str) -> ConditionRow | ConditionGroup:
        if isinstance(item, Condition):
            return self._row(item, name)
        self.groups += 1
        title = f"Group {self.groups}"
        inner = [one for one in item.items if isinstance(one, Condition)]
        rows = [self._row(one, f"{name}-{index}") for index, one in enumerate(inner)]
        return ConditionGroup(name, title, item.mode, rows)

    def _row(self, condition: Condition, name: str) -> ConditionRow:
        view, number = self.asking.view, self.conditions
        self.conditions += 1
        declared = self.fields.get(condition.field)
        operators = declared.operators(view) if declared else []
        return ConditionRow(
            name,
            f"Condition {number + 1}",
            condition.field if declared else "",
            [Option(key, each.title(view), key == condition.field) for key, each in self.fields.items()],
            [Option(one.value, LABELS[one], one is condition.operator) for one in operators],
            self._control(declared, condition, f"{name}-value") if declared else None,
            self.problems.get(number, ""),
        )

    def _control(self, declared: Filter, condition: Condition, name: str) -> FilterControl | None:
        if condition.operator in PRESENCE:
            return None
        return declared.value_control(self.asking, condition.operator, condition.values, name)
