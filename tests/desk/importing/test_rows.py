"""Rows against what is there: each gets its verdict in the dry run, and just that is done."""

import asyncio
from typing import Any

import pytest

from backoffice.audit.context import Change
from backoffice.database import transaction
from backoffice.desk.importing.plan import Matching, Unknown
from backoffice.desk.importing.running import NOT_RUN, begin_run, finish_run, import_chunk, rows_to_run
from backoffice.errors import Conflict
from models import ImportKind
from tests.desk.importing.conftest import Importing
from tests.performing import acting, sql

HEAD = "Number,Subject,Description,Status,Requester email,Assignee,Tags,Comment,Created at\n"
ROW = "A-1,A printer,It smokes,open,ana@example.com,Sue Supervisor,fire,Come soon,2024-05-01 12:00\n"


async def verdicts(importing: Importing, content: str, **choices: Any) -> list[tuple[str, str]]:
    file = await importing.upload(content, choices.pop("kind", ImportKind.TICKETS))
    return [(row["verdict"], row["reason"]) for row in await importing.check(file, **choices)]


class TestCheck:
    async def test_changes_nothing(self, importing: Importing) -> None:
        before = await importing.owner.fetchval("SELECT count(*) FROM audit_logs")
        assert await verdicts(importing, HEAD + ROW) == [("create", "")]
        assert await importing.owner.fetchval("SELECT count(*) FROM audit_logs") == before
        assert await importing.owner.fetchval("SELECT count(*) FROM tickets") == 0

    @pytest.mark.parametrize(
        ("row", "reason"),
        [
            ("A-1,,x,open,ana@example.com,,,,", "it has no subject"),
            ("A-1,x,x,open,,,,,", "nobody is named as the requester"),
            (
                "A-1,x,x,open,Anna,,,,",
                "there is nobody called “Anna”, and it takes an address to make a customer",
            ),
            ("A-1,x,x,open,a@b,,,,", "Requester (e-mail or name) is no e-mail address: “a@b”"),
            (
                f"A-1,{'x' * 501},x,open,ana@example.com,,,,",
                "Subject has 501 characters, and at most 500 are kept",
            ),
            (
                f"A-1,x,{'x' * 100_001},open,ana@example.com,,,,",
                "Description has 100,001 characters, and at most 100,000 are kept",
            ),
            (
                "A-1,x\0,x,open,ana@example.com,,,,",
                "Subject holds a character that cannot be kept (NUL, or half of one)",
            ),
            (
                "T-12,x,x,open,ana@example.com,,,,",
                "Number “T-12” is kept for tickets of the desk’s own: give these numbers another prefix",
            ),
            (
                "A-1,x,x,open,ana@example.com,,,,2999-01-01",
                "Created lies before 1970, or in the future: “2999-01-01”",
            ),
        ],
    )
    async def test_says_what_is_wrong(self, importing: Importing, row: str, reason: str) -> None:
        other = ROW.replace("A-1", "A-2")
        assert await verdicts(importing, f"{HEAD}{row}\n{other}") == [("error", reason), ("create", "")]

    async def test_several_mistakes_are_all_said(self, importing: Importing) -> None:
        ((_, reason),) = await verdicts(importing, HEAD + "A-1,x,x,odd,a@b,,,,tomorrow\n")
        assert [part.partition(" ")[0] for part in reason.split("; ")] == ["Status", "Requester", "Created"]

    async def test_choices(self, importing: Importing) -> None:
        await importing.bring(HEAD + ROW)
        changed = HEAD + ROW.replace("smokes", "burns")
        there = "this ticket is there already"
        assert await verdicts(importing, changed) == [("update", "description")]
        assert await verdicts(importing, changed, matching=Matching.SKIP) == [("skip", there)]
        assert await verdicts(importing, changed, matching=Matching.REFUSE) == [("error", there)]
        new = HEAD + "A-2,x,x,open,zoe@example.com,Zoe,,,\n"
        assert await verdicts(importing, new) == [("create", "")]
        refused = await verdicts(importing, new, requesters=Unknown.REFUSE, assignees=Unknown.REFUSE)
        assert refused == [
            (
                "error",
                "there is nobody with the address zoe@example.com; the assignee “Zoe” is no active staff",
            )
        ]

    async def test_of_a_ticket_in_the_trash(self, importing: Importing) -> None:
        await importing.bring(HEAD + ROW)
        await sql(importing.factory, "UPDATE tickets SET deleted_at = now()")
        assert await verdicts(importing, HEAD + ROW) == [
            ("error", "the ticket with this number is in the trash")
        ]

    async def test_takes_the_first_of_several_rows_for_one_ticket(self, importing: Importing) -> None:
        repeated = HEAD + ROW + ROW.replace("A-1", "A-2") + ROW * 2
        wrong = ("error", "the same number stands already in line 2")
        assert await verdicts(importing, repeated) == [("create", ""), ("create", ""), wrong, wrong]

    async def test_takes_rows_for_staff_from_those_alone_who_manage_them(self, importing: Importing) -> None:
        people = "Email,Name,Role\nkim@example.com,Kim,agent\n"
        wrong = ("error", "only those who manage staff may make staff accounts")
        assert await verdicts(importing, people, kind=ImportKind.PEOPLE) == [wrong]
        assert await verdicts(importing, people, kind=ImportKind.PEOPLE, may_make_staff=True) == [
            ("create", "")
        ]

    async def test_of_rows_without_a_number_never_finds_a_ticket(self, importing: Importing) -> None:
        rows = HEAD + ",x,x,open,ana@example.com,,,,\n" * 2
        assert await verdicts(importing, rows) == [("create", "")] * 2


class TestRun:
    async def test_writes_what_was_wanted_and_the_same_again_nothing(self, importing: Importing) -> None:
        counts, change = await importing.bring(HEAD + ROW)
        assert (counts.changed, counts.refused) == (1, {})
        row = await importing.owner.fetchrow(
            "SELECT ticket_number, title, status::text, assignee_id, created_at::text, updated_at::text"
            " FROM tickets"
        )
        moment = "2024-05-01 10:00:00+00"
        assert tuple(row) == ("A-1", "A printer", "open", importing.person.id, moment, moment)
        entries = await importing.owner.fetch(
            "SELECT table_name, action::text, user_id FROM audit_logs WHERE operation_id = $1"
            " AND table_name <> 'operations' ORDER BY id",
            change.operation_id,
        )
        assert [tuple(entry) for entry in entries] == [
            (table, "CREATE", importing.person.id)
            for table in ("users", "tickets", "comments", "tags", "ticket_tags")
        ]
        assert await verdicts(importing, HEAD + ROW) == [("skip", "it is so already")]

    async def test_changes_only_what_the_file_says(self, importing: Importing) -> None:
        await importing.bring(HEAD + ROW)
        changed = "Number,Subject,Status,Tags,Comment\nA-1,,solved,new,Come soon\n"
        assert await verdicts(importing, changed) == [("update", "status, tags")]
        await importing.bring(changed)
        row = await importing.owner.fetchrow(
            "SELECT title, status::text, resolved_at IS NOT NULL, assignee_id, version_changes FROM tickets,"
            " LATERAL (SELECT updated_at > created_at + interval '1 year' AS version_changes) AS renewed"
        )
        assert tuple(row) == ("A printer", "resolved", True, importing.person.id, True)
        assert await importing.owner.fetchval("SELECT count(*) FROM comments") == 1

    async def test_leaves_alone_what_changed_since_the_check(self, importing: Importing) -> None:
        await importing.bring(HEAD + ROW + ROW.replace("A-1", "A-2"))
        file = await importing.upload(HEAD + (ROW + ROW.replace("A-1", "A-2")).replace("smokes", "burns"))
        await importing.check(file)
        await sql(importing.factory, "UPDATE tickets SET priority = 'high' WHERE ticket_number = 'A-1'")
        counts, _ = await importing.run(file)
        assert (counts.changed, dict(counts.refused)) == (1, {"it was changed since the check": 1})
        rows = await importing.rows(file)
        assert [(row["verdict"], row["wanted"]) for row in rows] == [("error", None), ("update", None)]
        texts = await importing.owner.fetch("SELECT description FROM tickets ORDER BY ticket_number")
        assert [text[0] for text in texts] == ["It smokes", "It burns"]

    async def test_creates_nothing_twice_when_somebody_was_faster(self, importing: Importing) -> None:
        first, second = [await importing.upload(HEAD + ROW) for _ in range(2)]
        for file in (first, second):
            await importing.check(file)
        await importing.run(first)
        counts, _ = await importing.run(second)
        assert counts.changed == 0
        assert await importing.owner.fetchval("SELECT count(*) FROM tickets") == 1

    async def test_twice_at_once_happens_once(self, importing: Importing) -> None:
        file = await importing.upload(HEAD + ROW)
        await importing.check(file)
        both = await asyncio.gather(importing.run(file), importing.run(file), return_exceptions=True)
        assert sorted(type(one).__name__ for one in both) == ["Conflict", "tuple"]

    async def test_in_chunks_makes_one_customer_and_one_tag(self, importing: Importing) -> None:
        content = HEAD + "".join(ROW.replace("A-1", f"A-{number}") for number in range(7))
        file = await importing.upload(content)
        await importing.check(file)
        counts, _ = await importing.run(file, size=2)
        assert counts.changed == 7
        assert await importing.owner.fetchval("SELECT count(*) FROM users") == 2
        assert await importing.owner.fetchval("SELECT count(*) FROM tags") == 1

    async def test_goes_on_after_numbers_of_our_own(self, importing: Importing) -> None:
        await importing.bring(HEAD + ROW.replace("A-1", "T-000500") + ROW.replace("A-1", ""))
        insert = "INSERT INTO tickets (title, description, creator_id) VALUES ('x', 'x', 1)"
        await sql(importing.factory, insert)
        numbers = await importing.owner.fetch("SELECT ticket_number FROM tickets ORDER BY 1")
        assert [number[0] for number in numbers] == ["T-000500", "T-000501", "T-000502"]

    async def test_that_was_stopped_says_which_rows_did_not_run(self, importing: Importing) -> None:
        file = await importing.upload(HEAD + ROW + ROW.replace("A-1", "A-2"))
        await importing.check(file)
        async with transaction(importing.factory, acting(importing.person)) as session:
            await begin_run(session, file.id)
            await import_chunk(session, file.id, (await rows_to_run(session, file.id))[:1])
        ending = Change(verb="import.run", actor="system:import")
        async with transaction(importing.factory, ending) as session:
            await finish_run(session, file.id)
        rows = await importing.rows(file)
        assert [(row["verdict"], row["reason"]) for row in rows] == [("create", ""), ("error", NOT_RUN)]
        with pytest.raises(Conflict):
            await importing.run(file)


class TestPeople:
    async def test_are_created_and_changed_but_for_staff(self, importing: Importing) -> None:
        people = "Email,Name,Active,Role\nana@example.com,Ana,yes,\nBEN@example.com,Ben,no,customer\n"
        counts, _ = await importing.bring(people, kind=ImportKind.PEOPLE)
        assert counts.changed == 2
        rows = ("Email,Name,Active,Role", "ana@example.com,Anna,no,", "sue@example.com,Sue,,")
        changed = "\n".join((*rows, "ben@example.com,,,agent\n"))
        assert await verdicts(importing, changed, kind=ImportKind.PEOPLE, may_make_staff=True) == [
            ("update", "name, active"),
            ("error", "a staff account is changed on its own page"),
            ("error", "who is staff is changed on the person’s own page"),
        ]
        await importing.bring(changed, kind=ImportKind.PEOPLE)
        row = await importing.owner.fetchrow(
            "SELECT full_name, is_active FROM users WHERE email LIKE 'ana@%'"
        )
        assert tuple(row) == ("Anna", False)
