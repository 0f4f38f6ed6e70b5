"""How far something long is, for whoever looks."""

from collections.abc import Callable

#: Called with how many entries are done, and how many there are, as far as is known.
Progress = Callable[[int, int], None]


def nobody_looks(done: int, total: int) -> None:
    """For whoever does not want to know."""
