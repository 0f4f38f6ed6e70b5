"""Operations on many rows at once: what would change, and doing it, in one transaction."""

from backoffice.operations.bulk import BulkVerb, Counts, Selection, chosen, keys, lock, preview, run
from backoffice.operations.frozen import find_frozen, freeze

__all__ = [
    "BulkVerb",
    "Counts",
    "Selection",
    "chosen",
    "find_frozen",
    "freeze",
    "keys",
    "lock",
    "preview",
    "run",
]
