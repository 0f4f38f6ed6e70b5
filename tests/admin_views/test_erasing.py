"""Erasing a person from their page: who may, what it asks, what is left to see."""

import base64
from collections.abc import AsyncIterator

import pytest

from backoffice.database import transaction
from backoffice.settings import Settings
from models import User
from tests.admin.desk import PASSWORD, Desk, Visitor, open_desk
from tests.admin.lists import main_of
from tests.admin.page_forms import errors_in, open_form
from tests.admin.records import upload
from tests.databases import Database
from tests.factories import arranging, make_comment, make_ticket, make_user

BASIS = "Request of 12 May"


@pytest.fixture(scope="module")
async def desk(desk_database: Database, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """One that has a key to sign with."""
    settings = Settings(
        database_url=desk_database.app_url,
        secret_key="a secret that only the tests know",
        audit_key=base64.b64encode(bytes(range(32))).decode(),
        var_dir=tmp_path_factory.mktemp("desk"),
        record_reads="none",
        audit_seal_seconds=0,
    )
    async with open_desk(desk_database, settings) as desk:
        yield desk


@pytest.fixture
async def administrator(desk: Desk) -> Visitor:
    return await desk.visitor("administrator")


@pytest.fixture
async def customer(desk: Desk) -> User:
    """With a ticket and a comment."""
    async with transaction(desk.factory, arranging()) as session:
        customer = await make_user(session, full_name="Quincy Fandango")
        ticket = await make_ticket(session, creator_id=customer.id, title="The bandicoot is stuck")
        await make_comment(session, ticket=ticket, content="It is a marsupial.")
    return customer


async def name_of(desk: Desk, user: User) -> str:
    return str(await desk.owner.fetchval("SELECT full_name FROM users WHERE id = $1", user.id))


def url_of(user: User | int) -> str:
    return f"/admin/user/erase/{user if isinstance(user, int) else user.id}"


class TestOffer:
    @pytest.mark.parametrize(
        ("role", "is_offered"), [("administrator", True), ("supervisor", False), ("auditor", False)]
    )
    async def test_is_for_those_who_may(
        self, desk: Desk, customer: User, role: str, is_offered: bool
    ) -> None:
        page = await (await desk.visitor(role)).get(f"/admin/user/details/{customer.id}")
        assert (url_of(customer) in page.text) == is_offered

    async def test_is_not_for_oneself(self, administrator: Visitor) -> None:
        page = await administrator.get(f"/admin/user/details/{administrator.id}")
        assert url_of(administrator.id) not in page.text
        assert (await administrator.get(url_of(administrator.id))).status_code == 409


class TestQuestion:
    async def test_says_what_goes(self, administrator: Visitor, customer: User) -> None:
        page = await administrator.get(url_of(customer))
        main = main_of(page)
        for sentence in (
            "Quincy Fandango",
            customer.email,
            "1 ticket of theirs",
            "1 comment 0 files",
            "3 entries of the history",
        ):
            assert sentence in main


class TestErase:
    async def test_blanks_and_leads_back(self, desk: Desk, administrator: Visitor, customer: User) -> None:
        form = await open_form(administrator.client, url_of(customer))
        answer = await form.send(basis=BASIS, email=f" {customer.email.upper()} ")
        assert answer.status_code == 303
        assert answer.headers["location"] == f"/admin/user/details/{customer.id}"
        assert await name_of(desk, customer) == f"Erased person {customer.id}"
        operation = await desk.newest_operation()
        assert (operation["verb"], operation["reason"]) == ("user.erase", BASIS)
        assert operation["actor_id"] == administrator.id
        page = await administrator.get(answer.headers["location"])
        assert "Erased." in page.text
        log = await administrator.get(f"/admin/operation/details/{operation['id']}")
        for text in (page.text, log.text):
            assert not [word for word in ("Quincy", "Fandango", customer.email, "bandicoot") if word in text]
        assert "It erased somebody for good." in log.text

    async def test_removes_files_at_once(self, desk: Desk, administrator: Visitor, customer: User) -> None:
        member = await desk.newcomer("administrator")
        async with transaction(desk.factory, arranging()) as session:
            ticket = await make_ticket(session, creator_id=customer.id)
        attachment = await upload(desk, ticket.id, content=b"of nobody else", name="mine.bin")
        await desk.owner.execute(
            "UPDATE attachments SET uploaded_by_id = $1 WHERE id = $2", member.id, attachment
        )
        before = desk.files()
        form = await open_form(administrator.client, url_of(member.id))
        assert member.user is not None
        assert (await form.send(basis=BASIS, email=member.user.email)).status_code == 303
        assert len(desk.files()) == len(before) - 1

    async def test_signs_the_person_out(self, desk: Desk, administrator: Visitor) -> None:
        member = await desk.newcomer("supervisor", full_name="Petra Leaving")
        assert member.user is not None
        form = await open_form(administrator.client, url_of(member.id))
        assert (await form.send(basis=BASIS, email=member.user.email)).status_code == 303
        assert (await member.get("/admin/")).status_code == 303
        assert (await member.sign_in(member.user.email, PASSWORD)).status_code == 400

    async def test_shows_history_without_values(
        self, desk: Desk, administrator: Visitor, customer: User
    ) -> None:
        form = await open_form(administrator.client, url_of(customer))
        await form.send(basis=BASIS, email=customer.email)
        ticket = await desk.owner.fetchval("SELECT id FROM tickets WHERE creator_id = $1", customer.id)
        page = await administrator.get(f"/admin/ticket/details/{ticket}")
        assert page.status_code == 200
        assert "bandicoot" not in page.text
        for entry in await desk.owner.fetch("SELECT id FROM audit_logs WHERE salt IS NULL"):
            page = await administrator.get(f"/admin/audit-log/details/{entry['id']}")
            assert page.status_code == 200
        log = await administrator.get(f"/admin/audit-log/list?table_name=tickets&record_id={ticket}")
        assert "title (erased)" in main_of(log)

    async def test_cannot_be_undone_by_anybody(
        self, desk: Desk, administrator: Visitor, customer: User
    ) -> None:
        form = await open_form(administrator.client, url_of(customer))
        await form.send(basis=BASIS, email=customer.email)
        operation = await desk.newest_operation()
        page = main_of(
            await (await desk.visitor("auditor")).get(f"/admin/operation/details/{operation['id']}")
        )
        assert "It erased somebody for good." in page
        assert "a supervisor, can undo it" not in page


class TestRefusals:
    @pytest.mark.parametrize(
        ("sent", "field"),
        [
            ({"basis": "", "email": "{email}"}, "basis"),
            ({"basis": BASIS, "email": ""}, "email"),
            ({"basis": BASIS, "email": "somebody@example.com"}, "email"),
            ({"basis": "Request of Quincy Fandango", "email": "{email}"}, "basis"),
            ({"basis": "x" * 501, "email": "{email}"}, "basis"),
        ],
    )
    async def test_keep_what_was_typed(
        self, desk: Desk, administrator: Visitor, customer: User, sent: dict[str, str], field: str
    ) -> None:
        before = await desk.watermark()
        form = await open_form(administrator.client, url_of(customer))
        sent = {name: value.format(email=customer.email) for name, value in sent.items()}
        answer = await form.send(**sent)
        assert answer.status_code == 400
        assert list(errors_in(answer)) == [field]
        assert all(f'value="{value}"' in answer.text for value in sent.values() if value)
        assert await desk.watermark() == before

    async def test_a_second_time(self, administrator: Visitor, customer: User) -> None:
        form = await open_form(administrator.client, url_of(customer))
        await form.send(basis=BASIS, email=customer.email)
        page = await administrator.get(url_of(customer))
        assert "they were erased already" in page.text
        answer = await form.send(basis=BASIS, email=f"erased-{customer.id}@erased.invalid")
        assert answer.status_code == 409

    async def test_staff_under_who_manages_customers_alone(self, desk: Desk, customer: User) -> None:
        group = await desk.owner.fetchval("INSERT INTO groups (name) VALUES ('Erasers') RETURNING id")
        await desk.owner.executemany(
            "INSERT INTO group_accesses (group_id, identity, action) VALUES ($1, 'user', $2)",
            [(group, action) for action in ("list", "details", "action:erase")],
        )
        eraser = await desk.browser(member := await desk.make_member("Erasers"))
        await eraser.sign_in(member.email)
        colleague = await desk.make_member(None)
        assert (await eraser.get(url_of(customer))).status_code == 200
        assert (await eraser.get(url_of(colleague))).status_code == 403
        answer = await eraser.post(url_of(colleague), {"basis": BASIS, "email": colleague.email})
        assert answer.status_code == 403

    async def test_stronger_accounts(self, desk: Desk) -> None:
        group = await desk.owner.fetchval("INSERT INTO groups (name) VALUES ('Staffers') RETURNING id")
        await desk.owner.executemany(
            "INSERT INTO group_accesses (group_id, identity, action) VALUES ($1, 'user', $2)",
            [(group, action) for action in ("details", "action:erase", "action:manage-staff")],
        )
        staffer = await desk.browser(member := await desk.make_member("Staffers"))
        await staffer.sign_in(member.email)
        stronger = await desk.make_member("Administrators")
        answer = await staffer.post(url_of(stronger), {"basis": BASIS, "email": stronger.email})
        assert answer.status_code == 403
        assert await name_of(desk, stronger) == stronger.full_name


class TestWithoutAKey:
    async def test_says_what_is_missing(
        self, desk: Desk, administrator: Visitor, customer: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        keyless = Settings(
            database_url=desk.settings.database_url,
            secret_key="a secret that only the tests know",
            var_dir=desk.settings.var_dir,
        )
        monkeypatch.setattr(desk.app.state.site, "settings", keyless)
        assert "BACKOFFICE_AUDIT_KEY" in (await administrator.get(url_of(customer))).text
        answer = await administrator.post(url_of(customer), {"basis": BASIS, "email": customer.email})
        assert answer.status_code == 409
        assert await name_of(desk, customer) == "Quincy Fandango"
