import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from argon2 import PasswordHasher

from backoffice.accounts import people
from backoffice.accounts.people import SignedIn
from backoffice.audit.context import Change
from backoffice.database import SessionFactory, transaction
from backoffice.errors import TooManyAttempts
from models import User
from tests.accounts.conftest import CountingHasher, MakeAccount
from tests.accounts.steps import (
    PASSWORD,
    WRONG,
    change,
    entries,
    is_anywhere_in_history,
    sign_in,
    token_of,
    until_somebody_waits,
    who_holds,
)


class TestSignIn:
    async def test_opens_a_session(self, factory: SessionFactory, ana: User) -> None:
        signed_in = await sign_in(factory, " ANA@example.com ", PASSWORD)
        assert signed_in is not None
        assert (signed_in.user_id, signed_in.full_name) == (ana.id, "Ana Silva")
        current = await who_holds(factory, signed_in.token)
        assert current is not None
        assert current.id == ana.id

    async def test_each_time_another_one(self, factory: SessionFactory, ana: User) -> None:
        assert await token_of(factory, ana) != await token_of(factory, ana)

    async def test_notes_when_without_touching_the_record(
        self, factory: SessionFactory, owner: asyncpg.Connection, ana: User
    ) -> None:
        await sign_in(factory, ana.email, PASSWORD)
        row = await owner.fetchrow("SELECT * FROM users WHERE id = $1", ana.id)
        assert datetime.now(UTC) - row["last_login"] < timedelta(minutes=1)
        assert row["updated_at"] == ana.updated_at
        assert row["password_hash"] == ana.password_hash
        assert await entries(owner, "UPDATE") == []

    async def test_is_in_the_history_as_the_person_s_own(
        self, factory: SessionFactory, owner: asyncpg.Connection, ana: User
    ) -> None:
        doing = Change(verb="user.sign-in", actor="anonymous")
        async with transaction(factory, doing) as session:
            await people.sign_in(
                session, email=ana.email, password=PASSWORD, address=None, user_agent="Firefox", hours=1
            )
        [entry] = await entries(owner, "LOGIN")
        assert entry == {
            "record_id": ana.id,
            "user_id": ana.id,
            "operation_id": doing.operation_id,
            "changes": {"user_agent": {"new": "Firefox"}},
        }

    async def test_makes_the_person_the_actor_of_what_it_changes(
        self, factory: SessionFactory, owner: asyncpg.Connection, make_account: MakeAccount
    ) -> None:
        old = PasswordHasher(time_cost=1, memory_cost=16, parallelism=1).hash(PASSWORD)
        user = await make_account(full_name="Ana Silva", password_hash=old)
        await sign_in(factory, user.email, PASSWORD)
        operation = await owner.fetchrow(
            "SELECT verb, actor, actor_id FROM operations WHERE verb = 'user.sign-in'"
        )
        assert tuple(operation) == ("user.sign-in", "Ana Silva", user.id)

    async def test_clears_the_account_s_failures_only(
        self, factory: SessionFactory, owner: asyncpg.Connection, ana: User
    ) -> None:
        for _ in range(3):
            await sign_in(factory, ana.email, WRONG)
        await sign_in(factory, ana.email, PASSWORD)
        assert await owner.fetch("SELECT key, failures FROM login_throttles") == [("address:192.0.2.7/32", 3)]

    async def test_tidies_away_expired_sessions(
        self, factory: SessionFactory, owner: asyncpg.Connection, ana: User
    ) -> None:
        await sign_in(factory, ana.email, PASSWORD, hours=0)
        await sign_in(factory, ana.email, PASSWORD)
        assert await owner.fetchval("SELECT count(*) FROM sessions") == 1

    async def test_renews_a_hash_of_other_parameters(
        self, factory: SessionFactory, owner: asyncpg.Connection, make_account: MakeAccount
    ) -> None:
        old = PasswordHasher(time_cost=1, memory_cost=16, parallelism=1).hash(PASSWORD)
        user = await make_account(password_hash=old)
        await sign_in(factory, user.email, PASSWORD)
        assert await owner.fetchval("SELECT password_hash FROM users") != old
        [entry] = await entries(owner, "UPDATE")
        assert (entry["user_id"], entry["changes"]) == (user.id, {"password_hash": {"changed": True}})
        assert await sign_in(factory, user.email, PASSWORD) is not None


class TestFailure:
    @pytest.mark.parametrize(
        ("email", "fields", "password"),
        [
            ("ana@example.com", {}, WRONG),
            ("nobody@example.com", {}, PASSWORD),
            ("ana@example.com", {"is_staff": False}, PASSWORD),
            ("ana@example.com", {"is_active": False}, PASSWORD),
            ("ana@example.com", {"password_hash": ""}, ""),
            ("ana@example.com", {"password_hash": "!"}, "!"),
            ("ana", {}, PASSWORD),
        ],
        ids=["wrong password", "unknown", "customer", "inactive", "no password", "locked", "malformed"],
    )
    async def test_is_the_same_answer_and_work_whatever_was_wrong(
        self,
        factory: SessionFactory,
        owner: asyncpg.Connection,
        make_account: MakeAccount,
        hasher: CountingHasher,
        email: str,
        fields: dict[str, object],
        password: str,
    ) -> None:
        await make_account(email="ana@example.com", **fields)
        assert await sign_in(factory, email, password) is None
        assert len(hasher.compared) == 1
        assert await owner.fetchval("SELECT count(*) FROM sessions") == 0
        assert dict(await owner.fetch("SELECT key, failures FROM login_throttles")) == {
            f"account:{email}": 1,
            "address:192.0.2.7/32": 1,
        }
        [entry] = await entries(owner, "LOGIN_FAILED")
        assert entry["changes"] == {"email": {"new": email}}
        assert entry["user_id"] is None

    async def test_compares_only_staff_with_their_own_hash(
        self, factory: SessionFactory, make_account: MakeAccount, hasher: CountingHasher
    ) -> None:
        user = await make_account(email="ana@example.com", is_active=False)
        await sign_in(factory, "ana@example.com", PASSWORD)
        await sign_in(factory, "nobody@example.com", PASSWORD)
        assert hasher.compared[0] == hasher.compared[1] != user.password_hash

    async def test_is_in_the_history_of_the_account_it_was_aimed_at(
        self, factory: SessionFactory, owner: asyncpg.Connection, ana: User
    ) -> None:
        await sign_in(factory, "Ana@example.com", WRONG)
        [entry] = await entries(owner, "LOGIN_FAILED")
        assert (entry["record_id"], entry["changes"]) == (ana.id, {"email": {"new": "Ana@example.com"}})

    @pytest.mark.parametrize("email", ["x" * 10_000_000, "a\x00b@example.com", "\ud800@example.com", ""])
    async def test_takes_anything_typed(
        self, factory: SessionFactory, owner: asyncpg.Connection, email: str
    ) -> None:
        assert await sign_in(factory, email, email) is None
        [entry] = await entries(owner, "LOGIN_FAILED")
        assert len(entry["changes"]["email"]["new"]) == min(len(email), 255)

    async def test_slows_the_next_ones_down_known_or_not(
        self, factory: SessionFactory, owner: asyncpg.Connection, ana: User, hasher: CountingHasher
    ) -> None:
        for email in (ana.email, "nobody@example.com"):
            assert 450 < await _wait_after_failures(factory, owner, email) <= 512
        assert len(hasher.compared) == 2

    async def test_the_right_password_waits_too(
        self, factory: SessionFactory, owner: asyncpg.Connection, ana: User
    ) -> None:
        await owner.execute("INSERT INTO login_throttles VALUES ('account:ana@example.com', 99, now())")
        with pytest.raises(TooManyAttempts):
            await sign_in(factory, ana.email, PASSWORD)
        assert await owner.fetchval("SELECT count(*) FROM sessions") == 0

    async def test_a_crowd_gets_no_more_guesses(
        self, factory: SessionFactory, owner: asyncpg.Connection, ana: User, hasher: CountingHasher
    ) -> None:
        await _failed_before(owner, ana.email)
        crowd = (sign_in(factory, ana.email, WRONG, address=f"192.0.2.{n}") for n in range(20))
        outcomes = await asyncio.gather(*crowd, return_exceptions=True)
        assert [outcome for outcome in outcomes if not isinstance(outcome, TooManyAttempts)] == [None]
        assert len(hasher.compared) == 1


class TestMeanwhile:
    """What is changed between the look at the account and the end of the sign-in."""

    @pytest.mark.parametrize(
        "blow",
        ["SET is_active = false", "SET is_staff = false", "SET password_hash = 'another'"],
    )
    async def test_the_account_was_closed(
        self, factory: SessionFactory, owner: asyncpg.Connection, ana: User, blow: str
    ) -> None:
        async with owner.transaction():
            await owner.execute(f"UPDATE users {blow}")
            signing_in = asyncio.ensure_future(sign_in(factory, ana.email, PASSWORD))
            await until_somebody_waits(owner)
        assert await signing_in is None
        assert await owner.fetchval("SELECT count(*) FROM sessions") == 0
        assert len(await entries(owner, "LOGIN_FAILED")) == 1

    async def test_a_new_password_also_closes_the_session_just_opened(
        self, factory: SessionFactory, owner: asyncpg.Connection, ana: User
    ) -> None:
        async with transaction(factory, change()) as session:
            signed_in = await _sign_in_within(session, ana)
            changing = asyncio.ensure_future(_change_password(factory, ana))
            await until_somebody_waits(owner)
        await changing
        assert await who_holds(factory, signed_in.token) is None


class TestSignOut:
    async def test_closes_this_session_and_says_so(
        self, factory: SessionFactory, owner: asyncpg.Connection, ana: User
    ) -> None:
        here, there = await token_of(factory, ana), await token_of(factory, ana)
        async with transaction(factory, change("user.sign-out")) as session:
            await people.sign_out(session, here)
        assert await who_holds(factory, here) is None
        assert await who_holds(factory, there) is not None
        [entry] = await entries(owner, "LOGOUT")
        assert (entry["record_id"], entry["user_id"], entry["changes"]) == (ana.id, ana.id, {})

    async def test_without_a_session_nothing_happens(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        async with transaction(factory, change("user.sign-out")) as session:
            await people.sign_out(session, "unknown")
        assert await entries(owner, "LOGOUT") == []


class TestSecrecy:
    async def test_no_secret_reaches_the_history(
        self, factory: SessionFactory, owner: asyncpg.Connection, ana: User
    ) -> None:
        token = await token_of(factory, ana)
        await sign_in(factory, ana.email, WRONG)
        await _change_password(factory, ana)
        new_hash = await owner.fetchval("SELECT password_hash FROM users WHERE id = $1", ana.id)
        digest = await owner.fetchval("SELECT password_hash FROM users LIMIT 1")
        for secret in (token, PASSWORD, WRONG, "$argon2", ana.password_hash, new_hash, digest):
            assert not await is_anywhere_in_history(owner, secret)
        assert await is_anywhere_in_history(owner, ana.email)


async def _failed_before(owner: asyncpg.Connection, email: str) -> None:
    """So often that the next attempt is admitted just now, and the one after it much later."""
    await owner.execute(
        "INSERT INTO login_throttles VALUES ($1, 13, now() - interval '256 seconds')", f"account:{email}"
    )


async def _wait_after_failures(factory: SessionFactory, owner: asyncpg.Connection, email: str) -> int:
    await _failed_before(owner, email)
    await sign_in(factory, email, WRONG, address=None)
    with pytest.raises(TooManyAttempts) as refusal:
        await sign_in(factory, email, WRONG, address=None)
    return refusal.value.retry_after


async def _sign_in_within(session: object, user: User) -> SignedIn:
    signed_in = await people.sign_in(
        session, email=user.email, password=PASSWORD, address=None, user_agent=None, hours=1
    )
    assert signed_in is not None
    return signed_in


async def _change_password(factory: SessionFactory, user: User) -> None:
    async with transaction(factory, change()) as session:
        account = await people.find_account(session, user.email)
        assert account is not None
        await people.change_password(session, account, "another harbour 43")
