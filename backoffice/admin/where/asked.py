"""What an advanced filter asks of a view's rows: its condition, and its words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, and_, or_
from starlette.datastructures import QueryParams
from starlette.requests import Request

from backoffice.admin.filters import Asking, Compared, Filter, Wanted, Words, read_names
from backoffice.admin.filters.texts import MOST_SEARCHES, SEARCH
from backoffice.admin.where.grammar import parsed
from backoffice.admin.where.tree import WHERE, Condition, Group, Mode
from backoffice.errors import BadInput

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View


@dataclass(frozen=True)
class Where:
    """An advanced filter as the address has it; without a tree it asks nothing."""

    tree: Group | None = None
    problem: str = ""

    @property
    def fields(self) -> set[str]:
        return {condition.field for condition in self.tree.conditions()} if self.tree else set()


def read_where(params: QueryParams) -> Where:
    """What `where=` says; a `problem`, with its place, for what cannot be read."""
    text = params.get(WHERE, "").strip()
    if len(params.getlist(WHERE)) > 1:
        return Where(problem="Advanced filter: an address has one.")
    try:
        return Where(parsed(text)) if text else Where()
    except BadInput as error:
        return Where(problem=str(error))


def fields_of(view: "View") -> Mapping[str, Filter]:
    """What conditions may be about: the declared filters, and the search where the list has one."""
    fields: dict[str, Filter] = {declared.name: declared for declared in view.filters}
    return {**fields, SEARCH: Words()} if view.search_hint else fields


async def asking_for(
    site: "AdminSite", view: "View", request: Request, tree: Group | None, wanted: Sequence[Wanted] = ()
) -> Asking:
    """Who asks, with the names of the records that `tree` names beside `wanted`, and its searches."""
    names = await read_names(site, request, [*wanted, *_wanted_by(view, tree)])
    terms = dict.fromkeys(
        term for one in (tree.conditions() if tree else ()) if one.field == SEARCH for term in one.values
    )
    found: dict[str, ColumnElement[bool] | str] = {}
    for term in list(terms)[:MOST_SEARCHES]:
        try:
            search = await view.find(request, term.strip())
        except BadInput as error:
            found[term] = str(error)
        else:
            found[term] = search.condition if search else "this list has no search."
    return Asking(view, request, names, found)


def _wanted_by(view: "View", tree: Group | None) -> list[Wanted]:
    """The records that its conditions name."""
    fields = fields_of(view)
    return [
        wanted
        for condition in (tree.conditions() if tree else ())
        if condition.field in fields
        for wanted in fields[condition.field].wanted(condition.values)
    ]


def asked(asking: Asking, tree: Group) -> Compared:
    """Its condition and its words; BadInput, which says where, for what makes no sense."""
    return _joined(asking, tree, is_nested=False)


def compared(asking: Asking, condition: Condition) -> Compared:
    """One condition; BadInput if there is no such field, or it makes no sense."""
    fields = fields_of(asking.view)
    if condition.field not in fields:
        raise BadInput(f"there is no filter “{condition.field[:40]}” here, but {', '.join(fields)}.")
    return fields[condition.field].compare(asking, condition.operator, condition.values)


def _joined(asking: Asking, group: Group, *, is_nested: bool) -> Compared:
    parts = [
        _joined(asking, item, is_nested=True) if isinstance(item, Group) else _located(asking, item)
        for item in group.items
    ]
    join, word = (and_, " and ") if group.mode is Mode.ALL else (or_, " or ")
    words = word.join(part.words for part in parts)
    return Compared(
        join(*(part.condition for part in parts)), f"({words})" if is_nested and len(parts) > 1 else words
    )


def _located(asking: Asking, condition: Condition) -> Compared:
    try:
        return compared(asking, condition)
    except BadInput as error:
        raise BadInput(f"Advanced filter, at character {condition.position}: {error}") from None
