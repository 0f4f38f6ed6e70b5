"""What the records are called that an address names: read at once for all filters, as far as one may know."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, false, or_, select
from sqlalchemy.orm import InstrumentedAttribute, aliased, outerjoin
from starlette.requests import Request

from backoffice.admin.cells import key_of, naming_options
from backoffice.admin.pickers import Picker
from backoffice.admin.request import current_user
from backoffice.database import INCLUDE_TRASHED
from models import Base

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite


@dataclass(frozen=True)
class Wanted:
    """Keys of records whose names a filter will ask for."""

    picker: Picker
    keys: Collection[Any]


@dataclass(frozen=True)
class Names:
    """The records that were found, by model and key."""

    records: Mapping[type[Base], Mapping[Any, Any]] = field(default_factory=dict)

    def of(self, picker: Picker, key: Any) -> str:
        """What the record is called; its number where this person may not know, or there is none."""
        record = self.records.get(picker.model, {}).get(key)
        return f"#{key}" if record is None else picker.label(record)

    def knows(self, picker: Picker, key: Any) -> bool:
        return key in self.records.get(picker.model, {})


async def read_names(site: "AdminSite", request: Request, wanted: Iterable[Wanted]) -> Names:
    """One query for all of them, and none where nothing is asked for."""
    by_model: dict[type[Base], list[Wanted]] = {}
    for each in wanted:
        if each.keys:
            by_model.setdefault(each.picker.model, []).append(each)
    if not by_model:
        return Names()
    statement, keys = _statement(site, request, by_model)
    records: dict[type[Base], dict[Any, Any]] = {model: {} for model in by_model}
    for row in await request.state.session.execute(statement, keys):
        for record in filter(None, row):
            records[type(record)][key_of(record)] = record
    return Names(records)


def _statement(
    site: "AdminSite", request: Request, by_model: Mapping[type[Base], Sequence[Wanted]]
) -> tuple[Select[Any], dict[str, Any]]:
    """What finds them, and its parameters."""
    everybody = [each for wanted in by_model.values() for each in wanted]
    if len(by_model) == 1 and not any(_knowable(site, request, each.picker) for each in everybody):
        # The usual case: it is made once.
        return _by_keys(everybody[0].picker.key), {"keys": [key for each in everybody for key in each.keys]}
    return _beside_each_other(
        {model: _chosen(site, request, model, wanted) for model, wanted in by_model.items()}
    ), {}


@lru_cache(maxsize=100)
def _by_keys(key: InstrumentedAttribute[Any]) -> Select[Any]:
    model = key.class_
    chosen = select(model).where(key.in_(bindparam("keys", expanding=True)))
    return chosen.options(*naming_options(model)).execution_options(**INCLUDE_TRASHED)


def _chosen(site: "AdminSite", request: Request, model: type[Base], wanted: Sequence[Wanted]) -> Select[Any]:
    key = wanted[0].picker.key
    conditions = [and_(key.in_(each.keys), *_knowable(site, request, each.picker)) for each in wanted]
    return select(model).where(or_(*conditions))


def _beside_each_other(chosen: Mapping[type[Base], Select[Any]]) -> Select[Any]:
    """The records of all models in one statement: a row has one of them."""
    if len(chosen) == 1:
        [(model, statement)] = chosen.items()
        return statement.options(*naming_options(model)).execution_options(**INCLUDE_TRASHED)
    entities: list[Any] = [aliased(model, statement.subquery()) for model, statement in chosen.items()]
    rows = entities[0]
    for other in entities[1:]:
        rows = outerjoin(rows, other, false(), full=True)
    options = [one for entity in entities for one in naming_options(entity)]
    together: Select[Any] = select(*entities).select_from(rows)
    return together.options(*options).execution_options(**INCLUDE_TRASHED)


def _knowable(site: "AdminSite", request: Request, picker: Picker) -> Sequence[ColumnElement[bool]]:
    """Who may list the records has their names by it, also of those that can no longer be picked."""
    user = current_user(request)
    view = site.view_of(picker.model)
    if view is None or not view.may(request, "list"):
        return [picker.allowed(user)]
    scope = view.scope(user)
    return [] if scope is None else [scope]
