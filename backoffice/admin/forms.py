"""Forms, built fresh for each request from what a view declares."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Section:
    """A part of a form: the names of columns, relations and extra fields, from top to bottom."""

    title: str
    fields: Sequence[str]
    description: str = ""
