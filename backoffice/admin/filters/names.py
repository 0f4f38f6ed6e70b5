"""What the records are called that an address names: read at once for all filters, as far as one may know."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, and_, or_, select
from starlette.requests import Request

from backoffice.admin.cells import naming_options
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
    """One query a model, and none where nothing is asked for."""
    by_model: dict[type[Base], list[Wanted]] = {}
    for each in wanted:
        if each.keys:
            by_model.setdefault(each.picker.model, []).append(each)
    return Names({model: await _records(site, request, model, asked) for model, asked in by_model.items()})


async def _records(
    site: "AdminSite", request: Request, model: type[Base], wanted: Sequence[Wanted]
) -> dict[Any, Any]:
    key = wanted[0].picker.key
    conditions = [and_(key.in_(each.keys), *_knowable(site, request, each.picker)) for each in wanted]
    statement = select(model).where(or_(*conditions)).options(*naming_options(model))
    records = await request.state.session.scalars(statement.execution_options(**INCLUDE_TRASHED))
    return {getattr(record, key.key): record for record in records}


def _knowable(site: "AdminSite", request: Request, picker: Picker) -> Iterable[ColumnElement[bool]]:
    """Who may list the records has their names by it, also of those that can no longer be picked."""
    user = current_user(request)
    view = site.view_of(picker.model)
    if view is None or not view.may(request, "list"):
        return [picker.allowed(user)]
    scope = view.scope(user)
    return [] if scope is None else [scope]
