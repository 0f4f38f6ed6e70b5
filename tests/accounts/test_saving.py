"""What the form in which people are made and changed does to their accounts."""

import asyncio
from contextlib import suppress

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.exc import StaleDataError

from backoffice.accounts.saving import apply_credentials, check_person
from backoffice.accounts.sessions import CurrentUser
from backoffice.audit.context import current_change
from backoffice.database import SessionFactory, transaction
from backoffice.errors import BadInput, Conflict, NotAllowed
from models import Theme, User
from tests.accounts.steps import (
    PASSWORD,
    change,
    create,
    entries,
    is_anywhere_in_history,
    token_of,
    until_somebody_waits,
    who_holds,
)
from tests.factories import arranging, make_group

MAY_EDIT_STAFF = [("user", "edit"), ("user", "action:manage-staff")]


class EnoughSeenError(Exception):
    """Rolls a trial back."""


def somebody(*grants: tuple[str, str]) -> CurrentUser:
    """Who acts, with these grants (all there are if none are named)."""
    held = frozenset(grants or {("*", "*")})
    actor_id = current_change().actor_id or 0
    return CurrentUser(actor_id, "Ruth Root", "root@example.com", "UTC", Theme.SYSTEM, held, ())


async def save(session: AsyncSession, user: User, **changes: object) -> None:
    """What the form does: check, set, and follow up."""
    await check_person(session, somebody(), user, changes, is_new=False)
    for name in changes.keys() - {"password"}:
        setattr(user, name, changes[name])
    await apply_credentials(session, user, changes, is_new=False)


async def save_inactive(session: AsyncSession, user: User) -> None:
    await save(session, user, is_active=False)


@pytest.fixture
async def root(factory: SessionFactory) -> User:
    return await create(factory)


class TestPassword:
    async def test_signs_out_everywhere_and_is_no_part_of_the_history(
        self, factory: SessionFactory, owner: asyncpg.Connection, root: User, ana: User
    ) -> None:
        token = await token_of(factory, ana)
        async with transaction(factory, change(actor_id=root.id)) as session:
            await save(session, await session.get_one(User, ana.id), password="a new harbour 44")
        assert await who_holds(factory, token) is None
        assert not await is_anywhere_in_history(owner, "a new harbour 44")
        assert not await is_anywhere_in_history(owner, "$argon2")

    async def test_must_be_good(self, factory: SessionFactory, root: User, ana: User) -> None:
        with pytest.raises(BadInput):
            async with transaction(factory, change(actor_id=root.id)) as session:
                await save(session, await session.get_one(User, ana.id), password="short")

    async def test_of_a_stronger_account_is_not_for_a_weaker_one(
        self, factory: SessionFactory, root: User, ana: User
    ) -> None:
        async with transaction(factory, change(actor_id=ana.id)) as session:
            user, editor = await session.get_one(User, root.id), somebody(*MAY_EDIT_STAFF)
            with pytest.raises(NotAllowed, match="may do more than you"):
                await check_person(session, editor, user, {"password": PASSWORD}, is_new=False)


class TestStaff:
    async def test_is_made_only_by_those_who_manage_staff(self, factory: SessionFactory, root: User) -> None:
        changes = {"email": "new@example.com", "is_staff": True}
        async with transaction(factory, change(actor_id=root.id)) as session:
            with pytest.raises(NotAllowed):
                await check_person(session, somebody(("user", "create")), User(), changes, is_new=True)

    async def test_gets_only_groups_that_the_editor_could_be_in(
        self, factory: SessionFactory, root: User, ana: User
    ) -> None:
        async with transaction(factory, change(actor_id=root.id)) as session:
            group = await make_group(session, name="Chiefs", grants=[("*", "*")])
            user, editor = await session.get_one(User, ana.id), somebody(*MAY_EDIT_STAFF)
            with pytest.raises(BadInput) as refused:
                await check_person(session, editor, user, {"groups": [group]}, is_new=False)
        assert "groups" in refused.value.fields


class TestDeactivate:
    async def deactivate(self, factory: SessionFactory, user: User, *, by: User) -> None:
        async with transaction(factory, change(actor_id=by.id)) as session:
            await save_inactive(session, await session.get_one(User, user.id))

    async def test_signs_out_for_good(
        self, factory: SessionFactory, owner: asyncpg.Connection, root: User, ana: User
    ) -> None:
        token = await token_of(factory, ana)
        await self.deactivate(factory, ana, by=root)
        await owner.execute("UPDATE users SET is_active = true WHERE id = $1", ana.id)
        assert await who_holds(factory, token) is None

    async def test_is_in_the_history(
        self, factory: SessionFactory, owner: asyncpg.Connection, root: User, ana: User
    ) -> None:
        await self.deactivate(factory, ana, by=root)
        [entry] = await entries(owner, "UPDATE", ana.id)
        assert (entry["user_id"], entry["changes"]) == (root.id, {"is_active": {"old": True, "new": False}})

    async def test_an_edit_meanwhile_is_one_for_other_edits(
        self, factory: SessionFactory, owner: asyncpg.Connection, root: User, ana: User
    ) -> None:
        async def edit_and_deactivate() -> None:
            async with transaction(factory, change(actor_id=root.id)) as session:
                user = await session.get_one(User, ana.id)
                await owner.execute("UPDATE users SET full_name = 'Ana Sousa' WHERE id = $1", ana.id)
                user.full_name = "Ana Souza"
                await save_inactive(session, user)

        with pytest.raises(StaleDataError):
            await edit_and_deactivate()

    async def test_nobody_their_own_account(self, factory: SessionFactory, ana: User, root: User) -> None:
        with pytest.raises(Conflict, match="your own account"):
            await self.deactivate(factory, ana, by=ana)

    async def test_not_the_last_administrator(self, factory: SessionFactory, root: User, ana: User) -> None:
        with pytest.raises(Conflict, match="Nobody would be left"):
            await self.deactivate(factory, root, by=ana)

    async def test_one_of_two_administrators(self, factory: SessionFactory, root: User) -> None:
        await self.deactivate(factory, root, by=await create(factory, email="two@example.com"))

    async def test_not_both_at_once(
        self, factory: SessionFactory, owner: asyncpg.Connection, root: User
    ) -> None:
        other = await create(factory, email="two@example.com")
        async with transaction(factory, change(actor_id=other.id)) as session:
            await save_inactive(session, await session.get_one(User, root.id))
            second = asyncio.ensure_future(self.deactivate(factory, other, by=root))
            await until_somebody_waits(owner)
        with pytest.raises(Conflict, match="Nobody would be left"):
            await second


class TestDeactivateAnAdministrator:
    @pytest.mark.parametrize("weakened", ["is_active = false", "is_staff = false", "password_hash = ''"])
    async def test_counts_only_those_who_can_sign_in(
        self, factory: SessionFactory, owner: asyncpg.Connection, root: User, weakened: str
    ) -> None:
        other = await create(factory, email="two@example.com")
        await owner.execute(f"UPDATE users SET {weakened} WHERE id = $1", other.id)
        with pytest.raises(Conflict):
            await self.guard(factory, root)
        await self.guard(factory, other)

    async def test_counts_by_grants_whatever_the_group_is_called(
        self, factory: SessionFactory, root: User, ana: User
    ) -> None:
        async with transaction(factory, arranging()) as session:
            other = await session.get_one(User, ana.id)
            await make_group(session, name="Chiefs", grants=[("*", "*")], users=[other])
        await self.guard(factory, root)

    async def test_lets_all_others_go(self, factory: SessionFactory, root: User, ana: User) -> None:
        await self.guard(factory, ana)

    async def guard(self, factory: SessionFactory, user: User) -> None:
        """Try to deactivate `user`, and take it back."""
        with suppress(EnoughSeenError):
            async with transaction(factory, change()) as session:
                await save_inactive(session, await session.get_one(User, user.id))
                raise EnoughSeenError
