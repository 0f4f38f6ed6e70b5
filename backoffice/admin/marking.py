"""Where in the rows of a list the words of a search are, as HTML: marked in a text, or in a passage."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup, escape
from starlette.requests import Request

from backoffice.admin.cells import key_of
from backoffice.admin.pages import Cell
from backoffice.searching import MARK, UNMARK, Match

if TYPE_CHECKING:
    from backoffice.admin.filtered import Filtered
    from backoffice.admin.view import View

#: Where nothing was searched for, or nobody says where it is.
NO_MATCHES: Final[Mapping[Any, Match]] = {}

_MARKED: Final = re.compile(f"{MARK}([^{MARK}{UNMARK}]*){UNMARK}")
_STRAY: Final = str.maketrans("", "", MARK + UNMARK)


async def matches_in(
    view: "View", request: Request, filtered: "Filtered", records: Sequence[Any]
) -> Mapping[Any, Match]:
    """The matches in these records, by their keys, for whoever may see them whole."""
    found = filtered.found
    if found is None or found.matches is None or not records or not view.may(request, "details"):
        return NO_MATCHES
    return await found.matches(request.state.session, [key_of(record) for record in records])


def marked_cells(names: Sequence[str], cells: Sequence[Cell], match: Match) -> list[Cell]:
    """The cells of a row, with what was looked for marked in its texts."""
    return [
        Cell(cell.kind, marked(match.texts[name]), cell.url) if name in match.texts else cell
        for name, cell in zip(names, cells, strict=True)
    ]


def passage_of(match: Match) -> Markup:
    """The passage that shows why a row was found; empty where its texts do."""
    if not match.passage:
        return Markup()
    source = f'<span class="passage-source">{escape(match.source)}</span> ' if match.source else ""
    passage = f'<span class="passage" dir="auto">{source}{marked(match.passage)}</span>'
    return Markup(passage)  # noqa: S704 - escaped above


def marked(text: str) -> Markup:
    """The text, with its matches in `mark`."""
    # Escaping leaves the signs around a match as they are.
    html = _MARKED.sub(r"<mark>\1</mark>", str(escape(text)))
    return Markup(html.translate(_STRAY))  # noqa: S704 - escaped above
