"""The people of the demo data: twelve of the support desk, and the customers with their shops."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from backoffice.demo.library import Employee, Guest, Vocabulary

CUSTOMERS = 188

_SPELLED = str.maketrans("øæßłı", "oasli")


@dataclass(frozen=True)
class Person:
    """Somebody who writes: staff if `group` is given, otherwise a customer with a shop."""

    email: str
    full_name: str
    created_at: datetime
    shop: str = "Fernhill"
    town: str = ""
    group: str | None = None
    time_zone: str = "UTC"
    is_active: bool = True

    @property
    def first_name(self) -> str:
        return self.full_name.split()[0]

    @property
    def answers_tickets(self) -> bool:
        return self.group in {"Agents", "Supervisors"}


def staff(vocabulary: Vocabulary, now: datetime) -> list[Person]:
    """The support desk, in the order of the file; all of them older than any ticket."""
    return [
        _employee(employee, now - timedelta(days=900 - 37 * position))
        for position, employee in enumerate(vocabulary.staff)
    ]


def customers(random: Random, vocabulary: Vocabulary, now: datetime) -> list[Person]:
    """The customers, each with a shop of another name; a few accounts are no longer active."""
    words = vocabulary.words
    shops = [f"{first} {second}" for first in words["shop_adjectives"] for second in words["shop_nouns"]]
    names = [f"{first} {last}" for first in words["first_names"] for last in words["last_names"]]
    random.shuffle(shops)
    invented = [
        Guest(name=name, email=_email(name, shop))
        for name, shop in zip(random.sample(names, CUSTOMERS - len(vocabulary.guest)), shops, strict=False)
    ]
    return [
        Person(
            email=guest.email,
            full_name=guest.name,
            created_at=now - timedelta(days=random.uniform(92, 900)),
            shop=shop,
            town=random.choice(words["towns"]),
            is_active=random.random() > 0.03,
        )
        for guest, shop in zip(invented + vocabulary.guest, shops, strict=False)
    ]


def _employee(employee: Employee, created_at: datetime) -> Person:
    return Person(
        email=employee.email,
        full_name=employee.name,
        created_at=created_at,
        group=employee.group,
        time_zone=employee.time_zone,
        is_active=employee.is_active,
    )


def _email(name: str, shop: str) -> str:
    return f"{_ascii(name, '.')}@{_ascii(shop, '-')}.example"


def _ascii(text: str, separator: str) -> str:
    # Ø, æ and their like have no decomposition; one letter will do for an address.
    spelled = text.lower().translate(_SPELLED)
    plain = unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z]+", separator, plain).strip(separator)
