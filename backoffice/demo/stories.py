"""The tickets of the demo data, before they are rows: who asked what, what was answered, how it stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import TypeVar

from backoffice.demo.clock import Clock
from backoffice.demo.library import Case, Scenario, Single, Vocabulary, scenarios, singles
from backoffice.demo.people import Person
from backoffice.demo.talk import Said, Talk
from backoffice.demo.words import slots
from models import TicketPriority, TicketStatus

TICKETS = 3_000

#: Up to how many days old, and the weights of open, in progress, waiting on customer, resolved, closed.
_STAGES = (
    (0.5, (75, 18, 4, 3, 0)),
    (2, (40, 32, 13, 15, 0)),
    (7, (15, 27, 18, 40, 0)),
    (14, (5, 10, 10, 60, 15)),
    (30, (2, 4, 3, 31, 60)),
    (999, (0.4, 1, 0.6, 6, 92)),
)
_STAFF_HOURS = {
    TicketPriority.URGENT: 0.7,
    TicketPriority.HIGH: 2.0,
    TicketPriority.MEDIUM: 5.0,
    TicketPriority.LOW: 14.0,
}
_CUSTOMER_HOURS = 9.0

T = TypeVar("T")


@dataclass(frozen=True)
class Line:
    """One comment, said at a moment."""

    author: Person
    text: str
    at: datetime
    is_internal: bool = False


@dataclass(frozen=True)
class Story:
    """One ticket with all that was said on it. `has_file` asks for an attachment, which the text mentions."""

    title: str
    text: str
    status: TicketStatus
    priority: TicketPriority
    customer: Person
    assignee: Person | None
    created_at: datetime
    tags: Sequence[str]
    lines: Sequence[Line]
    has_file: bool

    @property
    def last_change(self) -> datetime:
        return max((self.created_at, *(line.at for line in self.lines)))

    @property
    def resolved_at(self) -> datetime | None:
        return self.last_change if self.status.is_settled else None


class Storyteller:
    """Makes up the tickets, from one source of chance: the same seed tells the same stories."""

    def __init__(
        self, random: Random, vocabulary: Vocabulary, staff: Sequence[Person], customers: Sequence[Person]
    ) -> None:
        self._random = random
        self._vocabulary = vocabulary
        self._talk = Talk(random, vocabulary.phrases)
        self._desk = [person for person in staff if person.answers_tickets]
        self._customers = customers
        self._scenarios = scenarios()

    def tell(self, now: datetime) -> list[Story]:
        """All stories of the 90 days before `now`, oldest first."""
        clock = Clock(self._random, now)
        unique = singles()
        moments = clock.moments(TICKETS - len(unique))
        stories = [self._from_scenario(clock, moment) for moment in moments]
        stories += [self._from_single(clock, single) for single in unique]
        return sorted(stories, key=lambda story: story.created_at)

    def _from_scenario(self, clock: Clock, moment: datetime) -> Story:
        scenario = self._weighted(self._scenarios, [scenario.share for scenario in self._scenarios])
        case = self._random.choice(scenario.cases)
        customer = self._random.choice(self._customers)
        priority = self._weighted(list(TicketPriority), scenario.urgency)
        status = self._status((clock.now - moment) / timedelta(days=1))
        assignee = self._assignee(status, moment, clock)
        words = {**slots(self._random, self._vocabulary, customer, moment)}
        words["agent"] = assignee.first_name if assignee else "Fernhill"
        has_file = self._random.random() < 0.055
        said = self._talk.lines(status, scenario, case, has_assignee=assignee is not None)
        return Story(
            title=self._title(case, words),
            text=self._description(scenario, case, words, has_file=has_file),
            status=status,
            priority=priority,
            customer=customer,
            assignee=assignee,
            created_at=moment,
            tags=scenario.tags,
            lines=self._spoken(
                clock, moment, priority, customer, assignee, [line.filled(words) for line in said]
            ),
            has_file=has_file,
        )

    def _from_single(self, clock: Clock, single: Single) -> Story:
        age = self._random.uniform(1, 60) if single.age is None else single.age
        moment = clock.now - timedelta(days=age)
        customer = next(
            (person for person in self._customers if person.email == single.guest),
            self._random.choice(self._customers),
        )
        assignee = self._random.choice(self._active_desk()) if single.replies else None
        said = [Said(text, by_customer=position % 2 == 1) for position, text in enumerate(single.replies)]
        return Story(
            title=single.title,
            text=single.text,
            status=_status_of_single(single, age),
            priority=single.priority,
            customer=customer,
            assignee=assignee,
            created_at=moment,
            tags=single.tags,
            lines=self._spoken(clock, moment, single.priority, customer, assignee, said),
            has_file=False,
        )

    def _status(self, age_days: float) -> TicketStatus:
        weights = next(weights for limit, weights in _STAGES if age_days < limit)
        return self._weighted(list(TicketStatus), weights)

    def _assignee(self, status: TicketStatus, moment: datetime, clock: Clock) -> Person | None:
        if status is TicketStatus.OPEN and self._random.random() < 0.7:
            return None
        # Who has left the desk since then still stands on old tickets.
        is_old = clock.now - moment > timedelta(days=45) and status is TicketStatus.CLOSED
        return self._random.choice(self._desk if is_old else self._active_desk())

    def _active_desk(self) -> list[Person]:
        return [person for person in self._desk if person.is_active]

    def _title(self, case: Case, words: Mapping[str, str]) -> str:
        title = self._random.choice(case.titles)
        if "{" not in title or self._random.random() < 0.15:
            title += self._random.choice(
                (" in {town}", " – {shop}", " ({shop}, {town})", " ({colleague} asks)")
            )
        return title.format_map(words)

    def _description(
        self, scenario: Scenario, case: Case, words: Mapping[str, str], *, has_file: bool
    ) -> str:
        details = self._random.sample(scenario.details, self._random.randint(0, 2))
        plea = self._talk.phrase("pleas") if self._random.random() < 0.5 else ""
        attached = self._talk.phrase("attached") if has_file else ""
        body = " ".join(filter(None, (*details, attached, plea)))
        paragraphs = (self._talk.phrase("greetings"), case.problem, body, self._talk.phrase("signatures"))
        return "\n\n".join(filter(None, paragraphs)).format_map(words)

    def _spoken(
        self,
        clock: Clock,
        begun: datetime,
        priority: TicketPriority,
        customer: Person,
        assignee: Person | None,
        said: Sequence[Said],
    ) -> list[Line]:
        hours = [_CUSTOMER_HOURS if line.by_customer else _STAFF_HOURS[priority] for line in said]
        speaker = assignee or self._desk[0]
        return [
            Line(customer if line.by_customer else speaker, line.text, moment, line.is_internal)
            for line, moment in zip(said, clock.conversation(begun, hours), strict=True)
        ]

    def _weighted(self, choices: Sequence[T], weights: Sequence[float]) -> T:
        return self._random.choices(choices, weights)[0]


def _status_of_single(single: Single, age_days: float) -> TicketStatus:
    """As the conversation left it: unanswered, answered by staff last, or by the customer last."""
    if not single.replies:
        return TicketStatus.OPEN
    if len(single.replies) % 2 == 0:
        return TicketStatus.CLOSED
    return TicketStatus.WAITING_ON_CUSTOMER if age_days < 6 else TicketStatus.RESOLVED
