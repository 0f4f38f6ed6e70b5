"""Records as they were at a moment, worked out from what they are and the history since; and the way back."""

from backoffice.audit.past.as_of import Past, as_of, past_before, past_of
from backoffice.audit.past.bring_back import Return, before_deletion, bring_back, deletion_of, plan_return
from backoffice.audit.past.family import Family, family_of
from backoffice.audit.past.images import Image, Presence, Unknown
from backoffice.audit.past.moments import Cutoff, Step, cutoff_at, steps_around
from backoffice.audit.past.obstacles import Refusal

__all__ = [
    "Cutoff",
    "Family",
    "Image",
    "Past",
    "Presence",
    "Refusal",
    "Return",
    "Step",
    "Unknown",
    "as_of",
    "before_deletion",
    "bring_back",
    "cutoff_at",
    "deletion_of",
    "family_of",
    "past_before",
    "past_of",
    "plan_return",
    "steps_around",
]
