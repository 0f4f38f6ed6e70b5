from hashlib import sha256

import asyncpg
import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.accounts import sessions
from backoffice.accounts.sessions import CurrentUser
from backoffice.database import SessionFactory, transaction
from models import Theme, User
from tests.accounts.conftest import MakeAccount
from tests.accounts.steps import change, who_holds
from tests.factories import arranging, make_group, make_staff


async def open_session(factory: SessionFactory, user: User, *, hours: int = 12, **fields: str | None) -> str:
    values = {"address": "192.0.2.7", "user_agent": "Firefox", **fields}
    async with transaction(factory, change()) as session:
        return await sessions.open_session(session, user.id, hours=hours, **values)


SETTINGS = (
    *(f"backoffice.{name}" for name in ("actor_id", "operation_id", "request_id", "address")),
    "statement_timeout",
    "transaction_read_only",
)


async def context_of(session: AsyncSession) -> dict[str, str]:
    """What the transaction carries, by setting."""
    row = (await session.execute(select(*(func.current_setting(name) for name in SETTINGS)))).one()
    return dict(zip(SETTINGS, row, strict=True))


class TestOpenSession:
    async def test_stores_only_a_digest_of_the_secret(
        self, factory: SessionFactory, owner: asyncpg.Connection, ana: User
    ) -> None:
        token = await open_session(factory, ana)
        row = await owner.fetchrow("SELECT *, expires_at - created_at AS lasts FROM sessions")
        assert len(token) >= 43
        assert row["token_hash"] == sha256(token.encode()).hexdigest()
        assert token not in str(row)
        assert (row["user_id"], str(row["address"]), row["user_agent"]) == (ana.id, "192.0.2.7", "Firefox")
        assert row["lasts"].total_seconds() == 12 * 3600

    @pytest.mark.parametrize(
        ("address", "stored"),
        [(None, None), ("testclient", None), ("fe80::1%eth0", "fe80::1"), ("::ffff:192.0.2.7", "192.0.2.7")],
    )
    async def test_takes_any_address(
        self, factory: SessionFactory, owner: asyncpg.Connection, ana: User, address: str, stored: str
    ) -> None:
        await open_session(factory, ana, address=address)
        assert await owner.fetchval("SELECT host(address) FROM sessions") == stored

    @pytest.mark.parametrize(
        ("user_agent", "stored"),
        [(None, None), ("a\x00b\ud800", "a\ufffdb\ufffd"), ("x" * 9000, "x" * 300)],
    )
    async def test_takes_any_user_agent(
        self, factory: SessionFactory, owner: asyncpg.Connection, ana: User, user_agent: str, stored: str
    ) -> None:
        await open_session(factory, ana, user_agent=user_agent)
        assert await owner.fetchval("SELECT user_agent FROM sessions") == stored


class TestFindSignedIn:
    async def test_knows_who_with_all_that_their_groups_grant(
        self, factory: SessionFactory, make_account: MakeAccount
    ) -> None:
        user = await make_account(
            email="kim@example.com", full_name="Kim Ito", time_zone="Asia/Tokyo", theme=Theme.DARK
        )
        async with transaction(factory, arranging()) as session:
            user = await session.merge(user, load=False)
            await make_group(session, name="B", grants=[("ticket", "list"), ("tag", "edit")], users=[user])
            await make_group(session, name="A", grants=[("ticket", "list")], users=[user])
            other = await make_staff(session)
            await make_group(session, name="C", grants=[("group", "edit")], users=[other])
        assert await who_holds(factory, await open_session(factory, user)) == CurrentUser(
            id=user.id,
            full_name="Kim Ito",
            email="kim@example.com",
            time_zone="Asia/Tokyo",
            theme=Theme.DARK,
            grants=frozenset({("ticket", "list"), ("tag", "edit")}),
            groups=("A", "B"),
        )

    @pytest.mark.parametrize(("by_value", "mode"), [(True, "force_custom_plan"), (False, "auto")])
    async def test_says_how_the_rest_is_planned(
        self, factory: SessionFactory, ana: User, by_value: bool, mode: str
    ) -> None:
        token = await open_session(factory, ana)
        planned = change(read_only=True, plans_by_value=by_value, sets_context_first=True)
        async with transaction(factory, planned) as session:
            await sessions.find_signed_in(session, token)
            assert await session.scalar(text("SHOW plan_cache_mode")) == mode

    @pytest.mark.parametrize("is_known", [True, False])
    async def test_sets_the_context_of_the_operation_whoever_it_is(
        self, factory: SessionFactory, ana: User, is_known: bool
    ) -> None:
        token = await open_session(factory, ana) if is_known else "nobody's"
        asked = change(statement_timeout_ms=1_234, request_id="r-1", address="192.0.2.1", read_only=True)
        asked.sets_context_first = True
        async with transaction(factory, asked) as session:
            await sessions.find_signed_in(session, token)
            assert await context_of(session) == {
                "backoffice.actor_id": str(ana.id) if is_known else "",
                "backoffice.operation_id": str(asked.operation_id),
                "backoffice.request_id": "r-1",
                "backoffice.address": "192.0.2.1",
                "statement_timeout": "1234ms",
                "transaction_read_only": "on",
            }
        # Whatever else the operation begins has it from the beginning.
        async with transaction(factory, asked) as session:
            assert (await context_of(session))["backoffice.operation_id"] == str(asked.operation_id)

    async def test_staff_without_a_group_holds_nothing(self, factory: SessionFactory, ana: User) -> None:
        current = await who_holds(factory, await open_session(factory, ana))
        assert current is not None
        assert (current.grants, current.groups) == (frozenset(), ())

    async def test_takes_one_query(self, factory: SessionFactory, ana: User) -> None:
        token = await open_session(factory, ana)
        statements: list[str] = []
        async with transaction(factory, change(read_only=True)) as session:
            connection = await session.connection()
            event.listen(
                connection.sync_connection, "before_cursor_execute", lambda *args: statements.append(args[2])
            )
            await sessions.find_signed_in(session, token)
        assert len(statements) == 1

    @pytest.mark.parametrize("token", ["", "x", "\x00", "\ud800", "x" * 1_000_000])
    async def test_an_unknown_secret_opens_nothing(
        self, factory: SessionFactory, ana: User, token: str
    ) -> None:
        await open_session(factory, ana)
        assert await who_holds(factory, token) is None

    async def test_the_stored_digest_opens_nothing(
        self, factory: SessionFactory, owner: asyncpg.Connection, ana: User
    ) -> None:
        await open_session(factory, ana)
        assert await who_holds(factory, await owner.fetchval("SELECT token_hash FROM sessions")) is None

    @pytest.mark.parametrize(
        "blow",
        [
            "UPDATE sessions SET expires_at = now()",
            "UPDATE users SET is_active = false",
            "UPDATE users SET is_staff = false",
            "DELETE FROM sessions",
        ],
    )
    async def test_ends_at_once(
        self, factory: SessionFactory, owner: asyncpg.Connection, ana: User, blow: str
    ) -> None:
        token = await open_session(factory, ana)
        await owner.execute(blow)
        assert await who_holds(factory, token) is None


class TestClosing:
    async def test_one_browser(self, factory: SessionFactory, ana: User) -> None:
        here, there = await open_session(factory, ana), await open_session(factory, ana)
        async with transaction(factory, change()) as session:
            assert await sessions.close_session(session, here) == ana.id
            assert await sessions.close_session(session, here) is None
        assert await who_holds(factory, here) is None
        assert await who_holds(factory, there) is not None

    async def test_all_browsers_of_one_person(
        self, factory: SessionFactory, ana: User, make_account: MakeAccount
    ) -> None:
        tokens = [await open_session(factory, ana) for _ in range(2)]
        other = await open_session(factory, await make_account())
        async with transaction(factory, change()) as session:
            await sessions.close_sessions(session, ana.id)
        assert [await who_holds(factory, token) for token in tokens] == [None, None]
        assert await who_holds(factory, other) is not None

    async def test_all_but_this_browser(self, factory: SessionFactory, ana: User) -> None:
        here, there = await open_session(factory, ana), await open_session(factory, ana)
        async with transaction(factory, change()) as session:
            await sessions.close_sessions(session, ana.id, except_token=here)
        assert await who_holds(factory, here) is not None
        assert await who_holds(factory, there) is None

    async def test_what_has_expired(
        self, factory: SessionFactory, owner: asyncpg.Connection, ana: User
    ) -> None:
        await open_session(factory, ana, hours=0)
        token = await open_session(factory, ana)
        async with transaction(factory, change()) as session:
            await sessions.forget_expired_sessions(session)
        assert await owner.fetchval("SELECT count(*) FROM sessions") == 1
        assert await who_holds(factory, token) is not None


class TestMay:
    @pytest.mark.parametrize(
        ("grant", "covers"),
        [
            (("ticket", "edit"), True),
            (("ticket", "*"), True),
            (("*", "edit"), True),
            (("*", "*"), True),
            (("ticket", "list"), False),
            (("tag", "edit"), False),
            (("tag", "*"), False),
            (("*", "list"), False),
        ],
    )
    def test_is_what_a_grant_covers(self, grant: tuple[str, str], covers: bool) -> None:
        assert holding(grant).may("ticket", "edit") is covers

    def test_nothing_without_grants(self) -> None:
        assert not holding().may("ticket", "list")


def holding(*grants: tuple[str, str]) -> CurrentUser:
    return CurrentUser(1, "Ana Silva", "ana@example.com", "UTC", Theme.SYSTEM, frozenset(grants), ())
