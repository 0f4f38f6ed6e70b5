"""Values of a file as values of ours: texts, moments, people, tags; or a sentence that says what is wrong."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from typing import Any, Final
from zoneinfo import ZoneInfo

from backoffice.accounts.people import LONGEST_NAME, normalise_email
from backoffice.desk.importing.plan import TagsBy
from backoffice.desk.importing.survey import in_text
from backoffice.errors import BadInput

LONGEST_TAG: Final = 100
MOST_TAGS: Final = 100
#: Beside ISO 8601. A day before its month, or after it: nobody can tell, so neither is among them.
_FORMATS: Final = (
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
)
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SEPARATORS: Final = {TagsBy.SIGNS: re.compile(r"~~~|[,;|\n]"), TagsBy.BLANKS: re.compile(r"\s+")}
#: NUL, and halves of signs.
_UNKEEPABLE: Final = re.compile("[\x00\ud800-\udfff]")
_YES: Final = frozenset({"yes", "true", "1", "y", "t", "active", "on"})
_NO: Final = frozenset({"no", "false", "0", "n", "f", "inactive", "off"})
_STAFF: Final = frozenset({"staff", "agent", "admin", "administrator", "light agent"})
_CUSTOMER: Final = frozenset({"customer", "end-user", "end user", "enduser", "user"})
#: What stands for nobody in other programs' exports.
_NOBODY: Final = frozenset({"-", "--", "nobody", "none", "null", "unassigned"})

#: An address, a name, or both; what is not known is empty.
Person = dict[str, str]


def text_of(value: Any) -> str:
    """A value as text without blanks around it; BadInput for what no text in the database can hold."""
    text = in_text(value).strip()
    if _UNKEEPABLE.search(text):
        raise BadInput("holds a character that cannot be kept (NUL, or half of one)")
    return text


def line_of(value: Any, longest: int) -> str:
    """A text on one line of at most so many characters."""
    return bounded(" ".join(text_of(value).split()), longest)


def bounded(text: str, longest: int) -> str:
    if len(text) > longest:
        raise BadInput(f"has {len(text):,} characters, and at most {longest:,} are kept")
    return text


def moment_of(value: Any, time_zone: str) -> datetime | None:
    """A moment in UTC, of `time_zone` where it names none; None for nothing."""
    text = text_of(value)
    if not text or text == "-":
        return None
    found = _parsed(text)
    if found is None:
        raise BadInput(f"is no moment that is understood: “{text[:40]}” (write it like 2026-05-31 14:30)")
    try:
        moment = (found if found.tzinfo else found.replace(tzinfo=ZoneInfo(time_zone))).astimezone(UTC)
    except (OverflowError, ValueError):
        raise BadInput(f"is a moment that no calendar has: “{text[:40]}”") from None
    if not _EARLIEST <= moment <= datetime.now(UTC) + timedelta(days=1):
        raise BadInput(f"lies before 1970, or in the future: “{text[:40]}”")
    return moment


def _parsed(text: str) -> datetime | None:
    text = text.removesuffix(" UTC").removesuffix(" GMT") + ("Z" if text.endswith((" UTC", " GMT")) else "")
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    for known in _FORMATS:
        try:
            return datetime.strptime(text, known)  # noqa: DTZ007 - the zone is added by who asked
        except ValueError:
            continue
    return None


def flag_of(value: Any) -> bool | None:
    """Yes or no; None for nothing."""
    text = text_of(value).lower()
    if not text:
        return None
    if text in _YES or text in _NO:
        return text in _YES
    raise BadInput(f"is neither yes nor no: “{text[:40]}”")


def is_staff_of(value: Any) -> bool | None:
    """Whether a role is one of staff; of several the strongest counts. None for nothing."""
    roles = [role.strip() for role in re.split(r"~~~|[,;|]", text_of(value).lower()) if role.strip()]
    if not roles:
        return None
    if all(role in _CUSTOMER or role in _STAFF for role in roles):
        return any(role in _STAFF for role in roles)
    return flag_of(value)


def person_of(value: Any) -> Person | None:
    """Somebody by their address, their name, or both (`Ana <ana@example.com>`); None for nobody."""
    text = " ".join(text_of(value).split())
    if not text or text.lower() in _NOBODY:
        return None
    if "@" not in text:
        return {"email": "", "name": name_of(text)}
    name, address = parseaddr(text) if "<" in text else ("", text)
    return {"email": email_of(address), "name": name_of(name)}


def email_of(value: Any) -> str:
    try:
        return normalise_email(text_of(value))
    except BadInput:
        raise BadInput(f"is no e-mail address: “{text_of(value)[:60]}”") from None


def name_of(value: Any) -> str:
    name = line_of(value, LONGEST_NAME)
    if not name.isprintable():
        raise BadInput("holds a character that no name has")
    return name


def tags_of(value: Any, separated: TagsBy) -> list[str]:
    """Names of tags, each once, in their order."""
    found: Iterable[Any] = value if isinstance(value, list) else _SEPARATORS[separated].split(text_of(value))
    tags = [*dict.fromkeys(tag for each in found if (tag := line_of(each, LONGEST_TAG)))]
    if len(tags) > MOST_TAGS:
        raise BadInput(f"names {len(tags)} tags, and at most {MOST_TAGS} are put on a ticket")
    return tags
