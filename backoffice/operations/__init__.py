"""Operations on many rows at once: what would change, and doing it, in one transaction."""

from backoffice.operations.bulk import (
    BulkVerb,
    Counts,
    Selection,
    Verdicts,
    chosen,
    keys,
    lock,
    preview,
    run,
    run_each,
)
from backoffice.operations.frozen import find_frozen, freeze
from backoffice.operations.verbs import NamedVerb, VerbMaker

__all__ = [
    "BulkVerb",
    "Counts",
    "NamedVerb",
    "Selection",
    "VerbMaker",
    "Verdicts",
    "chosen",
    "find_frozen",
    "freeze",
    "keys",
    "lock",
    "preview",
    "run",
    "run_each",
]
