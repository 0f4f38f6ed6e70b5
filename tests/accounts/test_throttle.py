import asyncio
from datetime import timedelta
from time import monotonic

import asyncpg
import pytest

from backoffice.accounts import throttle
from backoffice.database import SessionFactory, transaction
from backoffice.errors import TooManyAttempts
from tests.accounts.steps import change

EMAIL = "ana@example.com"
ADDRESS = "192.0.2.7"


async def fail(factory: SessionFactory, email: str = EMAIL, address: str | None = ADDRESS) -> None:
    """An attempt that goes wrong, if it is admitted."""
    async with transaction(factory, change()) as session:
        await throttle.begin_attempt(session, email=email, address=address)
        await throttle.count_failure(session, address=address)


async def seconds_to_wait(factory: SessionFactory, email: str = EMAIL, address: str | None = ADDRESS) -> int:
    try:
        await fail(factory, email, address)
    except TooManyAttempts as refusal:
        return refusal.retry_after
    return 0


async def waits_within(
    factory: SessionFactory, seconds: int, email: str = EMAIL, **fields: str | None
) -> bool:
    """Whether the next attempt is told to wait so long; less by what this machine takes to ask."""
    started = monotonic()
    told = await seconds_to_wait(factory, email, **fields)
    return seconds - (monotonic() - started) <= told <= seconds


async def set_failures(
    owner: asyncpg.Connection, key: str, failures: int, ago: timedelta = timedelta(0)
) -> None:
    await owner.execute(
        "INSERT INTO login_throttles VALUES ($1, $2, clock_timestamp() - $3::interval) ON CONFLICT (key)"
        " DO UPDATE SET failures = excluded.failures, last_failed_at = excluded.last_failed_at",
        key,
        failures,
        ago,
    )


async def failures(owner: asyncpg.Connection) -> dict[str, int]:
    return dict(await owner.fetch("SELECT key, failures FROM login_throttles"))


class TestByAccount:
    async def test_five_failures_are_free(self, factory: SessionFactory) -> None:
        assert [await seconds_to_wait(factory) for _ in range(5)] == [0] * 5
        assert await waits_within(factory, 1)

    @pytest.mark.parametrize(
        ("before", "wait"),
        [(5, 1), (6, 2), (7, 4), (8, 8), (12, 128), (14, 512), (15, 900), (16, 900), (10**6, 900)],
    )
    async def test_each_further_failure_doubles_the_wait(
        self, factory: SessionFactory, owner: asyncpg.Connection, before: int, wait: int
    ) -> None:
        await set_failures(owner, f"account:{EMAIL}", before)
        assert await waits_within(factory, wait)

    async def test_the_wait_ends(self, factory: SessionFactory, owner: asyncpg.Connection) -> None:
        await set_failures(owner, f"account:{EMAIL}", 8, timedelta(seconds=8))
        assert await seconds_to_wait(factory) == 0
        assert await waits_within(factory, 16)

    async def test_a_refused_attempt_does_not_count(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        await set_failures(owner, f"account:{EMAIL}", 40)
        await seconds_to_wait(factory)
        assert await failures(owner) == {f"account:{EMAIL}": 40}

    async def test_failures_are_forgotten_after_a_day(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        await set_failures(owner, f"account:{EMAIL}", 40, timedelta(hours=24, seconds=1))
        await fail(factory)
        assert (await failures(owner))[f"account:{EMAIL}"] == 1

    async def test_but_not_before(self, factory: SessionFactory, owner: asyncpg.Connection) -> None:
        await set_failures(owner, f"account:{EMAIL}", 40, timedelta(hours=23))
        await fail(factory)
        assert (await failures(owner))[f"account:{EMAIL}"] == 41

    async def test_other_accounts_go_on(self, factory: SessionFactory, owner: asyncpg.Connection) -> None:
        await set_failures(owner, f"account:{EMAIL}", 40)
        assert await seconds_to_wait(factory, "ben@example.com") == 0

    @pytest.mark.parametrize("spelling", [" ANA@example.com", "Ana@Example.Com\t"])
    async def test_spelling_makes_no_second_account(
        self, factory: SessionFactory, owner: asyncpg.Connection, spelling: str
    ) -> None:
        await set_failures(owner, f"account:{EMAIL}", 40)
        assert await seconds_to_wait(factory, spelling) > 0

    @pytest.mark.parametrize("odd", ["", "x" * 10_000_000, "İ" * 300, "a\x00b@example.com", "\ud800@x.y"])
    async def test_anything_typed_is_counted(
        self, factory: SessionFactory, owner: asyncpg.Connection, odd: str
    ) -> None:
        assert [await seconds_to_wait(factory, odd, None) for _ in range(5)] == [0] * 5
        assert await waits_within(factory, 1, odd, address=None)
        assert max(map(len, await failures(owner))) < 300

    async def test_of_attempts_at_once_one_is_admitted(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        await set_failures(owner, f"account:{EMAIL}", 13, timedelta(seconds=256))
        waits = await asyncio.gather(*(seconds_to_wait(factory, address=None) for _ in range(30)))
        assert sorted(wait > 0 for wait in waits) == [False] + [True] * 29
        assert await failures(owner) == {f"account:{EMAIL}": 14}

    async def test_first_attempts_at_once_all_count(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        await asyncio.gather(*(fail(factory, address=None) for _ in range(5)))
        assert await failures(owner) == {f"account:{EMAIL}": 5}


class TestByAddress:
    async def test_twenty_failures_are_free(self, factory: SessionFactory) -> None:
        waits = [await seconds_to_wait(factory, f"person{n}@example.com") for n in range(20)]
        assert waits == [0] * 20
        assert await waits_within(factory, 1)

    async def test_other_addresses_go_on(self, factory: SessionFactory, owner: asyncpg.Connection) -> None:
        await set_failures(owner, f"address:{ADDRESS}/32", 40)
        assert await seconds_to_wait(factory, address="192.0.2.8") == 0
        assert await waits_within(factory, 900)

    async def test_a_refused_attempt_does_not_count(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        await set_failures(owner, f"address:{ADDRESS}/32", 40)
        await seconds_to_wait(factory)
        assert await failures(owner) == {f"address:{ADDRESS}/32": 40}

    async def test_ipv6_counts_by_network(self, factory: SessionFactory, owner: asyncpg.Connection) -> None:
        await fail(factory, "one@example.com", "2001:db8:1:2::1")
        await fail(factory, "two@example.com", "2001:db8:1:2:ffff:ffff:ffff:ffff%eth0")
        assert (await failures(owner))["address:2001:db8:1:2::/64"] == 2

    async def test_ipv4_within_ipv6_is_the_same_client(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        await fail(factory, "one@example.com", f"::ffff:{ADDRESS}")
        assert (await failures(owner))[f"address:{ADDRESS}/32"] == 1

    @pytest.mark.parametrize("nowhere", [None, "", "testclient", "unix:/run/backoffice"])
    async def test_without_an_address_the_account_alone_counts(
        self, factory: SessionFactory, owner: asyncpg.Connection, nowhere: str | None
    ) -> None:
        await fail(factory, address=nowhere)
        assert await failures(owner) == {f"account:{EMAIL}": 1}

    async def test_failures_at_once_all_count(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        await asyncio.gather(*(fail(factory, f"person{n}@example.com") for n in range(15)))
        assert (await failures(owner))[f"address:{ADDRESS}/32"] == 15


class TestRefusal:
    @pytest.mark.parametrize(
        ("seconds", "told", "words"),
        [
            (0, 1, "1 second"),
            (1, 1, "1 second"),
            (2, 2, "2 seconds"),
            (119, 119, "119 seconds"),
            (120, 120, "2 minutes"),
            (121, 121, "3 minutes"),
            (900, 900, "15 minutes"),
        ],
    )
    def test_says_how_long(self, seconds: int, told: int, words: str) -> None:
        with pytest.raises(TooManyAttempts) as refusal:
            throttle._refuse(seconds)
        assert str(refusal.value) == f"Too many attempts. Try again in {words}."
        assert refusal.value.retry_after == told


class TestForgetFailures:
    async def test_clears_the_account_and_what_is_old_but_no_address(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        await set_failures(owner, f"account:{EMAIL}", 8)
        await set_failures(owner, f"address:{ADDRESS}/32", 8)
        await set_failures(owner, "account:old@example.com", 8, timedelta(hours=25))
        await set_failures(owner, "account:new@example.com", 8)
        async with transaction(factory, change()) as session:
            await throttle.forget_failures(session, " Ana@example.com")
        assert await failures(owner) == {f"address:{ADDRESS}/32": 8, "account:new@example.com": 8}

    async def test_waits_for_nobody(self, factory: SessionFactory, owner: asyncpg.Connection) -> None:
        await set_failures(owner, f"account:{EMAIL}", 8)
        async with owner.transaction():
            await owner.execute("SELECT FROM login_throttles FOR UPDATE")
            async with asyncio.timeout(5), transaction(factory, change()) as session:
                await throttle.forget_failures(session, EMAIL)
        assert await failures(owner) == {f"account:{EMAIL}": 8}
