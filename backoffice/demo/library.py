"""What the demo data is made of, as it stands in the TOML files of this folder."""

import tomllib
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from models import TicketPriority

_FOLDER = Path(__file__).parent


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Case(_Entry):
    """One conversation: what a customer writes, and how it goes on."""

    titles: list[str]
    problem: str
    question: str
    answer: str
    note: str
    fix: str


class Scenario(_Entry):
    """A kind of trouble. `share` weighs it; `urgency` weighs low, medium, high and urgent.

    What is a fault may go away by itself; a question or an order does not.
    """

    share: int
    urgency: tuple[int, int, int, int]
    tags: list[str]
    is_fault: bool = True
    details: list[str]
    cases: list[Case]


class Single(_Entry):
    """A ticket that exists once. `replies` are staff's and the customer's in turn; `age` is in days."""

    title: str
    text: str
    priority: TicketPriority
    tags: list[str]
    replies: list[str]
    guest: str | None = None
    age: float | None = None


class Employee(_Entry):
    name: str
    email: str
    group: str
    time_zone: str = "UTC"
    is_active: bool = True


class Guest(_Entry):
    name: str
    email: str


class Vocabulary(_Entry):
    """People by name, and lists of words and phrases. A tag has a colour and a description."""

    staff: list[Employee]
    guest: list[Guest]
    words: dict[str, list[str]]
    phrases: dict[str, list[str]]
    tags: dict[str, tuple[str, str]]


class _Scenarios(_Entry):
    scenario: list[Scenario]


class _Singles(_Entry):
    ticket: list[Single]


@cache
def vocabulary() -> Vocabulary:
    return Vocabulary.model_validate(_read("vocabulary.toml"))


def scenarios() -> list[Scenario]:
    return _Scenarios.model_validate(_read("scenarios.toml")).scenario


def singles() -> list[Single]:
    return _Singles.model_validate(_read("singles.toml")).ticket


def _read(name: str) -> dict[str, object]:
    return tomllib.loads((_FOLDER / name).read_text("utf-8"))
