"""The address of a list: search, filters, order and place are in it, and each link changes some of them."""

from collections.abc import Iterable
from urllib.parse import urlencode

Pair = tuple[str, str]

#: Which saved view it is, and the columns that it shows.
VIEW, COLUMNS = "view", "columns"
#: What a filter form must carry along, as it has no fields of its own for it.
KEPT_BY_FORMS = ("trash", "where", "sortBy", "sort", "pageSize", VIEW, COLUMNS)
ORDER = ("sortBy", "sort")
#: Where in the list: a page by its number (or `last`), or what comes after or before a row.
PAGE, AFTER, BEFORE = PLACE = ("page", "after", "before")


class ListAddress:
    """An address that can be asked for its variants; those that say no place lead to the first page."""

    def __init__(self, path: str, pairs: Iterable[Pair]) -> None:
        self.path = path
        # An empty field of the filter form says nothing.
        self.pairs = [(name, value) for name, value in pairs if value]

    def __str__(self) -> str:
        return f"{self.path}?{self.query}" if self.pairs else self.path

    @property
    def query(self) -> str:
        # An advanced filter stays readable.
        return urlencode(self.pairs, safe="(),:")

    def without(self, *names: str) -> "ListAddress":
        return ListAddress(self.path, [pair for pair in self.pairs if pair[0] not in {*names, *PLACE}])

    def having(self, **values: str) -> "ListAddress":
        """With each of `values` in place of what was there under its name."""
        return ListAddress(self.path, [*self.without(*values).pairs, *values.items()])

    def exchanging(self, names: Iterable[str], pairs: Iterable[Pair]) -> "ListAddress":
        """With `pairs` in place of whatever stood under `names`."""
        return ListAddress(self.path, [*self.without(*names).pairs, *pairs])

    def at_page(self, page: int | str) -> "ListAddress":
        first = self.without()
        return first if page == 1 else ListAddress(self.path, [*first.pairs, (PAGE, str(page))])

    def beyond(self, side: str, cursor: str) -> "ListAddress":
        """What comes `after` or `before` the row of the cursor."""
        return ListAddress(self.path, [*self.without().pairs, (side, cursor)])

    def kept_by_forms(self) -> list[Pair]:
        return [pair for pair in self.pairs if pair[0] in KEPT_BY_FORMS]
