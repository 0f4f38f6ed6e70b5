"""A history by what people did."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from backoffice.audit.browse import Entry
from backoffice.audit.names import Place
from backoffice.audit.timeline import Step, Timeline, timeline
from models import AuditAction

START = datetime(2026, 11, 1, tzinfo=UTC)
SPACE = UUID(int=0)


def entry(number: int, operation: int | None) -> Entry:
    return Entry(
        id=number,
        when=START + timedelta(seconds=number),
        who="Ana",
        who_now=None,
        user_id=1,
        action=AuditAction.UPDATE,
        table_name="tickets",
        record_table="tickets",
        record_id=1,
        record_name=None,
        operation_id=None if operation is None else uuid5(SPACE, str(operation)),
        verb=None,
        reason=None,
        changes=[],
    )


def history(operations: Sequence[int | None]) -> list[Entry]:
    """Entries of these operations, the first of which is the newest."""
    return [
        entry(number, operation) for number, operation in zip(range(1000, 0, -1), operations, strict=False)
    ]


def read(entries: list[Entry], before: Place | None, entry_limit: int, steps: int) -> Timeline:
    rest = [each for each in entries if before is None or each.place < before]
    return timeline(rest[: entry_limit + 1], most_entries=entry_limit, most_steps=steps)


def sizes(shown: Timeline) -> list[int]:
    return [len(step.entries) for step in shown.steps]


class TestSteps:
    def test_are_the_entries_of_an_operation(self) -> None:
        shown = read(history([3, 3, 2, 1, 1, 1]), None, 100, 20)
        assert (sizes(shown), shown.older) == ([2, 1, 3], None)

    def test_outside_of_any_operation_are_one_entry(self) -> None:
        assert sizes(read(history([None, None, 1, 1]), None, 100, 20)) == [1, 1, 2]

    def test_that_would_be_cut_come_whole_on_the_next_page(self) -> None:
        entries = history([3, 3, 2, 2, 2, 1])
        first = read(entries, None, 4, 20)
        assert sizes(first) == [2]
        assert sizes(read(entries, first.older, 4, 20)) == [3, 1]

    def test_larger_than_a_page_go_on_over_pages(self) -> None:
        entries = history([1] * 7)
        first = read(entries, None, 3, 20)
        assert sizes(first) == [3]
        assert sizes(read(entries, first.older, 3, 20)) == [3]

    def test_are_not_more_than_a_page_shows(self) -> None:
        first = read(history(range(9)), None, 100, 4)
        assert sizes(first) == [1] * 4
        assert first.older == first.steps[-1].newest.place

    @given(st.lists(st.one_of(st.none(), st.integers(0, 3))), st.integers(1, 6), st.integers(1, 4))
    def test_of_all_pages_have_every_entry_once(
        self, operations: list[int | None], entry_limit: int, steps: int
    ) -> None:
        entries, seen, before = history(operations), list[Step](), None
        while (page := read(entries, before, entry_limit, steps)).older is not None:
            seen, before = [*seen, *page.steps], page.older
        assert [each for step in [*seen, *page.steps] for each in step.entries] == entries
