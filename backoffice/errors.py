"""Errors that a person can do something about; each carries the sentence that they are shown.

    BackofficeError
    ├── BadInput             what was asked makes no sense (400)
    ├── NotAllowed           this person may not do this (403)
    ├── NotFound             there is no such thing, or not for this person (404)
    ├── Conflict             somebody or something got there first (409)
    ├── TooLarge             more than the limit allows (413)
    ├── TooManyAttempts      slow down (429)
    └── ConfigurationError   the deployment is wrong; never shown on a page

Anything else that is raised is a bug: it is logged with its request id and shown as a page that
gives nothing away.
"""

from typing import ClassVar


class BackofficeError(Exception):
    """Base of all expected errors. `str(error)` is a sentence for the user."""

    status_code: ClassVar[int] = 400


class BadInput(BackofficeError):
    """What was asked makes no sense. `fields` holds a sentence per form field, where one is known."""

    def __init__(self, sentence: str, *, fields: dict[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.fields = fields or {}


class NotAllowed(BackofficeError):
    status_code = 403


class NotFound(BackofficeError):
    status_code = 404


class Conflict(BackofficeError):
    status_code = 409


class TooLarge(BackofficeError):
    status_code = 413


class TooManyAttempts(BackofficeError):
    """Too many attempts; `retry_after` says in how many seconds the next one is looked at."""

    status_code = 429

    def __init__(self, sentence: str, *, retry_after: int) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class ConfigurationError(BackofficeError):
    """The deployment is wrong; the sentence names what mends it."""

    status_code = 500
