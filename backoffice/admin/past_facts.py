"""A record of the past in cells: its fields and links, by the names of then, and what hung on it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import inspect
from sqlalchemy.orm import RelationshipDirection, RelationshipProperty
from starlette.requests import Request

from backoffice.admin.cells import kind_of, title_of
from backoffice.admin.pages import Cell, Kind
from backoffice.admin.passages import passages
from backoffice.admin.past_addresses import past_url
from backoffice.admin.past_pages import PastFact, PastGroup, PastRow
from backoffice.admin.questions import foreign_key
from backoffice.audit.links import parent_table
from backoffice.audit.names import NAMES, Names, Place, Record, names_since
from backoffice.audit.past import Image, Past, Unknown
from backoffice.audit.past.as_of import other_column
from backoffice.audit.wording import Comparison
from backoffice.keys import LARGEST_KEY
from models import Base

if TYPE_CHECKING:
    from backoffice.admin.view import View

#: Why nobody can say what a field held.
WHY_UNKNOWN: Final[Mapping[Unknown, str]] = {
    Unknown.ERASED: "erased",
    Unknown.SECRET: "a secret, which the history does not keep",
    Unknown.NOT_KEPT: "not known: the history does not have it",
}
#: Of what hung on a record, so many of a kind are shown.
MOST_ROWS: Final = 50
_LONG: Final = (Kind.LONG_TEXT, Kind.JSON)
_HEADING: Final = (Kind.RECORD, Kind.MOMENT)


@dataclass(frozen=True)
class Called:
    """The names of whatever a page mentions, then and now."""

    names: Names
    at: Place

    def then(self, table: str, key: int) -> str:
        return str(self.names.at((table, key), self.at)) if table in NAMES else f"#{key}"

    def now(self, table: str, key: int) -> str:
        return self.names.now((table, key)) or f"#{key}"


async def called(request: Request, past: Past) -> Called:
    """What everything that `past` refers to was called then, and is called now; one query."""
    images = [past.image, *(image for rows in past.children.values() for image in rows)]
    mentioned = {record for image in images for record in _mentioned(image)}
    for links in (past.links, past.links_now):
        mentioned |= {record for name, keys in links.items() for record in _linked(name, keys)}
    at = past.cutoff.at
    names = await names_since(request.state.session, dict.fromkeys(sorted(mentioned), at))
    return Called(names, Place(at, LARGEST_KEY))


def facts_of(view: "View", past: Past, names: Called) -> list[PastFact]:
    """The record's fields as they were, those of its form first."""
    comparison = Comparison()
    return [_fact(view, past, names, comparison, name) for name in fact_names(view)]


def fact_names(view: "View") -> list[str]:
    """What of the view's form and details the history can tell: columns that it keeps, and links."""
    asked = [name for section in view.form_sections for name in section.fields]
    known = [name for name in (*asked, *view.get_details_columns()) if source_of(view.model, name)]
    return list(dict.fromkeys(known))


def source_of(model: type[Base], name: str) -> str:
    """The column, or the table of links, that holds the attribute `name`; empty where nothing keeps it."""
    mapper = inspect(model)
    relation = mapper.relationships.get(name)
    if relation is not None:
        return _source_of_relation(relation)
    if name not in mapper.column_attrs:
        return ""
    column = mapper.column_attrs[name].columns[0]
    return column.name if getattr(column, "info", {}).get("audit") in ("plain", "pii") else ""


def stand_in(view: "View", image: Image) -> Base:
    """A record, in no session, that has what the image has: for whatever reads one."""
    mapper = inspect(view.model)
    attributes = {one.columns[0].name: one.key for one in mapper.column_attrs}
    return view.model(**{attributes[name]: value for name, value in image.values.items()})


def groups_of(
    view: "View", request: Request, past: Past, names: Called, *, sees_gone: bool
) -> list[PastGroup]:
    """What hung on the record, by its page: what was not in the trash, or was there along with it."""
    groups = []
    for model in view.child_models:
        child = view.site.view_of(model)
        if child is None or not child.may(request, "details") or child.scope(request.state.user) is not None:
            continue
        shown = [image for image in past.children[model.__tablename__] if _showed(image, past.image)]
        seen = [image for image in shown if sees_gone or image.now is not None]
        rows = [_row(child, image, names, past) for image in sorted(seen, key=_in_time)[-MOST_ROWS:]]
        groups.append(PastGroup(child.name_plural, rows, len(seen), len(shown) - len(seen)))
    return groups


def _fact(view: "View", past: Past, names: Called, comparison: Comparison, name: str) -> PastFact:
    source, label = source_of(view.model, name), view.label(name)
    image = past.image
    if source in image.unknown:
        return PastFact(name, label, None, unknown=WHY_UNKNOWN[image.unknown[source]])
    if source in past.links:
        then, now = past.links[source], past.links_now[source]
        is_same = then == now or image.now is None
        made = _links_cell(view, name, then, names, is_now=False)
        return PastFact(
            name, label, made, None if is_same else _links_cell(view, name, now, names, is_now=True)
        )
    old = image.values.get(source)
    if source not in image.changed or image.now is None:
        return PastFact(name, label, _cell(view, name, old, names))
    new = image.now[source]
    reworded = passages(comparison, old, new)
    now_cell = _cell(view, name, new, names, is_now=True)
    return PastFact(name, label, _cell(view, name, old, names), now_cell, passages=reworded)


def _cell(view: "View", name: str, value: Any, names: Called, *, is_now: bool = False) -> Cell:
    relation = inspect(view.model).relationships.get(name)
    if relation is None:
        kind = kind_of(view.model, name, view.column_kinds)
        return Cell(Kind.TEXT if kind is Kind.LABEL else kind, value)
    if value is None:
        return Cell(Kind.RECORD, None)
    return _named(view, relation.mapper.class_, value, names, is_now=is_now)


def _links_cell(view: "View", name: str, keys: Sequence[int], names: Called, *, is_now: bool) -> Cell:
    model = inspect(view.model).relationships[name].mapper.class_
    return Cell(Kind.RECORDS, [_named(view, model, key, names, is_now=is_now) for key in keys])


def _named(view: "View", model: type[Base], key: int, names: Called, *, is_now: bool) -> Cell:
    table = model.__tablename__
    return Cell(Kind.RECORD, names.now(table, key) if is_now else names.then(table, key))


def _row(view: "View", image: Image, names: Called, past: Past) -> PastRow:
    parts = dict(_parts(view, image, names, past.family.table.name))
    cells = {name: cell for name, cell in parts.items() if cell.value is not None}
    since, tone = _since(view, image, past)
    return PastRow(
        title=title_of(stand_in(view, image)),
        heading=[cell for cell in cells.values() if cell.kind in _HEADING],
        flags=[view.label(name) for name, cell in cells.items() if cell.kind is Kind.FLAG and cell.value],
        body=[
            *(str(cell.value) for cell in cells.values() if cell.kind in _LONG),
            *(f"{view.label(name)}: {WHY_UNKNOWN[why]}" for name, why in _unknown(view, image)),
        ],
        more=[
            (view.label(name), cell)
            for name, cell in cells.items()
            if cell.kind not in (*_HEADING, *_LONG, Kind.FLAG)
        ],
        since=since,
        tone=tone,
        url=past_url(view, image.record_id, past.cutoff.at),
    )


def _parts(view: "View", image: Image, names: Called, parent: str) -> Iterator[tuple[str, Cell]]:
    for name in view.get_list_columns():
        source = source_of(view.model, name)
        if source in image.values and not _leads_to(view.model, name, parent):
            yield name, _cell(view, name, image.values[source], names)


def _unknown(view: "View", image: Image) -> Iterable[tuple[str, Unknown]]:
    sources = {source_of(view.model, name): name for name in view.get_list_columns()}
    return [(sources[source], why) for source, why in image.unknown.items() if source in sources]


def _since(view: "View", image: Image, past: Past) -> tuple[str, str]:
    """What became of a row since, and the tone in which that is said."""
    if image.now is None:
        return "Deleted forever since", "red"
    if image.now.get("deleted_at") and not image.values.get("deleted_at"):
        return "Moved to the trash since", "amber"
    if any(_leads_to_column(view.model, name, past.family.table.name) for name in image.changed):
        return "Moved elsewhere since", "amber"
    return ("Changed since", "blue") if image.changed else ("", "neutral")


def _showed(image: Image, parent: Image) -> bool:
    return not image.values.get("deleted_at") or bool(parent.values.get("deleted_at"))


def _in_time(image: Image) -> tuple[Any, int]:
    return image.values.get("created_at") or image.at, image.record_id


def _mentioned(image: Image) -> Iterator[Record]:
    for key in image.table.foreign_keys:
        target = key.column.table.name
        for values in (image.values, image.now or {}):
            if target in NAMES and values.get(key.parent.name) is not None:
                yield target, values[key.parent.name]


def _linked(table: str, keys: Iterable[int]) -> Iterator[Record]:
    target = other_column(Base.metadata.tables[table]).foreign_keys
    name = next(iter(target)).column.table.name
    if name in NAMES:
        yield from ((name, key) for key in keys)


def _source_of_relation(relation: RelationshipProperty[Any]) -> str:
    if relation.secondary is not None:
        table = Base.metadata.tables[str(relation.secondary)]
        own = table.info.get("audit_record")
        is_own = own is not None and parent_table(table) is relation.parent.local_table
        return table.name if is_own else ""
    if relation.direction is not RelationshipDirection.MANYTOONE:
        return ""
    return relation.parent.column_attrs[foreign_key(relation)].columns[0].name


def _leads_to(model: type[Base], name: str, table: str) -> bool:
    relation = inspect(model).relationships.get(name)
    return relation is not None and relation.mapper.class_.__tablename__ == table


def _leads_to_column(model: type[Base], column: str, table: str) -> bool:
    keys = inspect(model).local_table.columns[column].foreign_keys
    return any(key.column.table.name == table for key in keys)
