"""An advanced filter while its form is filled in: what was sent, and what a button makes of it.

Each condition has a name, `where-0`, in a group `where-2-1`; its fields are `-field`, `-op` and `-value`. A
condition without a field is a row that nobody has filled in yet.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from starlette.datastructures import QueryParams

from backoffice.admin.filters import Filter, Operator
from backoffice.admin.filters.operators import PRESENCE
from backoffice.admin.where.tree import MOST_CONDITIONS, WHERE, Condition, Group, Mode
from backoffice.errors import BadInput

if TYPE_CHECKING:
    from backoffice.admin.view import View

#: The parameter that says which button was pressed.
DO: Final = "do"
BLANK: Final = Condition("")
EMPTY: Final = Group(Mode.ALL, (BLANK,))

_SENT: Final = re.compile(rf"{WHERE}-(\d{{1,2}})(?:-(\d{{1,2}}))?-(field|mode)")
_BUTTON: Final = re.compile(r"(refresh|show|group|add|remove)(?::(\d{1,2})(?:-(\d{1,2}))?)?")


def draft_of(view: "View", fields: Mapping[str, Filter], params: QueryParams) -> Group:
    """What the form was sent with."""
    places = sorted({_place(found) for name in params if (found := _SENT.fullmatch(name))})
    items: list[Condition | Group] = []
    for first in sorted({first for first, _ in places}):
        name = f"{WHERE}-{first}"
        if f"{name}-mode" not in params:
            items.append(_condition(view, fields, params, name))
            continue
        inner = [second for place, second in places if place == first and second >= 0]
        conditions = [_condition(view, fields, params, f"{name}-{second}") for second in inner]
        items.append(Group(_mode(params, name), tuple(conditions) or (BLANK,)))
    return Group(_mode(params, WHERE), tuple(items) or (BLANK,))


def pressed(tree: Group, button: str) -> tuple[Group, str]:
    """What a button makes of the form, and the name of the row that comes next; BadInput for no button."""
    found = _BUTTON.fullmatch(button)
    if found is None:
        raise BadInput("There is no such button.")
    verb, first, second = found[1], _index(found[2]), _index(found[3])
    if verb in {"add", "group"} and sum(1 for _ in tree.conditions()) >= MOST_CONDITIONS:
        raise BadInput(f"An advanced filter takes at most {MOST_CONDITIONS} conditions.")
    match verb:
        case "add":
            return _with_row(tree, first)
        case "group":
            other = Mode.ANY if tree.mode is Mode.ALL else Mode.ALL
            grown = replace(tree, items=(*tree.items, Group(other, (BLANK,))))
            return grown, f"{WHERE}-{len(tree.items)}-0"
        case "remove":
            return _without(tree, first, second), ""
        case _:
            return tree, ""


def filled_in(tree: Group) -> Group | None:
    """Without the rows that nobody filled in; None where that leaves nothing."""
    items: list[Condition | Group] = []
    for item in tree.items:
        kept = filled_in(item) if isinstance(item, Group) else item if item.field else None
        if kept is not None:
            items.append(kept)
    return replace(tree, items=tuple(items)) if items else None


def _place(found: re.Match[str]) -> tuple[int, int]:
    return int(found[1]), _index(found[2])


def _index(digits: str | None) -> int:
    return -1 if digits is None else int(digits)


def _mode(params: QueryParams, name: str) -> Mode:
    return Mode.ANY if params.get(f"{name}-mode") == Mode.ANY else Mode.ALL


def _condition(view: "View", fields: Mapping[str, Filter], params: QueryParams, name: str) -> Condition:
    field = params.get(f"{name}-field", "")
    if field not in fields:
        return BLANK
    offered = fields[field].operators(view)
    operator = params.get(f"{name}-op", "")
    # Who has chosen another field begins anew with it.
    if params.get(f"{name}-was", field) != field or operator not in offered:
        return Condition(field, offered[0])
    return Condition(field, Operator(operator), _values(params, name, Operator(operator)))


def _values(params: QueryParams, name: str, operator: Operator) -> tuple[str, ...]:
    if operator in PRESENCE:
        return ()
    ends = [params.get(f"{name}-value_{end}", "").strip() for end in ("from", "to")]
    if operator is Operator.BETWEEN:
        return tuple(ends)
    typed = [value.strip() for value in params.getlist(f"{name}-value")]
    return tuple(dict.fromkeys(value for value in typed if value))


def _with_row(tree: Group, at: int) -> tuple[Group, str]:
    """With a blank row at the end, or at the end of the group `at`."""
    if not 0 <= at < len(tree.items):
        return replace(tree, items=(*tree.items, BLANK)), f"{WHERE}-{len(tree.items)}"
    inner = tree.items[at]
    if not isinstance(inner, Group):
        raise BadInput("There is no such group.")
    grown = replace(inner, items=(*inner.items, BLANK))
    items = (*tree.items[:at], grown, *tree.items[at + 1 :])
    return replace(tree, items=items), f"{WHERE}-{at}-{len(inner.items)}"


def _without(tree: Group, at: int, inner_at: int) -> Group:
    """Without a row or a whole group; where that leaves nothing, with a blank row."""
    items: list[Condition | Group] = []
    for number, item in enumerate(tree.items):
        if number != at:
            items.append(item)
        elif isinstance(item, Group) and inner_at >= 0:
            rest = tuple(one for index, one in enumerate(item.items) if index != inner_at)
            items += [replace(item, items=rest)] if rest else []
    return replace(tree, items=tuple(items) or (BLANK,))
