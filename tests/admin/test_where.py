"""The grammar of advanced filters: what is written is read again, and nonsense is told with its place."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from backoffice.admin.filters import Operator
from backoffice.admin.filters.operators import PRESENCE
from backoffice.admin.where import Condition, Group, Mode, parsed, written
from backoffice.admin.where.tree import LONGEST
from backoffice.errors import BadInput

NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,12}", fullmatch=True)
VALUES = st.one_of(
    st.sampled_from(["open", "2026-05-31", "empty", "all", 'a "b" \\ c', "a|b,(c):d", "", " "]),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8),
)
CONDITIONS = st.one_of(
    st.builds(Condition, NAMES, st.sampled_from(PRESENCE)),
    st.builds(
        Condition,
        NAMES,
        st.sampled_from([one for one in Operator if one not in PRESENCE]),
        st.lists(VALUES, min_size=1, max_size=3).map(tuple),
    ),
)
MODES = st.sampled_from(Mode)
INNER = st.builds(Group, MODES, st.lists(CONDITIONS, min_size=1, max_size=3).map(tuple))
TREES = st.builds(Group, MODES, st.lists(st.one_of(CONDITIONS, INNER), min_size=1, max_size=5).map(tuple))


class TestRoundTrip:
    @given(TREES)
    @examples(max_examples=300, deadline=None)
    def test_what_is_written_is_read_again(self, tree: Group) -> None:
        assert parsed(written(tree)) == tree

    @given(st.text(alphabet='allny(),:|"\\ sb0é', max_size=40))
    @examples(max_examples=300, deadline=None)
    def test_whatever_is_typed_is_read_or_told(self, text: str) -> None:
        with suppress(BadInput):
            tree = parsed(text)
            assert parsed(written(tree)) == tree


class TestReading:
    def test_the_example(self) -> None:
        text = "all(status:open|in_progress,any(priority:urgent,assignee:empty))"
        tree = parsed(text)
        assert tree == Group(
            Mode.ALL,
            (
                Condition("status", Operator.IS, ("open", "in_progress")),
                Group(
                    Mode.ANY,
                    (
                        Condition("priority", Operator.IS, ("urgent",)),
                        Condition("assignee", Operator.EMPTY),
                    ),
                ),
            ),
        )
        assert written(tree) == text
        assert [one.position for one in tree.conditions()] == [5, 33, 49]

    def test_one_condition_alone(self) -> None:
        assert parsed("status:not:open") == Group(Mode.ALL, (Condition("status", Operator.NOT, ("open",)),))

    def test_spaces_say_nothing(self) -> None:
        assert parsed(' all ( a : "x y" | z , b : empty ) ') == parsed('all(a:"x y"|z,b:empty)')

    def test_the_name_of_an_operator_as_a_value(self) -> None:
        tree = Group(Mode.ALL, (Condition("name", Operator.IS, ("empty",)),))
        assert parsed('name:"empty"') == tree
        assert written(tree) == 'all(name:"empty")'

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("all()", "at character 5: expected a condition such as status:open, found “)”."),
            ("all(a:b", "at character 8: expected “,” or “)”, found the end."),
            ("all(a:b))", "at character 9: expected the end, found “)”."),
            ("a", "at character 2: expected “:” after “a”, found the end."),
            ("a:", "at character 3: expected a value, found the end."),
            ("a:b|", "at character 5: expected a value, found the end."),
            ('a:"b', 'at character 3: expected a closing quote, found “"b”.'),
            ("a:not", "at character 6: expected “:” and a value after “not”, found the end."),
            ("a:empty:b", "at character 8: expected the end, found “:b”."),
            ("all(any(all(a:b)))", "at character 9: groups are nested once, not deeper."),
            ("A:b", "at character 1: expected a condition such as status:open, found “A:b”."),
        ],
    )
    def test_nonsense_is_told_with_its_place(self, text: str, sentence: str) -> None:
        with pytest.raises(BadInput) as refused:
            parsed(text)
        assert str(refused.value) == f"Advanced filter, {sentence}"

    def test_bounds(self) -> None:
        assert len(list(parsed(f"all({','.join(['a:b'] * 20)})").conditions())) == 20
        with pytest.raises(BadInput, match="at most 20 conditions"):
            parsed(f"all({','.join(['a:b'] * 21)})")
        with pytest.raises(BadInput, match="at most 2,000 characters"):
            parsed(f"a:{'b' * LONGEST}")
        with pytest.raises(BadInput, match="nested once"):
            parsed("all(" * 400)
