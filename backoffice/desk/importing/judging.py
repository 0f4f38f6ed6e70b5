"""What a verdict is made of, for tickets and people alike."""

from collections.abc import Sequence
from dataclasses import dataclass

from backoffice.desk.importing.plan import Matching, Plan
from backoffice.desk.importing.wanted import Wanted
from models import Verdict


@dataclass(frozen=True)
class Judged:
    """What is to be done with a row, why, and with which record, in which version of it."""

    verdict: Verdict
    reason: str = ""
    record_id: int | None = None
    version: int | None = None


def beforehand(wanted: Wanted) -> Judged | None:
    """The verdict that needs no look at the database; None where it takes one."""
    if wanted.left_out:
        return Judged(Verdict.SKIP, wanted.left_out)
    return refused(wanted.problems) if wanted.problems else None


def refused(problems: Sequence[str]) -> Judged:
    return Judged(Verdict.ERROR, "; ".join(problems))


def not_matched(plan: Plan, record_id: int, noun: str) -> Judged | None:
    """The verdict on a row whose record is there, where such rows change nothing; else None."""
    if plan.matching is Matching.SKIP:
        return Judged(Verdict.SKIP, f"this {noun} is there already", record_id)
    if plan.matching is Matching.REFUSE:
        return Judged(Verdict.ERROR, f"this {noun} is there already", record_id)
    return None


def in_words(names: Sequence[str]) -> str:
    """What changes, such as `status, tags`."""
    return ", ".join(name.replace("_", " ") for name in names)
