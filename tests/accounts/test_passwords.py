import asyncio

import pytest
from argon2 import PasswordHasher
from argon2.profiles import RFC_9106_LOW_MEMORY

from backoffice.accounts.passwords import (
    COMMON,
    HASHER,
    SHORTEST,
    check_password,
    hash_password,
    needs_rehash,
    verify_password,
)
from backoffice.errors import BadInput
from tests.accounts.conftest import CountingHasher
from tests.accounts.steps import PASSWORD, WRONG

EMAIL = "gabriela.moreno@example.com"
NAME = "Gabriela Moreno"


class TestCheckPassword:
    @pytest.mark.parametrize("password", [PASSWORD, "x7!" * 4 + "abc", "пароль из слов", "a" * 150 + "bcd"])
    def test_accepts(self, password: str) -> None:
        check_password(password, email=EMAIL, full_name=NAME)

    @pytest.mark.parametrize(
        ("password", "sentence"),
        [
            ("", "Use at least 12 characters."),
            ("elevensigns", "Use at least 12 characters."),
            ("abcd" * 51, "Use at most 200 characters."),
            ("abcd" * 1_000_000, "Use at most 200 characters."),
            ("aaaaaaaaaaaa", "This password repeats the same few characters. Use more different ones."),
            ("aAbBaAbBaAbB", "This password repeats the same few characters. Use more different ones."),
            (
                "Password1234",
                "This password is among the first that anybody would try. Choose another.",
            ),
            (
                "backoffice-demo",
                "This password is among the first that anybody would try. Choose another.",
            ),
            (EMAIL.upper(), "This password is the name or the email address of the account. Choose another."),
            (
                "gabriela.moreno",
                "This password is the name or the email address of the account. Choose another.",
            ),
            (
                "Gabriela-Moreno!",
                "This password is the name or the email address of the account. Choose another.",
            ),
        ],
    )
    def test_refuses_with_a_sentence_at_the_field(self, password: str, sentence: str) -> None:
        with pytest.raises(BadInput) as refusal:
            check_password(password, email=EMAIL, full_name=NAME)
        assert refusal.value.fields == {"password": sentence}
        assert str(refusal.value) == sentence

    def test_knows_only_common_ones_that_nothing_else_refuses(self) -> None:
        assert len(COMMON) > 50
        assert [word for word in COMMON if len(word) < SHORTEST or word != word.casefold()] == []


class TestHashPassword:
    def test_is_argon2id_at_the_cost_that_the_standard_asks_of_a_server(self) -> None:
        encoded = HASHER.hash(PASSWORD)
        assert encoded.startswith("$argon2id$v=19$m=65536,t=3,p=4$")

    async def test_is_salted(self) -> None:
        assert await hash_password(PASSWORD) != await hash_password(PASSWORD)

    async def test_leaves_the_loop_free(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("backoffice.accounts.passwords.HASHER", HASHER)
        turns = 0
        hashing = asyncio.ensure_future(hash_password(PASSWORD))
        while not hashing.done():
            turns += 1
            await asyncio.sleep(0.001)
        assert turns > 3


class TestVerifyPassword:
    async def test_right(self) -> None:
        assert await verify_password(await hash_password(PASSWORD), PASSWORD)

    async def test_wrong(self) -> None:
        assert not await verify_password(await hash_password(PASSWORD), WRONG)

    @pytest.mark.parametrize("unknown", ["", "!", "$2b$12$abcdefghijklmnopqrstuv", "$argon2id$nonsense"])
    async def test_no_known_hash_takes_the_same_work(self, hasher: CountingHasher, unknown: str) -> None:
        real = await hash_password(PASSWORD)
        assert not await verify_password(unknown, PASSWORD)
        assert len(hasher.compared) == 1
        assert _cost(str(hasher.compared[0])) == _cost(real)

    async def test_no_hash_at_the_cost_of_the_application(self, monkeypatch: pytest.MonkeyPatch) -> None:
        costly = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        monkeypatch.setattr("backoffice.accounts.passwords.HASHER", costly)
        assert not await verify_password("", "")

    async def test_composed_or_not_is_one_password(self) -> None:
        assert await verify_password(await hash_password("caf\u00e9 au lait 12"), "cafe\u0301 au lait 12")

    @pytest.mark.parametrize("odd", ["\x00" * 12, "\ud800 alone in here", "🔑" * 12, "é" * 3_000_000])
    async def test_anything_typed_is_compared(self, odd: str) -> None:
        assert not await verify_password(await hash_password(PASSWORD), odd)


class TestNeedsRehash:
    async def test_same_parameters(self) -> None:
        assert not needs_rehash(await hash_password(PASSWORD))

    def test_other_parameters(self) -> None:
        assert needs_rehash(PasswordHasher(time_cost=1, memory_cost=16, parallelism=1).hash(PASSWORD))


def _cost(encoded: str) -> tuple[str, list[int]]:
    parameters, salt, digest = encoded.rsplit("$", 2)
    return parameters, [len(salt), len(digest)]
