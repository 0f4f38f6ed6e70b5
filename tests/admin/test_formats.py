from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backoffice.admin import formats
from models import AuditAction, Theme, TicketPriority, TicketStatus

NOW = datetime(2026, 11, 22, 13, 5, 9, tzinfo=UTC)


class TestMoment:
    @pytest.mark.parametrize(
        ("ago", "text"),
        [
            (timedelta(seconds=40), "just now"),
            (timedelta(minutes=1), "1 minute ago"),
            (timedelta(minutes=59, seconds=59), "59 minutes ago"),
            (timedelta(hours=3), "3 hours ago"),
            (timedelta(days=7), "7 days ago"),
            (timedelta(days=8), "14 Nov 2026"),
            (-timedelta(hours=2), "in 2 hours"),
            (-timedelta(days=30), "22 Dec 2026"),
        ],
    )
    def test_is_told_relative_to_now_within_a_week(self, ago: timedelta, text: str) -> None:
        assert f">{text}</time>" in formats.moment(NOW - ago, "UTC", NOW)

    def test_names_the_exact_time_and_its_zone(self) -> None:
        html = formats.moment(NOW, "Europe/Paris", NOW)
        assert 'title="22 Nov 2026, 14:05:09 (Europe/Paris, UTC+01:00)"' in html
        assert 'datetime="2026-11-22T14:05:09.000+01:00"' in html

    def test_takes_the_date_from_the_viewers_zone(self) -> None:
        late = datetime(2026, 10, 31, 23, 30, tzinfo=UTC)
        assert ">31 Oct 2026<" in formats.moment(late, "UTC", NOW)
        assert ">1 Nov 2026<" in formats.moment(late, "Asia/Tokyo", NOW)

    def test_shows_an_unknown_zone_as_utc(self) -> None:
        assert formats.exact(NOW, "Not/AZone") == "22 Nov 2026, 13:05:09 (UTC)"
        assert formats.exact(NOW, "../etc/passwd") == "22 Nov 2026, 13:05:09 (UTC)"


class TestBrief:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (NOW - timedelta(minutes=5), "5 min ago"),
            (NOW - timedelta(days=2), "2 d ago"),
            (NOW, "just now"),
            (datetime(2026, 3, 4, tzinfo=UTC), "4 Mar"),
            (datetime(2025, 3, 4, tzinfo=UTC), "4 Mar 2025"),
        ],
    )
    def test_leaves_out_what_goes_without_saying(self, value: datetime, text: str) -> None:
        assert f">{text}</time>" in formats.brief(value, "UTC", NOW)


class TestDated:
    def test_says_how_long_ago_only_while_that_helps(self) -> None:
        near = formats.dated(NOW - timedelta(hours=2), "UTC", NOW)
        assert ">22 Nov 2026, 11:05</time>" in near
        assert "2 hours ago" in near
        assert "ago" not in formats.dated(NOW - timedelta(days=40), "UTC", NOW)


class TestDay:
    def test_of_a_moment_is_the_viewers(self) -> None:
        late = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
        assert formats.day(late, "Asia/Tokyo") == '<time datetime="2027-01-01">1 Jan 2027</time>'

    def test_of_a_date_is_that_date(self) -> None:
        assert formats.day(date(2026, 2, 3), "Asia/Tokyo") == '<time datetime="2026-02-03">3 Feb 2026</time>'


class TestSize:
    @pytest.mark.parametrize(
        ("count", "text"),
        [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1023, "1023 bytes"),
            (1024, "1.0 KB"),
            (1_468_006, "1.4 MB"),
            (1_048_575, "1.0 MB"),
            (250 * 1024 * 1024, "250 MB"),
            (5 * 1024**5, "5120 TB"),
        ],
    )
    def test_reads_in_the_largest_unit_that_fits(self, count: int, text: str) -> None:
        assert formats.size(count) == text


class TestNumber:
    @pytest.mark.parametrize(
        ("value", "text"), [(0, "0"), (1_234_567, "1,234,567"), (-1200, "-1,200"), (2.5, "2.5"), (3.0, "3")]
    )
    def test_groups_thousands(self, value: float, text: str) -> None:
        assert formats.number(value) == text


class TestBadge:
    @pytest.mark.parametrize(
        ("state", "text"),
        [
            (TicketStatus.WAITING_ON_CUSTOMER, "Waiting on customer"),
            (AuditAction.LOGIN_FAILED, "Login failed"),
            ("something_else", "Something else"),
        ],
    )
    def test_says_the_state_in_words(self, state: object, text: str) -> None:
        assert f"</i>{text}</span>" in formats.badge(state)

    @pytest.mark.parametrize("vocabulary", [TicketStatus, TicketPriority, AuditAction, Theme])
    def test_tells_the_members_of_a_vocabulary_apart_by_shape(self, vocabulary: type) -> None:
        icons = [formats.LOOKS[member.value.lower()].icon for member in vocabulary]
        assert len(set(icons)) == len(icons)

    def test_escapes_a_value_of_unknown_origin(self) -> None:
        assert "<script>" not in formats.badge("<script>")


class TestInitials:
    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("Ada King Lovelace", "AL"),
            ("zoë", "Z"),
            ("محمد العربي", "ما"),
            ("(system) 2", "2"),
            ("", "?"),
            ("--", "?"),
        ],
    )
    def test_are_at_most_two_letters(self, name: str, text: str) -> None:
        assert formats.initials(name) == text


class TestHue:
    @given(st.text())
    def test_is_one_of_eight_for_any_name(self, name: str) -> None:
        assert 0 <= formats.hue(name) < formats.HUES
        assert formats.hue(name) == formats.hue(name)


class TestShorten:
    def test_leaves_a_short_text_as_it_is_but_in_one_line(self) -> None:
        assert formats.shorten("two\n  lines") == "two lines"

    def test_cuts_between_words(self) -> None:
        assert formats.shorten("one two three four", 14) == "one two three…"

    def test_cuts_a_word_that_has_no_end(self) -> None:
        assert formats.shorten("x" * 500, 10) == "x" * 9 + "…"

    @given(st.text(), st.integers(min_value=5, max_value=60))
    def test_never_gives_more_than_was_asked_for(self, text: str, length: int) -> None:
        assert len(formats.shorten(text, length)) <= length


class TestPrettyJson:
    def test_keeps_every_script_readable(self) -> None:
        assert formats.pretty_json({"Größe": None}) == '{\n  "Größe": null\n}'
