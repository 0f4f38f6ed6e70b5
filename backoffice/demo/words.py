"""Filling the braces of a scenario: names, numbers, days and places that stay the same within a ticket."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random

from backoffice.demo.library import Vocabulary
from backoffice.demo.people import Person

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_SERIALS = {
    "plover": "PLV",
    "dunlin": "DNL",
    "finch": "FNC",
    "wren": "WRN",
    "curlew": "CRL",
    "scale": "SCL",
}


def slots(random: Random, vocabulary: Vocabulary, customer: Person, at: datetime) -> Mapping[str, str]:
    """What stands for each word in braces, for a ticket of `customer`'s, written at that moment."""
    words = vocabulary.words
    place = random.choice(words["places"])
    article, article2 = random.sample(words["articles"], 2)
    newest = random.randrange(1, len(words["versions"]))
    return {
        "first": customer.first_name,
        "full_name": customer.full_name,
        "shop": customer.shop,
        "town": customer.town,
        "colleague": random.choice(words["colleagues"]),
        "place": place,
        "place_cap": _capitalised(place),
        "article": article,
        "article_cap": _capitalised(article),
        "article2": article2,
        "system": random.choice(words["systems"]),
        "browser": random.choice(words["browsers"]),
        "version": words["versions"][newest],
        "old_version": words["versions"][newest - 1],
        **_numbers(random, at),
        **_days(random, at),
    }


def _numbers(random: Random, at: datetime) -> dict[str, str]:
    return {
        "n": str(random.randint(2, 9)),
        "many": str(random.randint(11, 240)),
        "minutes": str(random.randint(10, 55)),
        "amount": f"€{random.randint(4, 900)}.{random.choice(('00', '20', '50', '90', '95', '99'))}",
        "error": f"E-{random.randint(1001, 1999)}",
        "order": f"FH-{random.randint(20000, 79999)}",
        "invoice": f"R-{at.year}-{random.randint(1000, 9999):05}",
        **{device: f"{prefix}-{random.randint(10000, 99999)}" for device, prefix in _SERIALS.items()},
        "request": f"{random.getrandbits(32):08x}",
    }


def _days(random: Random, at: datetime) -> dict[str, str]:
    return {
        "time": f"{random.randint(7, 18):02}:{random.choice(range(0, 60, 5)):02}",
        "weekday": _WEEKDAYS[(at - timedelta(days=random.randint(1, 4))).weekday()],
        "month": _MONTHS[(at.month - 2) % 12],
        "next_month": _MONTHS[at.month % 12],
    }


def _capitalised(text: str) -> str:
    return text[0].upper() + text[1:]
