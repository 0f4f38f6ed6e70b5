"""Importing over HTTP: a file is uploaded, its columns are named, its rows are tried and then written."""

import csv
from io import StringIO
from typing import Any

import pytest
from httpx import Response

from tests.admin.desk import Desk, Visitor
from tests.admin.lists import main_of

GOOD = """Number,Subject,Description,Status,Requester email,Requester
IM-{0}1,A printer,It smokes,open,ana{0}@example.com,Ana
IM-{0}2,A till,"It is
stuck",solved,bob{0}@example.com,Bob
"""
BAD = """IM-{0}3,,No subject,open,cid{0}@example.com,Cid
IM-{0}4,"=1+1",Strange,unheard of,cid{0}@example.com,Cid
"""


async def upload(
    visitor: Visitor, content: str | bytes, kind: str = "tickets", name: str = "old desk.csv"
) -> Response:
    form = {"kind": kind, "csrf_token": await visitor.token()}
    return await visitor.client.post(
        "/admin/import/upload", data=form, files={"file": (name, content, "text/csv")}
    )


async def checked(visitor: Visitor, content: str, form: dict[str, str] | None = None, **options: Any) -> str:
    """The key of an import whose rows have been tried."""
    answer = await upload(visitor, content, **options)
    assert answer.status_code == 303, main_of(answer)
    key = answer.headers["location"].rpartition("/")[2]
    answer = await visitor.post(f"/admin/import/columns/{key}", form)
    assert answer.headers.get("location") == f"/admin/import/details/{key}", main_of(answer)
    return key


async def numbers(desk: Desk, serial: str) -> list[str]:
    rows = await desk.owner.fetch(
        "SELECT ticket_number FROM tickets WHERE ticket_number LIKE $1 AND deleted_at IS NULL ORDER BY 1",
        f"IM-{serial}%",
    )
    return [row[0] for row in rows]


class TestImport:
    async def test_changes_nothing_before_it_is_run_and_is_undone_as_a_whole(self, desk: Desk) -> None:
        supervisor = await desk.visitor("supervisor")
        # Without anybody who administers, nobody could be deactivated.
        await desk.visitor("administrator")
        key = await checked(supervisor, GOOD.format("a"))
        page = main_of(await supervisor.get(f"/admin/import/details/{key}"))
        assert "Checked: nothing is changed yet" in page
        assert "2 to create" in page
        assert await numbers(desk, "a") == []
        answer = await supervisor.post(f"/admin/import/run/{key}")
        assert answer.headers["location"] == f"/admin/import/details/{key}"
        assert await numbers(desk, "a") == ["IM-a1", "IM-a2"]
        page = await supervisor.get(f"/admin/import/details/{key}")
        assert "2 rows imported." in page.text
        ticket = await desk.owner.fetchval("SELECT id FROM tickets WHERE ticket_number = 'IM-a1'")
        assert f"/admin/ticket/details/{ticket}" in page.text
        operation = await desk.newest_operation()
        assert (operation["verb"], operation["selection"]) == ("import.run", "2 tickets of old desk.csv")
        assert f"/admin/operation/details/{operation['id']}" in page.text
        assert (await supervisor.post(f"/admin/operation/{operation['id']}/undo")).status_code == 303
        assert await numbers(desk, "a") == []

    async def test_with_wrong_rows_runs_only_when_they_are_left_out(self, desk: Desk) -> None:
        supervisor = await desk.visitor("supervisor")
        key = await checked(supervisor, (GOOD + BAD).format("b"))
        page = main_of(await supervisor.get(f"/admin/import/details/{key}?verdict=error"))
        assert "5 " in page
        assert "It has no subject" in page
        assert "A printer" not in page
        before = await desk.watermark()
        answer = await supervisor.post(f"/admin/import/run/{key}")
        assert (answer.status_code, "Some rows are wrong" in answer.text) == (400, True)
        assert await desk.watermark() == before
        assert (await supervisor.post(f"/admin/import/run/{key}", {"leave_out": "1"})).status_code == 303
        assert await numbers(desk, "b") == ["IM-b1", "IM-b2"]

    async def test_runs_once(self, desk: Desk) -> None:
        supervisor = await desk.visitor("supervisor")
        key = await checked(supervisor, GOOD.format("c"))
        await supervisor.post(f"/admin/import/run/{key}")
        for url in (
            f"/admin/import/run/{key}",
            f"/admin/import/columns/{key}",
            f"/admin/import/reading/{key}",
        ):
            assert (await supervisor.post(url)).status_code == 409
        assert (await supervisor.get(f"/admin/import/columns/{key}")).status_code == 409

    async def test_with_nothing_to_do_says_so(self, desk: Desk) -> None:
        supervisor = await desk.visitor("supervisor")
        key = await checked(supervisor, GOOD.format("d"))
        await supervisor.post(f"/admin/import/run/{key}")
        key = await checked(supervisor, GOOD.format("d"))
        page = main_of(await supervisor.get(f"/admin/import/details/{key}"))
        assert "2 left as it is" in page
        assert "There is nothing to import" in page
        assert (await supervisor.post(f"/admin/import/run/{key}")).status_code == 409

    async def test_leaves_no_file_behind(self, desk: Desk) -> None:
        supervisor = await desk.visitor("supervisor")
        key = await checked(supervisor, GOOD.format("e"))
        (file,) = (desk.settings.var_dir / "imports").glob(key.replace("-", ""))
        assert file.stat().st_mode & 0o077 == 0
        await supervisor.post(f"/admin/import/run/{key}")
        assert not file.exists()


class TestColumns:
    async def test_are_guessed_corrected_and_remembered(self, desk: Desk) -> None:
        supervisor = await desk.visitor("supervisor")
        content = "Nummer,Was,Wer\nIM-f1,Ein Drucker,eva@example.com\n"
        answer = await upload(supervisor, content)
        url = answer.headers["location"]
        refused = await supervisor.post(url)
        assert refused.status_code == 400
        assert "Say which column is this: Subject." in refused.text
        chosen = {"column-0": "number", "column-1": "title", "column-2": "requester"}
        key = await checked(supervisor, content, chosen)
        assert "1 to create" in main_of(await supervisor.get(f"/admin/import/details/{key}"))
        again = (await supervisor.get((await upload(supervisor, content)).headers["location"])).text
        assert again.count(" selected>Number</option>") == 1
        assert again.count(" selected>Subject</option>") == 1

    async def test_cannot_be_the_same_twice(self, desk: Desk) -> None:
        supervisor = await desk.visitor("supervisor")
        url = (await upload(supervisor, "A,B\n1,2\n")).headers["location"]
        answer = await supervisor.post(url, {"column-0": "title", "column-1": "title"})
        assert answer.status_code == 400
        assert "Two columns cannot both be “Subject”: A and B." in answer.text
        assert answer.text.count(" selected>Subject</option>") == 2

    async def test_take_only_what_is_offered(self, desk: Desk) -> None:
        supervisor = await desk.visitor("supervisor")
        url = (await upload(supervisor, GOOD.format("g"))).headers["location"]
        for form in ({"column-0": "password_hash"}, {"matching": "purge"}, {"prefix": "x" * 21}):
            assert (await supervisor.post(url, form)).status_code == 400

    async def test_words_are_translated_by_a_table_that_can_be_corrected(self, desk: Desk) -> None:
        supervisor = await desk.visitor("supervisor")
        content = "Number,Subject,Status,Requester email\nIM-h1,A printer,Geparkt,ana@example.com\n"
        url = (await upload(supervisor, content)).headers["location"]
        assert "Geparkt" in (await supervisor.get(url)).text
        key = await checked(supervisor, content, {"status-0": "waiting_on_customer"})
        await supervisor.post(f"/admin/import/run/{key}")
        status = "SELECT status FROM tickets WHERE ticket_number = 'IM-h1'"
        assert await desk.owner.fetchval(status) == "waiting_on_customer"

    async def test_file_is_read_otherwise(self, desk: Desk) -> None:
        supervisor = await desk.visitor("supervisor")
        url = (await upload(supervisor, "A|b;C|d\n1|2;3|4\n5|6;7|8\n")).headers["location"]
        key = url.rpartition("/")[2]
        answer = await supervisor.post(f"/admin/import/reading/{key}", {"delimiter": ";"})
        assert answer.headers["location"] == url
        assert "A|b" in main_of(await supervisor.get(url))
        answer = await supervisor.post(f"/admin/import/reading/{key}", {"encoding": "cp037"})
        assert answer.status_code == 400


class TestUpload:
    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (b"", "The file is empty."),
            (b"Number,Subject\n", "The file has no rows to import."),
            (b"PK\x03\x04 something", "This is no text file."),
        ],
    )
    async def test_of_what_is_no_file_of_rows_is_refused(
        self, desk: Desk, content: bytes, sentence: str
    ) -> None:
        supervisor = await desk.visitor("supervisor")
        before = sorted((desk.settings.var_dir / "imports").glob("*"))
        answer = await upload(supervisor, content)
        assert (answer.status_code, sentence in answer.text) == (400, True)
        assert sorted((desk.settings.var_dir / "imports").glob("*")) == before

    async def test_may_be_larger_than_an_attachment_but_has_a_limit(self, desk: Desk) -> None:
        supervisor = await desk.visitor("supervisor")
        limits = desk.settings.max_upload_bytes, desk.settings.max_import_bytes
        row = "x" * 999 + "\n"
        large, too_large = (b"Subject\n" + row.encode() * (limit // 1000 + 1) for limit in limits)
        assert (await upload(supervisor, large)).status_code == 303
        assert (await upload(supervisor, too_large)).status_code == 413

    async def test_without_a_file_asks_for_one(self, desk: Desk) -> None:
        supervisor = await desk.visitor("supervisor")
        answer = await supervisor.post("/admin/import/upload", {"kind": "people"})
        assert (answer.status_code, "Choose a file first." in answer.text) == (400, True)

    async def test_takes_the_right_to_create_what_is_in_it(self, desk: Desk) -> None:
        group = await desk.owner.fetchval("INSERT INTO groups (name) VALUES ('Importers') RETURNING id")
        grants = [("import", "*"), ("ticket", "*"), ("user", "list")]
        await desk.owner.executemany(
            "INSERT INTO group_accesses (group_id, identity, action) VALUES ($1, $2, $3)",
            [(group, *grant) for grant in grants],
        )
        importer = await desk.newcomer("no group")
        await desk.owner.execute(
            "INSERT INTO user_groups (user_id, group_id) VALUES ($1, $2)", importer.id, group
        )
        for kind in ("tickets", "people"):
            answer = await upload(importer, GOOD.format("i"), kind)
            assert (answer.status_code, f"You may not import {kind}" in answer.text) == (403, True)


class TestReport:
    async def test_is_a_file_without_formulas(self, desk: Desk) -> None:
        supervisor = await desk.visitor("supervisor")
        key = await checked(supervisor, (GOOD + BAD).format("j"))
        answer = await supervisor.get(f"/admin/import/report/{key}")
        assert 'filename="old desk-report.csv"' in answer.headers["content-disposition"]
        head, *rows = csv.reader(StringIO(answer.content.decode("utf-8-sig")))
        assert head == ["Line", "Verdict", "Key", "Title", "Why", "Record"]
        assert [row[:2] for row in rows] == [
            ["2", "to create"],
            ["3", "to create"],
            ["5", "wrong"],
            ["6", "wrong"],
        ]
        assert rows[3][3:5] == ["'=1+1", "Status “unheard of” is none that is known: say what it means"]
        facts = {"format": "csv", "for": "report of the import of old desk.csv"}
        assert await desk.newest_export() == (supervisor.id, "tickets", facts)

    async def test_is_shown_page_by_page(self, desk: Desk) -> None:
        supervisor = await desk.visitor("supervisor")
        rows = "".join(f"IM-k{number},Subject {number}.,ana@example.com\n" for number in range(60))
        key = await checked(supervisor, "Number,Subject,Requester email\n" + rows)
        first = await supervisor.get(f"/admin/import/details/{key}")
        assert ("Subject 49." in first.text, "Subject 50." in first.text) == (True, False)
        assert f"/admin/import/details/{key}?after=50" in first.text
        second = await supervisor.get(f"/admin/import/details/{key}?after=50")
        assert ("Subject 49." in second.text, "Subject 59." in second.text) == (False, True)
        assert (await supervisor.get(f"/admin/import/details/{key}?verdict=x")).status_code == 400


class TestPeople:
    async def test_staff_takes_the_right_to_manage_staff(self, desk: Desk) -> None:
        content = "Email,Name,Role\nkim{0}@example.com,Kim,agent\n"
        supervisor, administrator = await desk.visitor("supervisor"), await desk.visitor("administrator")
        key = await checked(supervisor, content.format(1), kind="people")
        page = main_of(await supervisor.get(f"/admin/import/details/{key}"))
        assert "Only those who manage staff may make staff accounts" in page
        key = await checked(administrator, content.format(2), kind="people")
        assert (await administrator.post(f"/admin/import/run/{key}")).status_code == 303
        kim = await desk.owner.fetchrow(
            "SELECT is_staff, password_hash, (SELECT count(*) FROM user_groups WHERE user_id = id) AS groups"
            " FROM users WHERE email = 'kim2@example.com'"
        )
        assert tuple(kim) == (True, "", 0)
