"""Reading an advanced filter from its text.

    where     = group | condition
    group     = ("all" | "any") "(" item {"," item} ")"        an item: condition; outermost also group
    condition = field ":" [operator ":"] value {"|" value}     without an operator: is
              | field ":" ("empty" | "not-empty")
    value     = letters, digits, _ . @ + -                     or anything in double quotes, with \\" and \\\\

Spaces between these parts say nothing. A value that is the name of an operator stands in quotes.
"""

import re
from typing import Final

from backoffice.admin.filters.operators import PRESENCE, Operator
from backoffice.admin.where.tree import BARE, LONGEST, MOST_CONDITIONS, Condition, Group, Mode
from backoffice.errors import BadInput

_SPACE: Final = re.compile(r"\s*")
_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*")
_OPENING: Final = re.compile(r"(all|any)\s*\(")
_OPERATOR: Final = re.compile(r"(" + "|".join(map(re.escape, Operator)) + r")(?=\s*([:,)|]|$))")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
_ESCAPED: Final = re.compile(r"\\(.)")


def parsed(text: str) -> Group:
    """What `text` asks; BadInput, which says where, if it is none of this."""
    if len(text) > LONGEST:
        raise BadInput(f"Advanced filter: it takes at most {LONGEST:,} characters.")
    tree = _Reader(text).whole()
    if sum(1 for _ in tree.conditions()) > MOST_CONDITIONS:
        raise BadInput(f"Advanced filter: it takes at most {MOST_CONDITIONS} conditions.")
    return tree


class _Reader:
    """Goes through the text once, from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def whole(self) -> Group:
        item = self._item(depth=0)
        self._skip()
        if self.at < len(self.text):
            raise self._error("the end")
        return item if isinstance(item, Group) else Group(Mode.ALL, (item,))

    def _item(self, depth: int) -> Condition | Group:
        self._skip()
        opening = _OPENING.match(self.text, self.at)
        if opening is None:
            return self._condition()
        if depth == 2:
            raise BadInput(f"{self._here()}: groups are nested once, not deeper.")
        self.at = opening.end()
        items = [self._item(depth + 1)]
        while self._takes(","):
            items.append(self._item(depth + 1))
        if not self._takes(")"):
            raise self._error("“,” or “)”")
        return Group(Mode(opening[1]), tuple(items))

    def _condition(self) -> Condition:
        position = self.at + 1
        name = self._match(_NAME, "a condition such as status:open")[0]
        if not self._takes(":"):
            raise self._error(f"“:” after “{name[:40]}”")
        operator = self._operator()
        if operator in PRESENCE:
            return Condition(name, operator, (), position)
        values = [self._value()]
        while self._takes("|"):
            values.append(self._value())
        return Condition(name, operator, tuple(values), position)

    def _operator(self) -> Operator:
        self._skip()
        found = _OPERATOR.match(self.text, self.at)
        if found is None:
            return Operator.IS
        self.at = found.end()
        operator = Operator(found[1])
        if operator not in PRESENCE and not self._takes(":"):
            raise self._error(f"“:” and a value after “{operator}”")
        return operator

    def _value(self) -> str:
        self._skip()
        if self.text.startswith('"', self.at):
            quoted = self._match(_QUOTED, "a closing quote")[1]
            return _ESCAPED.sub(r"\1", quoted)
        return self._match(BARE, "a value")[0]

    def _match(self, pattern: re.Pattern[str], expected: str) -> re.Match[str]:
        self._skip()
        found = pattern.match(self.text, self.at)
        if found is None:
            raise self._error(expected)
        self.at = found.end()
        return found

    def _takes(self, sign: str) -> bool:
        self._skip()
        if not self.text.startswith(sign, self.at):
            return False
        self.at += 1
        return True

    def _skip(self) -> None:
        space = _SPACE.match(self.text, self.at)
        self.at = space.end() if space else self.at

    def _error(self, expected: str) -> BadInput:
        rest = self.text[self.at : self.at + 20]
        found = f"“{rest}”" if rest else "the end"
        return BadInput(f"{self._here()}: expected {expected}, found {found}.")

    def _here(self) -> str:
        return f"Advanced filter, at character {self.at + 1}"
