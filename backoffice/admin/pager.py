"""The foot of a list: which rows these are of how many, and the ways to others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from backoffice.admin.counting import Count
from backoffice.admin.keyset import Attributes, cursor_at
from backoffice.admin.list_address import AFTER, BEFORE, ListAddress
from backoffice.admin.pages import Pager, PageStep
from backoffice.admin.places import LAST, NUMBERED_ROWS, Place


@dataclass(frozen=True)
class Found:
    """The records of one page; `count` is None where it was not counted.

    `first` is the position of the first record: from 1, backwards from the end from -1, 0 if unknown.
    """

    records: Sequence[Any] = ()
    count: Count | None = None
    first: int = 0
    has_previous: bool = False
    has_next: bool = False
    #: Which page to show in place of this one, where there is nothing.
    nearest: int | str = ""

    @property
    def last(self) -> int:
        return self.first + len(self.records) - 1 if self.first else 0


def found_at(place: Place, walked: Sequence[Any], count: Count) -> Found:
    """What a walk from `place` found; it went one row further than the page, if there was one."""
    has_more = len(walked) > place.size
    records = walked[: place.size]
    if place.is_backward:
        records = records[::-1]
    first = _first_position(place, len(records), count, has_more=has_more)
    return Found(
        records,
        count.reaching(max(first, 1) + len(records) - 1),
        first,
        has_previous=has_more if place.is_backward else bool(place.cursor) or place.page > 1,
        has_next=place.cursor is not None if place.is_backward else has_more,
    )


def last_page(count: int, size: int) -> int:
    return max(1, -(-count // size))


def _first_position(place: Place, shown: int, count: Count, *, has_more: bool) -> int:
    """Where the page begins. A cursor's position is as old as its page: where it cannot be, none is known."""
    if place.cursor is None:
        return -shown if place.is_backward else place.skipped + 1
    if not has_more:
        at_the_end = count.rows - shown + 1 if count.is_all else -shown
        return 1 if place.is_backward else at_the_end
    position = place.cursor.position
    first = position - shown if place.is_backward else position + 1
    if position < 0:
        return first if first + shown < 0 else 0
    is_possible = first > 1 and (not count.is_all or first + shown <= count.rows)
    return first if is_possible and position else 0


# Words and links --------------------------------------------------------------------------------


def pager(address: ListAddress, place: Place, found: Found, order: Attributes) -> Pager:
    """The foot of the page that `address` leads to."""
    page = _number(place, found)
    return Pager(
        words=_words(found),
        page=page,
        is_last=found.last == -1,
        steps=list(_steps(address, place, found, page)),
        previous_url=_previous(address, place, found, order) if found.has_previous else "",
        next_url=_next(address, place, found, order) if found.has_next else "",
    )


def _previous(address: ListAddress, place: Place, found: Found, order: Attributes) -> str:
    # By its rank no row says where it stands: pages go by their numbers there.
    if place.is_ranked:
        return str(address.at_page(place.page - 1))
    return _beyond(address, BEFORE, found.records[0], order, found.first)


def _next(address: ListAddress, place: Place, found: Found, order: Attributes) -> str:
    if place.is_ranked and (place.page + 1) * place.size <= NUMBERED_ROWS:
        return str(address.at_page(place.page + 1))
    return _beyond(address, AFTER, found.records[-1], order, found.last)


def _beyond(address: ListAddress, side: str, record: Any, order: Attributes, position: int) -> str:
    return str(address.beyond(side, str(cursor_at(record, order, position))))


def count_in_words(count: Count | None) -> str:
    return "" if count is None else str(count)


def _words(found: Found) -> str:
    shown, count = len(found.records), count_in_words(found.count)
    if found.last == -1:
        return f"The last {shown:,} of {count}"
    if found.first < 0:
        return f"{-found.last:,}–{-found.first:,} from the end of {count}"
    return f"{found.first:,}–{found.last:,} of {count}" if found.first else f"{shown:,} of {count}"


def _number(place: Place, found: Found) -> int | None:
    """The number of the page, if it begins where one with a number does."""
    is_numbered = found.first > 0 and (found.first - 1) % place.size == 0
    return (found.first - 1) // place.size + 1 if is_numbered else None


def _steps(address: ListAddress, place: Place, found: Found, page: int | None) -> Iterator[PageStep]:
    """The first page, those around this one, and the last."""
    before = 0
    for number in _numbers(place, found, page):
        if number > before + 1:
            yield PageStep()
        yield PageStep(f"{number:,}", str(address.at_page(number)), number == page)
        before = number
    is_capped = found.count is not None and not found.count.is_all
    if is_capped and (found.has_next or page is None):
        yield PageStep()
        yield PageStep("Last", str(address.at_page(LAST)), found.last == -1)


def _numbers(place: Place, found: Found, page: int | None) -> list[int]:
    numbers = {1} if page is None else {1, page - 1, page, page + (1 if found.has_next else 0)}
    if found.count is not None and found.count.is_all:
        numbers.add(last_page(found.count.rows, place.size))
    # A gap of one is filled by it.
    numbers |= {number - 1 for number in numbers if number - 2 in numbers}
    return sorted(number for number in numbers if 0 < number * place.size <= NUMBERED_ROWS or number == page)
