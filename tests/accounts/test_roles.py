"""The table in docs/roles.md says what the migrations grant."""

import re
from pathlib import Path

import asyncpg

from backoffice.accounts.grants import GroupName

ROLES = Path(__file__).parents[2] / "docs" / "roles.md"
ANSWERS = {"yes": True, "–": False}


def table() -> list[list[str]]:
    lines = (line for line in ROLES.read_text().splitlines() if line.startswith("|"))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def documented() -> list[tuple[str, str, str]]:
    """Group, page and action of each grant that the table states."""
    heading, _, *rows = table()
    return [
        (group, page.strip("`"), action)
        for page, actions, *answers in rows
        for group, answer in zip(heading[2:], answers, strict=True)
        for action in re.findall("`(.+?)`", actions)
        if ANSWERS[answer]
    ]


class TestTable:
    def test_has_a_column_for_each_group(self) -> None:
        assert table()[0][2:] == list(GroupName)

    async def test_says_what_the_database_grants(self, owner: asyncpg.Connection) -> None:
        granted = await owner.fetch(
            "SELECT name, identity, action FROM group_accesses JOIN groups ON groups.id = group_id"
        )
        assert sorted(documented()) == sorted(tuple(row) for row in granted)
