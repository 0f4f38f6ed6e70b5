"""Text as people and programs type it, made fit to be stored."""

from typing import Final

LONGEST_EMAIL: Final = 255


def storable(text: str, length: int) -> str:
    """The first `length` characters; what PostgreSQL or a page can't show becomes a replacement sign."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text[:length])


def sought_email(typed: str) -> str:
    """What an email address is looked up as, whatever was typed; too long a one matches nothing.

    The search for the account and its throttle share this, lest two spellings of one account get
    two rounds of attempts.
    """
    return storable(typed.strip().lower(), LONGEST_EMAIL + 1)
