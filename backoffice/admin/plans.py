"""Which lists PostgreSQL must plan for the very values that they are asked for.

Making a plan can take longer than running it. A list that is one walk through an index, from one of its rows
on, is read in the same way whatever the values are, and one plan serves them all. What else is searched and
filtered for decides between indexes: a plan for any value may read a whole table for a rare one.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from sqlalchemy import inspect
from starlette.requests import Request

from backoffice.admin.indexes import walks
from backoffice.admin.list_address import COLUMNS, ORDER, PLACE, VIEW
from backoffice.admin.places import default_order, sorted_by
from models import Base

if TYPE_CHECKING:
    from backoffice.admin.view import View

#: What says how a list shows, and not which rows it has.
_MANNER: Final = {*PLACE, *ORDER, "pageSize", "trash", VIEW, COLUMNS}


def never(view: "View", request: Request) -> bool:
    """Of a page that reads records by their keys."""
    return False


def always(view: "View", request: Request) -> bool:
    return True


def unless_one_walk(view: "View", request: Request) -> bool:
    """Whether the values in the address of a list decide how it is best read."""
    asked = {name for name, value in request.query_params.multi_items() if value}
    narrowing = asked - _MANNER
    if not narrowing:
        return False
    if not asked.isdisjoint({*ORDER, "trash"}):
        return True
    declared = {each.name: each for each in view.filters}
    held = [declared[name].held(view, request.query_params) for name in narrowing & declared.keys()]
    if None in held or narrowing - declared.keys():
        return True
    return not _is_one_walk(view.model, frozenset(held), default_order(view, is_trash=False)[0])


@lru_cache(maxsize=500)
def _is_one_walk(model: type[Base], held: frozenset[str], sort_by: str) -> bool:
    """Whether an index leads through the rows that have one value in each of the columns `held`, in order."""
    columns = inspect(model).columns
    order = [columns[attribute.key] for attribute in sorted_by(model, sort_by)]
    wanted = {columns[name] for name in held}
    table = Base.metadata.tables[model.__tablename__]
    return any(set(chain[: len(held)]) == wanted and chain[len(held) :] == order for chain in walks(table))
