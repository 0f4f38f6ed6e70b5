"""Passwords: which ones are good enough, and their Argon2id hashes."""

import asyncio
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, ParamSpec, TypeVar
from unicodedata import normalize

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from argon2.profiles import RFC_9106_LOW_MEMORY

from backoffice.errors import BadInput

P = ParamSpec("P")
R = TypeVar("R")

HASHER = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)

SHORTEST: Final = 12
LONGEST: Final = 200
FEWEST_DIFFERENT: Final = 4

#: Long enough, and among the first that anybody tries (or, as the demo's, published by ourselves).
COMMON: Final = frozenset(Path(__file__).with_name("common_passwords.txt").read_text("ascii").split())

# Each hash takes 64 MiB while it is made: a rush of sign-ins must not take the memory of the machine.
_WORKERS = ThreadPoolExecutor(max_workers=4, thread_name_prefix="argon2")


def check_password(password: str, *, email: str, full_name: str) -> None:
    """Raise BadInput, with a sentence for the field `password`, unless it is good enough for this person."""
    sentence = _objection(normalize("NFC", password[: 2 * LONGEST]), email, full_name)
    if sentence:
        raise BadInput(sentence, fields={"password": sentence})


async def hash_password(password: str) -> str:
    """The Argon2id hash (PHC string), made off the event loop."""
    return await _off_the_loop(_hash, password)


async def verify_password(password_hash: str, password: str) -> bool:
    """Whether `password` has this hash; as much work where the hash is empty or of no kind that we know."""
    return await _off_the_loop(_verify, password_hash, password)


def needs_rehash(password_hash: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return HASHER.check_needs_rehash(password_hash)


def _objection(password: str, email: str, full_name: str) -> str | None:
    if len(password) < SHORTEST:
        return f"Use at least {SHORTEST} characters."
    if len(password) > LONGEST:
        return f"Use at most {LONGEST} characters."
    if len(set(password.casefold())) < FEWEST_DIFFERENT:
        return "This password repeats the same few characters. Use more different ones."
    if password.casefold() in COMMON:
        return "This password is among the first that anybody would try. Choose another."
    if _bare(password) in {_bare(email), _bare(email.partition("@")[0]), _bare(full_name)}:
        return "This password is the name or the email address of the account. Choose another."
    return None


def _bare(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold())) or text


async def _off_the_loop(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    return await asyncio.get_running_loop().run_in_executor(_WORKERS, lambda: function(*args, **kwargs))


def _hash(password: str) -> str:
    return HASHER.hash(_canonical(password))


def _verify(password_hash: str, password: str) -> bool:
    known = _is_known(password_hash)
    try:
        HASHER.verify(password_hash if known else _hash_of_nothing(), _canonical(password))
    except VerifyMismatchError:
        return False
    return known


def _is_known(password_hash: str) -> bool:
    try:
        extract_parameters(password_hash)
    except InvalidHashError:
        return False
    return True


def _hash_of_nothing() -> str:
    """A hash that no password is known for, and that costs what a real one costs."""
    cost = f"m={HASHER.memory_cost},t={HASHER.time_cost},p={HASHER.parallelism}"
    return f"$argon2id$v=19${cost}${_zeros(HASHER.salt_len)}${_zeros(HASHER.hash_len)}"


def _zeros(length: int) -> str:
    return b64encode(bytes(length)).decode().rstrip("=")


def _canonical(password: str) -> bytes:
    """The same bytes for the same password from any keyboard; no more of it than one may have.

    Decomposed, a character is longer than it will be, hence not cut at LONGEST.
    """
    return normalize("NFC", password[: 2 * LONGEST]).encode("utf-8", "surrogatepass")
