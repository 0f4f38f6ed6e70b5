"""Records as they were at a moment, worked out from what they are and the history since; and the way back."""

from backoffice.audit.past.as_of import Past, as_of, past_of
from backoffice.audit.past.family import Family, family_of
from backoffice.audit.past.images import Image, Presence, Unknown
from backoffice.audit.past.moments import Cutoff, Step, steps_around

__all__ = [
    "Cutoff",
    "Family",
    "Image",
    "Past",
    "Presence",
    "Step",
    "Unknown",
    "as_of",
    "family_of",
    "past_of",
    "steps_around",
]
