"""Filters above a list: declarations, each of which reads the list's address and says in words what it asks.

A value that makes no sense is a `problem`, a sentence; the list then shows no rows rather than others than
those that were meant.
"""

from backoffice.admin.filters.base import Asking, Compared, Facet, Filter, Part, Popular, Reading
from backoffice.admin.filters.choices import Choice, Flag
from backoffice.admin.filters.dates import FIRST_YEAR, LAST_YEAR, Dates
from backoffice.admin.filters.names import Names, Wanted, read_names
from backoffice.admin.filters.numbers import Numbers
from backoffice.admin.filters.operators import Operator
from backoffice.admin.filters.relations import Related, RelatedMany
from backoffice.admin.filters.texts import Exact, Words, parse_value

__all__ = [
    "FIRST_YEAR",
    "LAST_YEAR",
    "Asking",
    "Choice",
    "Compared",
    "Dates",
    "Exact",
    "Facet",
    "Filter",
    "Flag",
    "Names",
    "Numbers",
    "Operator",
    "Part",
    "Popular",
    "Reading",
    "Related",
    "RelatedMany",
    "Wanted",
    "Words",
    "parse_value",
    "read_names",
]
