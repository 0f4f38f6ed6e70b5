"""What a primary key can be: a number that PostgreSQL's `bigint` holds, not below zero."""

from typing import Final

LARGEST_KEY: Final = 2**63 - 1
_DIGITS: Final = len(str(LARGEST_KEY))


def is_key(text: str) -> bool:
    """Whether `text`, from an address or a form, can be a key.

    Longer digits are not even converted: that takes time, and Python refuses some.
    """
    return text.isascii() and text.isdigit() and len(text) <= _DIGITS and int(text) <= LARGEST_KEY
