"""What a browser carries from one page to the next."""

from backoffice.database import transaction
from tests.admin.desk import Desk
from tests.admin.lists import main_of
from tests.admin.page_forms import open_form
from tests.factories import arranging, make_tag, make_ticket

COOKIE = "backoffice_session"
#: What browsers keep of a cookie, with its name and attributes.
LARGEST_COOKIE = 4096


async def make_tags(desk: Desk, count: int) -> list[int]:
    async with transaction(desk.factory, arranging()) as session:
        return [(await make_tag(session)).id for _ in range(count)]


class TestMessages:
    async def test_shown_once(self, desk: Desk) -> None:
        visitor = await desk.newcomer("administrator")
        (tag,) = await make_tags(desk, 1)
        await visitor.post("/admin/tag/bulk/delete", {"pks": str(tag), "confirm": "1"})
        assert "1 tag deleted." in main_of(await visitor.get("/admin/"))
        assert "1 tag deleted." not in main_of(await visitor.get("/admin/"))

    async def test_two_changes_before_the_next_page(self, desk: Desk) -> None:
        visitor = await desk.newcomer("administrator")
        one, two, three = await make_tags(desk, 3)
        await visitor.post("/admin/tag/bulk/delete", {"pks": str(one), "confirm": "1"})
        await visitor.post("/admin/tag/bulk/delete", {"pks": [str(two), str(three)], "confirm": "1"})
        page = main_of(await visitor.get("/admin/"))
        assert "1 tag deleted." in page
        assert "2 tags deleted." in page

    async def test_many_never_cost_the_session(self, desk: Desk) -> None:
        visitor = await desk.newcomer("administrator")
        for tag in await make_tags(desk, 60):
            answer = await visitor.post("/admin/tag/bulk/delete", {"pks": str(tag), "confirm": "1"})
            assert len(answer.headers["set-cookie"]) < LARGEST_COOKIE
        assert main_of(await visitor.get("/admin/")).count("1 tag deleted.") > 1

    async def test_of_a_change_that_failed_at_its_very_end(self, desk: Desk) -> None:
        visitor = await desk.newcomer("administrator")
        (one, two) = await make_tags(desk, 2)
        await visitor.post("/admin/tag/bulk/delete", {"pks": str(one), "confirm": "1"})
        await desk.owner.execute(
            "CREATE FUNCTION object() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'No.'; END $$"
        )
        await desk.owner.execute(
            "CREATE CONSTRAINT TRIGGER object AFTER DELETE ON tags DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION object()"
        )
        answer = await visitor.post("/admin/tag/bulk/delete", {"pks": str(two), "confirm": "1"})
        await desk.owner.execute("DROP TRIGGER object ON tags")
        assert answer.status_code == 500
        assert main_of(answer).count("1 tag deleted.") == 1
        assert "1 tag deleted." not in main_of(await visitor.get("/admin/"))

    async def test_a_very_long_one(self, desk: Desk) -> None:
        visitor = await desk.newcomer("administrator")
        async with transaction(desk.factory, arranging()) as session:
            ticket = await make_ticket(session)
        form = await open_form(visitor.client, f"/admin/ticket/edit/{ticket.id}")
        answer = await form.send(title="𝕏" * 500)
        assert answer.status_code == 303
        assert len(answer.headers["set-cookie"]) < LARGEST_COOKIE
        assert f"Saved {ticket.ticket_number} 𝕏𝕏𝕏" in main_of(await visitor.get("/admin/"))
