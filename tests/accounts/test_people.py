import asyncpg
import pytest

from backoffice.accounts import people
from backoffice.accounts.sessions import CurrentUser
from backoffice.database import SessionFactory, transaction
from backoffice.errors import BadInput, Conflict, NotFound, TooManyAttempts
from models import Theme, User
from tests.accounts.steps import (
    PASSWORD,
    WRONG,
    change,
    create,
    entries,
    is_anywhere_in_history,
    sign_in,
    token_of,
    who_holds,
)

NEW = "another harbour 43"


@pytest.fixture
async def root(factory: SessionFactory) -> User:
    return await create(factory)


class TestCreateSuperuser:
    async def test_makes_an_administrator_who_can_sign_in(self, factory: SessionFactory) -> None:
        user = await create(factory)
        assert (user.email, user.full_name, user.is_staff) == ("root@example.com", "Ruth Root", True)
        current = await who_holds(factory, await token_of(factory, user))
        assert current is not None
        assert current.groups == ("Administrators",)
        assert current.may("user", "action:manage-staff")

    async def test_is_in_the_history_without_its_hash(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        user = await create(factory)
        [created] = await entries(owner, "CREATE", user.id)
        assert created["changes"]["email"] == {"new": "root@example.com"}
        assert "password_hash" not in created["changes"]
        assert not await is_anywhere_in_history(owner, "$argon2")
        joined = "SELECT count(*) FROM audit_logs WHERE table_name = 'user_groups' AND record_id = $1"
        assert await owner.fetchval(joined, user.id) == 1

    async def test_not_twice(self, factory: SessionFactory, root: User) -> None:
        with pytest.raises(Conflict, match=r"already an account with the email address root@example.com"):
            await create(factory, email="ROOT@example.com")

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"email": "root"}, "email"),
            ({"password": "short"}, "password"),
            ({"full_name": "  "}, "full_name"),
            ({"full_name": "R" * 256}, "full_name"),
            ({"full_name": "Ruth\x00"}, "full_name"),
        ],
    )
    async def test_says_what_is_wrong_at_the_field(
        self, factory: SessionFactory, owner: asyncpg.Connection, fields: dict[str, str], field: str
    ) -> None:
        with pytest.raises(BadInput) as refusal:
            await create(factory, **fields)
        assert list(refusal.value.fields) == [field]
        assert await owner.fetchval("SELECT count(*) FROM users") == 0

    async def test_needs_the_group(self, factory: SessionFactory, owner: asyncpg.Connection) -> None:
        await owner.execute("UPDATE groups SET name = 'Chiefs' WHERE name = 'Administrators'")
        with pytest.raises(NotFound, match="no group Administrators"):
            await create(factory)


class TestFindAccount:
    @pytest.mark.parametrize("email", ["ana@example.com", " ANA@Example.com\n"])
    async def test_however_it_is_typed(self, factory: SessionFactory, ana: User, email: str) -> None:
        async with transaction(factory, change()) as session:
            account = await people.find_account(session, email)
        assert account is not None
        assert account.id == ana.id

    @pytest.mark.parametrize("email", ["ben@example.com", "ana", "", "ana\x00@example.com"])
    async def test_nobody(self, factory: SessionFactory, ana: User, email: str) -> None:
        async with transaction(factory, change()) as session:
            assert await people.find_account(session, email) is None


class TestChangePassword:
    async def change(self, factory: SessionFactory, user: User, password: str) -> None:
        async with transaction(factory, change("user.change-password")) as session:
            await people.change_password(session, await session.get_one(User, user.id), password)

    async def test_the_new_one_counts(self, factory: SessionFactory, ana: User) -> None:
        await self.change(factory, ana, NEW)
        assert await sign_in(factory, ana.email, PASSWORD) is None
        assert await sign_in(factory, ana.email, NEW) is not None

    async def test_signs_out_everywhere(self, factory: SessionFactory, ana: User) -> None:
        tokens = [await token_of(factory, ana), await token_of(factory, ana)]
        await self.change(factory, ana, NEW)
        assert [await who_holds(factory, token) for token in tokens] == [None, None]

    async def test_is_in_the_history_as_a_fact(
        self, factory: SessionFactory, owner: asyncpg.Connection, ana: User
    ) -> None:
        await self.change(factory, ana, NEW)
        [entry] = await entries(owner, "UPDATE", ana.id)
        assert entry["changes"] == {"password_hash": {"changed": True}}
        assert not await is_anywhere_in_history(owner, NEW)

    async def test_forgives_failures(
        self, factory: SessionFactory, owner: asyncpg.Connection, ana: User
    ) -> None:
        await owner.execute("INSERT INTO login_throttles VALUES ('account:ana@example.com', 99, now())")
        await self.change(factory, ana, NEW)
        assert await sign_in(factory, ana.email, NEW) is not None

    async def test_not_to_a_poor_one(self, factory: SessionFactory, ana: User) -> None:
        token = await token_of(factory, ana)
        with pytest.raises(BadInput):
            await self.change(factory, ana, "password1234")
        assert await who_holds(factory, token) is not None


class TestChangeOwnPassword:
    async def change(self, factory: SessionFactory, token: str, **fields: str) -> bool:
        current = await who_holds(factory, token)
        assert current is not None
        async with transaction(factory, change(actor_id=current.id)) as session:
            values = {"current": PASSWORD, "new": NEW, "keep_token": token, **fields}
            return await people.change_own_password(session, current.id, **values)

    async def test_signs_out_all_other_browsers(self, factory: SessionFactory, ana: User) -> None:
        here, there = await token_of(factory, ana), await token_of(factory, ana)
        assert await self.change(factory, here)
        assert await who_holds(factory, here) is not None
        assert await who_holds(factory, there) is None
        assert await sign_in(factory, ana.email, NEW) is not None

    async def test_needs_the_current_one(
        self, factory: SessionFactory, owner: asyncpg.Connection, ana: User
    ) -> None:
        token = await token_of(factory, ana)
        assert not await self.change(factory, token, current=WRONG)
        assert await entries(owner, "UPDATE") == []
        assert await owner.fetch("SELECT key, failures FROM login_throttles") == [
            ("account:ana@example.com", 1)
        ]

    async def test_guesses_are_slowed_down(
        self, factory: SessionFactory, owner: asyncpg.Connection, ana: User
    ) -> None:
        token = await token_of(factory, ana)
        await owner.execute("INSERT INTO login_throttles VALUES ('account:ana@example.com', 99, now())")
        with pytest.raises(TooManyAttempts):
            await self.change(factory, token)

    async def test_not_to_a_poor_one(self, factory: SessionFactory, ana: User) -> None:
        with pytest.raises(BadInput):
            await self.change(factory, await token_of(factory, ana), new="short")


class TestGuardAdministratorsRemain:
    @pytest.mark.parametrize("lost", ["action:manage-staff", "edit"])
    async def test_refuses_a_group_edit_that_leaves_none(
        self, factory: SessionFactory, owner: asyncpg.Connection, root: User, lost: str
    ) -> None:
        async with transaction(factory, change()) as session:
            await people.guard_administrators_remain(session)
        await owner.execute(
            "DELETE FROM group_accesses WHERE identity IN ('user', 'group') AND action = $1", lost
        )
        with pytest.raises(Conflict, match="Nobody would be left"):
            async with transaction(factory, change()) as session:
                await people.guard_administrators_remain(session)


class TestMayManage:
    @pytest.mark.parametrize(
        ("grants", "is_staff", "expected"),
        [
            ([("user", "edit")], False, True),
            ([("user", "edit")], True, False),
            ([("user", "action:manage-staff")], True, True),
            ([("user", "*")], True, True),
        ],
    )
    def test_staff_takes_a_grant_of_its_own(
        self, grants: list[tuple[str, str]], is_staff: bool, expected: bool
    ) -> None:
        current = CurrentUser(1, "Ana", "ana@example.com", "UTC", Theme.SYSTEM, frozenset(grants), ())
        assert people.may_manage(current, is_staff=is_staff) is expected


class TestNormaliseEmail:
    @pytest.mark.parametrize(
        ("typed", "normal"),
        [
            (" Ana@Example.COM\n", "ana@example.com"),
            ("a+b@c.d.museum", "a+b@c.d.museum"),
            ("josé@exämple.com", "josé@exämple.com"),
        ],
    )
    def test_one_spelling(self, typed: str, normal: str) -> None:
        assert people.normalise_email(typed) == normal

    @pytest.mark.parametrize(
        "typed",
        [
            *("", "ana", "ana@", "@b.c", "ana@example", "a@b@c.d", "a b@c.d", "a@.b.c", "a@b..c", "a@b.c."),
            *("a\x00@b.c", "a@b.c\x00", "a@" + "b" * 252 + ".c", "İ" * 126 + "@bc.d"),
        ],
    )
    def test_refuses_with_a_sentence_at_the_field(self, typed: str) -> None:
        with pytest.raises(BadInput) as refusal:
            people.normalise_email(typed)
        assert list(refusal.value.fields) == ["email"]

    def test_as_long_as_fits(self) -> None:
        assert len(people.normalise_email("a@" + "b" * 251 + ".c")) == 255
