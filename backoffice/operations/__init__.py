"""Operations on many rows at once: what would change, and doing it, in one transaction."""

from backoffice.operations.bulk import BulkVerb, Counts, Selection, chosen, keys, lock, preview, run

__all__ = ["BulkVerb", "Counts", "Selection", "chosen", "keys", "lock", "preview", "run"]
