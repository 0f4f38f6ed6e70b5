"""Texts compared word by word."""

from itertools import pairwise
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backoffice.audit.wording import Comparison, Fate, Piece

texts = st.lists(st.sampled_from(["a", "b", "c,", " ", "  ", "\n", "é"])).map("".join)

LONG = " ".join(f"word{number}" for number in range(5_000))


def pieces(old: str, new: str) -> list[Piece]:
    found = Comparison().pieces(old, new)
    assert found is not None
    return found


def without(fate: Fate, found: list[Piece]) -> str:
    return "".join(piece.text for piece in found if piece.fate is not fate)


class TestPieces:
    def test_are_the_words_that_stayed_went_and_came(self) -> None:
        assert pieces("It jams at every page.", "It smells at every page.") == [
            Piece(Fate.SAME, "It"),
            Piece(Fate.REMOVED, " jams"),
            Piece(Fate.ADDED, " smells"),
            Piece(Fate.SAME, " at every page."),
        ]

    def test_of_a_text_that_goes_on_keep_its_last_word(self) -> None:
        assert pieces("It jams", "It jams again") == [
            Piece(Fate.SAME, "It jams"),
            Piece(Fate.ADDED, " again"),
        ]

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("a b c d", "a c d"),
            ("  two\n\nlines here ", "two lines here\n"),
            ("الطابعة لا تعمل", "الطابعة لا تعمل اليوم"),
            ("one 🧯 two", "one 🧯🧯 two"),
            (LONG, LONG.replace("word40 ", "").replace("word4900", "w")),
        ],
    )
    def test_make_up_both_texts(self, old: str, new: str) -> None:
        found = Comparison().pieces(old, new)
        if found is not None:
            assert without(Fate.ADDED, found) == old
            assert without(Fate.REMOVED, found) == new

    @given(texts, texts)
    def test_make_up_any_texts(self, old: str, new: str) -> None:
        found = Comparison().pieces(old, new)
        if found is not None:
            assert (without(Fate.ADDED, found), without(Fate.REMOVED, found)) == (old, new)
            assert all(one.fate is not other.fate for one, other in pairwise(found))

    def test_of_texts_with_little_in_common_are_none(self) -> None:
        assert Comparison().pieces("It jams at every page.", "Nothing is left of what was there.") is None

    def test_find_two_edits_far_apart_in_a_long_text(self) -> None:
        found = pieces(LONG, LONG.replace("word10 ", "first ").replace("word4990 ", "second "))
        assert [piece.text.strip() for piece in found if piece.fate is Fate.ADDED] == ["first", "second"]


class TestTime:
    @pytest.mark.parametrize("size", [2_000, 20_000])
    @pytest.mark.parametrize("kind", ["shuffled", "alternating", "alike", "every tenth"])
    def test_is_bounded(self, size: int, kind: str) -> None:
        """Texts of which the plain comparison takes up to a quarter of a minute."""
        words = [f"w{number // 2}" for number in range(size)]
        others = {
            "shuffled": [*words[::7], *words[::-3]],
            "alternating": [word if place % 2 else f"x{place}" for place, word in enumerate(words)],
            "alike": ["w1", "w2"] * (size // 2),
            "every tenth": [word if place % 10 else f"x{place}" for place, word in enumerate(words)],
        }
        started = perf_counter()
        Comparison().pieces(" ".join(words), " ".join(others[kind]))
        assert perf_counter() - started < 1

    def test_is_shared_by_a_page(self) -> None:
        comparison = Comparison(work=60_000)
        other = LONG.replace("word10 ", "first ")
        answers = [comparison.pieces(LONG, f"begin {other} end") for _ in range(5)]
        assert answers[0] is not None
        assert answers[-1] is None
