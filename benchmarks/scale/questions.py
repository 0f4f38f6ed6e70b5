"""What is asked of the desk at both sizes: every way to a list, and the pages around one."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from admin_views.tickets import TicketAdmin
from backoffice.admin.counting import COUNT_CAP
from backoffice.admin.keyset import Cursor
from backoffice.admin.pager import last_page
from backoffice.admin.places import LAST
from benchmarks.peers.browser import Answer, Browser, Refused, form_with
from benchmarks.peers.contestants import Contestant
from benchmarks.peers.dataset import RARE_WORD
from benchmarks.peers.tasks import FAR_PAGE, PAGE_SIZE, ROW_BEFORE, Database, Task

LIST: Final = "/admin/ticket/list"
#: A third of the tickets made up by `backoffice seed` are about one.
COMMON_WORD: Final = "printer"
A_TICKET: Final = r"\bT-\d{6,}\b"

SOME_TICKETS = "SELECT id FROM tickets WHERE deleted_at IS NULL ORDER BY id % 7919, id LIMIT 200"
SOME_STAFF = """
SELECT id FROM users WHERE is_staff AND is_active AND email LIKE 'customer-%' ORDER BY id LIMIT 5
"""
SOME_TAGS = "SELECT id FROM tags ORDER BY id LIMIT 5"

SAVED_VIEW: Final = "Open and urgent"
COUNT_OF_VIEW = """
SELECT count FROM saved_view_counts JOIN saved_views ON saved_views.id = view_id
WHERE name = $1 AND count IS NOT NULL
"""
FORGET_COUNT = "DELETE FROM saved_view_counts USING saved_views WHERE saved_views.id = view_id AND name = $1"
#: Seconds after which a view that has no count yet gets none.
COUNTED_WITHIN: Final = 2.0


@dataclass(frozen=True)
class Desk:
    """One of the sizes, and what there is to ask for by its key."""

    key: str
    database: Database
    tickets: Sequence[int]
    staff: Sequence[int]
    tags: Sequence[int]
    #: Where the last page is, which has a name alone where not all rows are counted.
    last: int | str
    far: str

    @classmethod
    def of(cls, key: str, database: Database, tickets: int) -> "Desk":
        skipped = min(FAR_PAGE, tickets // PAGE_SIZE // 2) * PAGE_SIZE
        [before] = database.fetch(ROW_BEFORE, skipped - 1)
        return cls(
            key,
            database,
            database.column(SOME_TICKETS),
            database.column(SOME_STAFF),
            database.column(SOME_TAGS),
            LAST if tickets > COUNT_CAP else last_page(tickets, PAGE_SIZE),
            str(Cursor([before["created_at"], before["id"]], skipped)),
        )


Paths = Callable[[Desk], Sequence[str]]


@dataclass
class Question(Task):
    """A page with `shows`, a pattern, on it; asked again it is the next of its paths."""

    paths: Mapping[str, Sequence[str]]
    shows: str

    def step(self, contestant: Contestant, browser: Browser, number: int) -> Callable[[], Answer]:
        paths = self.paths[contestant.key]
        return partial(browser.get, paths[number % len(paths)])

    def check(self, answer: Answer) -> None:
        if not re.search(self.shows, answer.text):
            raise Refused(f"it does not show {self.shows}")


@dataclass
class CountTask(Task):
    """A list with a saved view that was not counted yet: until its count, made after the page, is there."""

    desks: Mapping[str, Desk]

    def step(self, contestant: Contestant, browser: Browser, number: int) -> Callable[[], Answer]:
        database = self.desks[contestant.key].database
        if number == 0:
            _save_view(browser)
        database.fetch(FORGET_COUNT, SAVED_VIEW)
        return partial(self._counted, browser, database)

    def _counted(self, browser: Browser, database: Database) -> Answer:
        browser.get(LIST)
        deadline = time.monotonic() + COUNTED_WITHIN
        while not database.column(COUNT_OF_VIEW, SAVED_VIEW):
            if time.monotonic() > deadline:
                raise Refused("it was not counted in time")
            time.sleep(0.001)
        return Answer(HTTPStatus.OK, "", b"")


def questions(desks: Mapping[str, Desk]) -> list[Task]:
    """All of them."""
    [database, *_] = [desk.database for desk in desks.values()]

    def ask(key: str, label: str, paths: Paths, shows: str = A_TICKET) -> Task:
        return Question(key, label, database, {each: paths(desk) for each, desk in desks.items()}, shows)

    return [
        *(ask(*each) for each in (*_LISTS, *_sorts(), *_SEARCHES, *_AROUND)),
        CountTask("count", "a page and its saved view's count", database, desks),
    ]


def _save_view(browser: Browser) -> None:
    """Save the view, unless an earlier run did."""
    if SAVED_VIEW not in browser.get("/admin/ticket/views").text:
        address = f"{LIST}?status=open&priority=urgent"
        fields = [
            (name, value) for name, value in form_with(browser.get(address).text, "state") if name != "name"
        ]
        browser.post("/admin/ticket/views", [*fields, ("name", SAVED_VIEW)])


def _rows(**conditions: Any) -> Paths:
    return lambda desk: [f"{LIST}?{urlencode(conditions)}"]


def _by_staff(**conditions: Any) -> Paths:
    return lambda desk: [f"{LIST}?{urlencode({'assignee': one, **conditions})}" for one in desk.staff]


def _by_tag(desk: Desk) -> Sequence[str]:
    return [f"{LIST}?tags={tag}" for tag in desk.tags]


def _by_both(desk: Desk) -> Sequence[str]:
    return [f"{LIST}?assignee={one}&tags={tag}" for one in desk.staff for tag in desk.tags]


def _of_tickets(path: str) -> Paths:
    return lambda desk: [path.format(pk) for pk in desk.tickets]


def _sorts() -> list[tuple[str, str, Paths]]:
    return [
        (
            f"sort-{name}-{way}",
            f"sorted by {name.removesuffix('_at').replace('_', ' ')}, {words}",
            _rows(sortBy=name, sort=way),
        )
        for name in TicketAdmin.column_sortable_list
        for way, words in (("asc", "ascending"), ("desc", "descending"))
    ]


_LISTS: Final[Sequence[tuple[str, str, Paths] | tuple[str, str, Paths, str]]] = (
    ("first", "first list page", _rows()),
    ("filtered", "status and priority", _rows(status="open", priority="high")),
    (
        "nothing",
        "a filter that matches nothing",
        _rows(status="resolved", priority="urgent"),
        "Nothing matches",
    ),
    ("last", "last page", lambda desk: [f"{LIST}?page={desk.last}"]),
    ("far", f"page {FAR_PAGE:,}, or the middle, by Next", lambda desk: [f"{LIST}?after={desk.far}"]),
    ("assignee", "of one assignee", _by_staff()),
    ("tag", "with one tag", _by_tag),
    ("both", "of one assignee, with one tag", _by_both),
)
_SEARCHES: Final[Sequence[tuple[str, str, Paths]]] = (
    ("rare", "search for a rare word", _rows(search=RARE_WORD)),
    ("common", "search for a common word", _rows(search=COMMON_WORD)),
)
_AROUND: Final[Sequence[tuple[str, str, Paths] | tuple[str, str, Paths, str]]] = (
    ("facets", "a list's counts beside its filters", lambda desk: ["/admin/ticket/facets"], '"assignee"'),
    (
        "facets-filtered",
        "the same of one status",
        lambda desk: ["/admin/ticket/facets?status=open"],
        '"assignee"',
    ),
    ("ticket", "a ticket's page", _of_tickets("/admin/ticket/details/{}")),
    ("form", "a ticket's form", _of_tickets("/admin/ticket/edit/{}")),
    ("audit", "audit log", lambda desk: ["/admin/audit-log/list"], "/admin/audit-log/details/"),
    (
        "audit-user",
        "audit log of one user",
        lambda desk: [f"/admin/audit-log/list?user={one}" for one in desk.staff],
        "/admin/audit-log/details/",
    ),
    ("palette", "palette, a common word", lambda desk: [f"/admin/palette?q={COMMON_WORD}"]),
    ("palette-rare", "palette, a rare word", lambda desk: [f"/admin/palette?q={RARE_WORD}"]),
)
