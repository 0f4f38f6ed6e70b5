"""What a list shows: its rows, and links that are all variants of its one address."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request

from backoffice.admin.cells import key_of, kind_of, title_of
from backoffice.admin.export_jobs import may_be_large, may_export_later
from backoffice.admin.exporting import export_links
from backoffice.admin.filtered import Filtered
from backoffice.admin.formats import shorten
from backoffice.admin.list_address import ORDER, ListAddress
from backoffice.admin.marking import NO_MATCHES, marked_cells, passage_of
from backoffice.admin.origin import keeping
from backoffice.admin.pager import Found, count_in_words, pager
from backoffice.admin.pages import BulkButton, Chip, Column, Link, ListPage, Row, Tab
from backoffice.admin.places import Place, sortable, sorted_by
from backoffice.admin.where import WHERE
from backoffice.admin.where.asked import fields_of
from backoffice.searching import Match

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View

#: Characters of one filter in words.
LONGEST_CHIP: Final = 200


@dataclass(frozen=True)
class ListBuilder:
    """Puts together what the page shows; all links are variants of the one address."""

    site: "AdminSite"
    view: "View"
    request: Request
    filtered: Filtered
    place: Place
    address: ListAddress
    #: Where somebody comes back to who has opened a row.
    origin: str

    def page(
        self, names: list[str], found: Found, *, problem: str, matches: Mapping[Any, Match] = NO_MATCHES
    ) -> ListPage:
        view, filtered = self.view, self.filtered
        return ListPage(
            title=view.name_plural,
            columns=self._heads(names),
            rows=self.rows(names, found.records, matches),
            count=count_in_words(found.count),
            pager=pager(self.address, self.place, found, sorted_by(view.model, self.place.sort_by)),
            page_sizes=self._page_sizes(),
            search=filtered.search,
            search_placeholder=view.search_hint,
            filters=[reading.control for reading in filtered.readings],
            chips=self._chips(),
            tabs=self._tabs(),
            bulk=self._bulk_buttons(),
            create=self._create(),
            exports=export_links(self.view, self.request, self.address, names),
            kept=self.address.kept_by_forms(),
            clear_url=str(self.address.without("search", *self._filter_names())),
            advanced_url=self._beside("where") if fields_of(view) else "",
            facets_url=self._beside("facets"),
            is_filtered=filtered.is_filtered,
            empty_title="The trash is empty" if filtered.is_trash else view.empty_title,
            empty_text="What is moved to the trash can be restored here."
            if filtered.is_trash
            else view.empty_text,
            problem=problem,
            way_out=self._way_out(),
            search_note=self._search_note(),
            can_export_later=may_export_later(view.site, self.request),
            may_be_large=may_be_large(view.site, found.count),
        )

    def _heads(self, names: list[str]) -> list[Column]:
        return [self._head(name) for name in names]

    def _head(self, name: str) -> Column:
        view, place = self.view, self.place
        kind = kind_of(view.model, name, view.column_kinds)
        if name not in sortable(view, is_trash=self.filtered.is_trash):
            return Column(name, view.label(name), kind, in_place_url=self._in_place_url(name))
        is_sorted = name == place.sort_by and not place.is_ranked
        is_other_way = is_sorted or (place.is_ranked and name == place.sort_by)
        direction = "desc" if is_other_way and not (is_sorted and place.is_descending) else "asc"
        sorted_ = ("descending" if place.is_descending else "ascending") if is_sorted else ""
        url = self.address.without(*ORDER).having(sortBy=name, sort=direction)
        return Column(name, view.label(name), kind, str(url), sorted_, self._in_place_url(name))

    def _in_place_url(self, name: str) -> str:
        is_edited = name in self.view.edit_in_place and not self.filtered.is_trash
        return self.view.url("in-place") if is_edited and self.view.may(self.request, "edit") else ""

    def _search_note(self) -> str:
        found = self.filtered.found
        order = "Best matches first." if self.place.is_ranked else ""
        return " ".join(filter(None, (order, found.note if found else "")))

    def rows(
        self, names: list[str], records: Sequence[Any], matches: Mapping[Any, Match] = NO_MATCHES
    ) -> list[Row]:
        view = self.view
        makers = [view.cell_maker(self.request, name) for name in names]
        path = view.url("details") if view.may(self.request, "details") else ""
        origin, is_trash = keeping("", self.origin), self.filtered.is_trash

        def row(record: Any) -> Row:
            key = str(key_of(record))
            url = f"{path}/{key}{origin}" if path else ""
            cells = [make(record) for make in makers]
            match = matches.get(key_of(record))
            if match is None:
                return Row(key, title_of(record), url, cells, is_trash)
            marked = marked_cells(names, cells, match)
            return Row(key, title_of(record), url, marked, is_trash, passage_of(match))

        return [row(record) for record in records]

    def _page_sizes(self) -> list[Tab]:
        return [
            Tab(str(size), str(self.address.having(pageSize=str(size))), size == self.place.size)
            for size in self.view.page_size_options
        ]

    def _chips(self) -> list[Chip]:
        chips = [
            Chip(shorten(part.words, LONGEST_CHIP), str(self.address.exchanging(parameters, part.rest)))
            for parameters, part in self.filtered.parts()
        ]
        if not self.filtered.search:
            return chips
        return [Chip(f"“{self.filtered.search[:60]}”", str(self.address.without("search"))), *chips]

    def _tabs(self) -> list[Tab]:
        if not self.view.has_trash:
            return []
        live = self.address.without("trash", *ORDER)
        is_trash = self.filtered.is_trash
        return [Tab("Live", str(live), not is_trash), Tab("Trash", str(live.having(trash="only")), is_trash)]

    def _bulk_buttons(self) -> list[BulkButton]:
        query = self.address.without(*ORDER, "pageSize")
        return [
            BulkButton(
                action.slug,
                action.label,
                action.icon,
                str(ListAddress(self.view.url("bulk", action.slug), query.pairs)),
                action.is_danger,
            )
            for action in self.view.bulk_actions
            if action.on_trash == self.filtered.is_trash
            and action.is_allowed(self.view, self.request, rows=1)
        ]

    def _create(self) -> Link | None:
        if self.filtered.is_trash or not self.view.may(self.request, "create"):
            return None
        return Link(
            f"New {self.view.name.lower()}",
            keeping(self.view.url("create"), self.origin),
            "ti ti-plus",
            is_primary=True,
        )

    def _way_out(self) -> Link:
        """Where the list is without what made no sense, or took too long."""
        well_placed = self.address.without(*ORDER, "pageSize") if self.place.problem else self.address
        if self.place.problem and not self.filtered.problem:
            return Link("First page", str(well_placed))
        rest = well_placed.without(
            "search", *self._filter_names(), *(() if self.filtered.is_trash else ("trash",))
        )
        return Link("Clear search and filters", str(rest))

    def _filter_names(self) -> list[str]:
        return [WHERE, *(name for declared in self.view.filters for name in declared.parameters)]

    def _beside(self, page: str) -> str:
        """Another page about the rows of this address."""
        return str(ListAddress(self.view.url(page), self.address.without().pairs))
