"""What somebody typed to search for: words, "phrases" in quotes, and -words that must not be there."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import BindParameter, ColumnElement, Text, cast, func, literal, literal_column
from sqlalchemy.dialects.postgresql import TSQUERY

from backoffice.errors import BadInput

LONGEST_TERM: Final = 10_000
# PostgreSQL indexes no word of 2 kB or more, and refuses to look for one.
_LONGEST_WORD_BYTES: Final = 2_000
_LONGEST_ADDRESS: Final = 255
# A quote opens a phrase where a word could begin; one that nothing closes goes to the end.
_TOKEN: Final = re.compile(r'(?P<minus>-?)"(?P<phrase>[^"]*)(?:"|$)|(?P<word>\S+)')
# A whole ticket number goes no further; taken for beginnings, its parts would be those of very many words.
_NUMBER: Final = re.compile(r"[a-z]-\d{6,}", re.IGNORECASE)

SIMPLE: Final[ColumnElement[Any]] = literal_column("'simple'::regconfig")


@dataclass(frozen=True)
class Wanted:
    """A word or a phrase; of an unfinished one the beginning is enough."""

    text: str
    is_unfinished: bool = False

    def __str__(self) -> str:
        """Quoted for a tsquery, so that PostgreSQL splits it as it splits documents."""
        quoted = self.text.replace("\\", "\\\\").replace("'", "''")
        return f"'{quoted}'{':*' if self.is_unfinished else ''}"


@dataclass(frozen=True)
class Terms:
    """A search, taken apart. Nothing in it is a wildcard."""

    typed: str
    wanted: tuple[Wanted, ...]
    unwanted: tuple[Wanted, ...]

    @property
    def has_words(self) -> bool:
        """Whether an index of words can answer it; signs alone (`%`, 🔥) are in none."""
        return bool(self.wanted)

    @property
    def is_too_long(self) -> bool:
        """Whether it has a word that no index has."""
        longest = max((len(word.encode()) for one in self.wanted for word in one.text.split()), default=0)
        return longest > _LONGEST_WORD_BYTES

    @property
    def is_address(self) -> bool:
        """Whether it is an e-mail address, or the beginning of one."""
        is_one_word = len(self.wanted) == 1 and self.wanted[0].is_unfinished and not self.unwanted
        return is_one_word and "@" in self.typed and len(self.typed) <= _LONGEST_ADDRESS

    @property
    def only_word(self) -> str | None:
        """The one word that it is, as an index of words has it; None if it is anything else."""
        is_one = len(self.wanted) == 1 and self.wanted[0].is_unfinished and not self.unwanted
        return self.wanted[0].text.lower() if is_one and self.wanted[0].text.isalpha() else None

    @property
    def all_words(self) -> str:
        """What `asked` makes a tsquery of: of what has every word and phrase."""
        return joined(self.wanted)

    @property
    def any_word(self) -> str:
        """The same of what has one of them, as is marked in a text; of an address, what `begun` takes."""
        if self.is_address:
            return self.address_words
        # Of a word that is split at its signs (`T-000123`) each part would be taken for a beginning.
        return joined((one if one.text.isalnum() else Wanted(one.text) for one in self.wanted), "|")

    @property
    def no_words(self) -> str:
        """The same of what has one of the unwanted."""
        return joined(self.unwanted, "|")

    @property
    def address_words(self) -> str:
        """What `begun` makes a tsquery of: of e-mail addresses that begin so."""
        return str(Wanted(self.typed.lower(), is_unfinished=True))

    def all_of(self) -> ColumnElement[Any]:
        """A tsquery for what has every word and phrase."""
        return asked(self.all_words)

    def none_of(self) -> ColumnElement[Any]:
        """A tsquery for what has one of the unwanted."""
        return asked(self.no_words)

    def address(self) -> ColumnElement[Any]:
        """A tsquery for e-mail addresses that begin so."""
        return begun(self.address_words)


def joined(wanted: Iterable[Wanted], operator: str = "&") -> str:
    """All (or, with `|`, one) of what is wanted, for `asked`."""
    return f" {operator} ".join(map(str, wanted))


def asked(words: str | BindParameter[str]) -> ColumnElement[Any]:
    """The tsquery of words, which PostgreSQL splits as it splits documents."""
    return func.to_tsquery(SIMPLE, words)


def begun(words: str | BindParameter[str]) -> ColumnElement[Any]:
    """The tsquery of words as they stand: half an address would otherwise be split at its signs."""
    return cast(literal(words, Text) if isinstance(words, str) else words, TSQUERY)


def terms_of(typed: str) -> Terms:
    """Take a search apart; BadInput for what no text in the database can contain, and for endless ones."""
    _check(typed)
    tokens = [token for token in _TOKEN.finditer(typed) if _has_word(token[0])]
    wanted = [_wanted(token, is_last=token is tokens[-1]) for token in tokens if not _unwanted(token)]
    unwanted = [Wanted(text) for text in map(_unwanted, tokens) if text]
    if not wanted:
        # There is nothing to leave the unwanted out of: it is looked for as it stands.
        words = [word for word in typed.split() if _has_word(word)]
        wanted, unwanted = [Wanted(word, is_unfinished=word is words[-1]) for word in words], []
    return Terms(" ".join(typed.split()), tuple(wanted), tuple(unwanted))


def _check(typed: str) -> None:
    if len(typed) > LONGEST_TERM:
        raise BadInput(f"Search for at most {LONGEST_TERM:,} characters.")
    if "\x00" in typed or any("\ud800" <= character <= "\udfff" for character in typed):
        raise BadInput("The search contains a character that no text can contain.")


def _unwanted(token: re.Match[str]) -> str:
    """What follows a minus; empty where there is none."""
    word = token["word"] or ""
    return token["phrase"] if token["minus"] else word[1:] if word.startswith("-") else ""


def _wanted(token: re.Match[str], *, is_last: bool) -> Wanted:
    if not token["word"]:
        return Wanted(token["phrase"])
    return Wanted(token["word"], is_unfinished=is_last and not _NUMBER.fullmatch(token["word"]))


def _has_word(text: str) -> bool:
    return any(character.isalnum() for character in text)
