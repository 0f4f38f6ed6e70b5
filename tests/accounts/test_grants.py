import pytest
from sqlalchemy import select

from backoffice.accounts import grants
from backoffice.accounts.grants import GroupName
from backoffice.accounts.sessions import CurrentUser
from backoffice.database import SessionFactory, transaction
from models import Group, Theme
from tests.accounts.steps import change
from tests.factories import arranging, make_group, make_staff


def holding(*held: tuple[str, str]) -> CurrentUser:
    return CurrentUser(1, "Ana Silva", "ana@example.com", "UTC", Theme.SYSTEM, frozenset(held), ())


class TestGrantsBeyond:
    @pytest.mark.parametrize(
        ("held", "wanted", "beyond"),
        [
            ([("ticket", "edit")], {("ticket", "edit")}, set()),
            ([("ticket", "edit")], {("ticket", "edit"), ("tag", "edit")}, {("tag", "edit")}),
            ([("ticket", "*")], {("ticket", "edit"), ("ticket", "*")}, set()),
            ([("*", "edit")], {("tag", "edit"), ("tag", "list")}, {("tag", "list")}),
            ([("ticket", "edit")], {("ticket", "*")}, {("ticket", "*")}),
            ([("ticket", "edit")], {("*", "edit")}, {("*", "edit")}),
            ([("*", "edit"), ("ticket", "*")], {("*", "*")}, {("*", "*")}),
            ([("*", "*")], {("*", "*"), ("ticket", "*"), ("new", "thing")}, set()),
            ([], {("ticket", "list")}, {("ticket", "list")}),
            ([], set(), set()),
        ],
    )
    def test_is_what_one_does_not_hold(
        self, held: list[tuple[str, str]], wanted: set[tuple[str, str]], beyond: set[tuple[str, str]]
    ) -> None:
        assert grants.grants_beyond(holding(*held), wanted) == beyond


class TestGrantsOfGroups:
    async def test_all_together(self, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            one = await make_group(session, grants=[("ticket", "list"), ("tag", "list")])
            two = await make_group(session, grants=[("ticket", "list"), ("tag", "edit")])
            await make_group(session, grants=[("group", "edit")])
            held = await grants.grants_of_groups(session, [one.id, two.id])
        assert held == {("ticket", "list"), ("tag", "list"), ("tag", "edit")}

    async def test_of_none(self, factory: SessionFactory) -> None:
        async with transaction(factory, change()) as session:
            assert await grants.grants_of_groups(session, []) == set()


class TestGrantsOfUser:
    async def test_through_all_their_groups(self, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            user, other = await make_staff(session), await make_staff(session)
            await make_group(session, grants=[("ticket", "list")], users=[user])
            await make_group(session, grants=[("tag", "list")], users=[user, other])
            assert await grants.grants_of_user(session, user.id) == {("ticket", "list"), ("tag", "list")}
            assert await grants.grants_of_user(session, (await make_staff(session)).id) == set()


class TestSeededGroups:
    async def test_are_those_that_the_code_names(self, factory: SessionFactory) -> None:
        async with transaction(factory, change()) as session:
            assert set(await session.scalars(select(Group.name))) == set(GroupName)

    @pytest.mark.parametrize("name", list(GroupName))
    async def test_administrators_can_put_people_into_each(
        self, factory: SessionFactory, name: GroupName
    ) -> None:
        async with transaction(factory, change()) as session:
            ids = {group.name: group.id for group in await session.scalars(select(Group))}
            administrators = await grants.grants_of_groups(session, [ids[GroupName.ADMINISTRATORS]])
            wanted = await grants.grants_of_groups(session, [ids[name]])
        assert grants.grants_beyond(holding(*administrators), wanted) == set()
