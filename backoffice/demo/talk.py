"""How a conversation on a ticket goes, as far as its status lets it: questions, answers, notes, farewells."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from backoffice.demo.library import Case, Scenario
from models import TicketStatus


@dataclass(frozen=True)
class Said:
    """A comment before it has an author and a moment."""

    text: str
    by_customer: bool = False
    is_internal: bool = False

    def filled(self, words: Mapping[str, str]) -> "Said":
        """The same with `words` in the place of the braces."""
        return Said(self.text.format_map(words), self.by_customer, self.is_internal)


class Talk:
    """Draws what is said."""

    def __init__(self, random: Random, phrases: Mapping[str, Sequence[str]]) -> None:
        self._random = random
        self._phrases = phrases

    def phrase(self, kind: str) -> str:
        """One of the phrases of that kind, with braces."""
        return self._random.choice(self._phrases[kind])

    def lines(
        self, status: TicketStatus, scenario: Scenario, case: Case, *, has_assignee: bool
    ) -> Iterator[Said]:
        """What was said until now on a ticket of that status, with braces."""
        if status.is_settled:
            yield from self._settled(scenario, case)
        elif status is TicketStatus.WAITING_ON_CUSTOMER:
            yield from self._sometimes(0.3, lambda: _note(self.phrase("remarks")))
            yield self._letter(case.question)
        elif status is TicketStatus.IN_PROGRESS:
            yield from self._sometimes(0.7, lambda: self._letter(case.question), lambda: _answer(case.answer))
            yield from self._sometimes(0.5, lambda: _note(case.note))
        else:
            yield from self._sometimes(0.2, lambda: _answer(self.phrase("reminders")))
            yield from self._sometimes(0.3 * has_assignee, lambda: _note(self.phrase("remarks")))

    def _settled(self, scenario: Scenario, case: Case) -> Iterator[Said]:
        die = self._random.random()
        if die < 0.6:
            yield from (self._letter(case.question), _answer(case.answer))
            yield from self._sometimes(0.4, lambda: _note(case.note))
            yield self._letter(case.fix)
            yield from self._sometimes(0.3, lambda: _answer(self.phrase("thanks")))
        elif die < 0.75 and scenario.is_fault:
            yield from (_answer(self.phrase("withdrawals")), self._letter(self.phrase("acknowledgements")))
        elif die < 0.9:
            yield from (self._letter(case.question), self._letter(self.phrase("unheard")))
        else:
            yield self._letter(self.phrase("duplicates"))

    def _sometimes(self, chance: float, *lines: Callable[[], Said]) -> list[Said]:
        return [line() for line in lines] if self._random.random() < chance else []

    def _letter(self, text: str) -> Said:
        return Said(f"{self.phrase('salutations')}\n\n{text}\n\n{self.phrase('farewells')}")


def _answer(text: str) -> Said:
    return Said(text, by_customer=True)


def _note(text: str) -> Said:
    return Said(text, is_internal=True)
