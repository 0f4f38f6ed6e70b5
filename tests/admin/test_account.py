import pytest

from models import User
from tests.admin.desk import PASSWORD, Desk, Visitor

NEW = "another harbour 77"


@pytest.fixture
async def visitor(desk: Desk) -> Visitor:
    return await desk.newcomer("agent")


async def stored(desk: Desk, visitor: Visitor) -> dict[str, object]:
    row = await desk.owner.fetchrow("SELECT * FROM users WHERE id = $1", visitor.id)
    assert row is not None
    return dict(row)


class TestPreferences:
    async def test_are_saved(self, desk: Desk, visitor: Visitor) -> None:
        answer = await visitor.post("/admin/account", {"time_zone": "Asia/Tokyo", "theme": "dark"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin/account")
        page = await visitor.get("/admin/account")
        assert "Your preferences are saved." in page.text
        assert 'data-theme="dark"' in page.text
        assert "Times in Asia/Tokyo" in page.text
        assert "Your preferences are saved." not in (await visitor.get("/admin/account")).text
        operation = await desk.newest_operation()
        assert (operation["verb"], operation["actor_id"]) == ("account.save_account", visitor.id)

    async def test_without_any_group(self, desk: Desk) -> None:
        visitor = await desk.newcomer("no group")
        answer = await visitor.post("/admin/account", {"time_zone": "UTC", "theme": "light"})
        assert answer.status_code == 303

    @pytest.mark.parametrize(
        "form",
        [
            {"time_zone": "Mars/Olympus", "theme": "dark"},
            {"time_zone": "../../etc/passwd", "theme": "dark"},
            {"time_zone": "UTC", "theme": "neon"},
            {"theme": "dark"},
            {"time_zone": "UTC"},
            {},
        ],
    )
    async def test_that_there_are_not(self, desk: Desk, visitor: Visitor, form: dict[str, str]) -> None:
        before = await desk.watermark()
        answer = await visitor.post("/admin/account", form)
        assert answer.status_code == 400
        assert "-error" in answer.text
        assert await desk.watermark() == before

    async def test_nothing_else_can_be_slipped_in(self, desk: Desk, visitor: Visitor) -> None:
        administrators = str(await desk.group_id("Administrators"))
        before = await stored(desk, visitor)
        form = {"time_zone": "UTC", "theme": "light", "email": "x@example.com", "groups": administrators}
        await visitor.post(
            "/admin/account", {**form, "full_name": "X", "is_active": "", "password_hash": "x"}
        )
        after = await stored(desk, visitor)
        changed = {name for name in after if after[name] != before[name]}
        assert changed <= {"theme", "time_zone", "updated_at"}
        assert (await visitor.get("/admin/group/list")).status_code == 403


class TestPassword:
    async def test_is_changed_and_other_browsers_are_signed_out(self, desk: Desk, visitor: Visitor) -> None:
        assert visitor.user is not None
        other = await desk.browser()
        await other.sign_in(visitor.user.email)
        answer = await visitor.post("/admin/account/password", self._form())
        assert answer.status_code == 303
        assert "Other browsers were signed out." in (await visitor.get("/admin/account")).text
        assert (await other.get("/admin/account")).status_code == 303
        assert (await other.sign_in(visitor.user.email, PASSWORD)).status_code == 400
        assert (await other.sign_in(visitor.user.email, NEW)).status_code == 303

    async def test_leaves_no_secret_in_the_history(self, desk: Desk, visitor: Visitor) -> None:
        await visitor.post("/admin/account/password", self._form())
        entries = await desk.owner.fetch(
            "SELECT l::text FROM audit_logs l WHERE table_name = 'users' AND record_id = $1", visitor.id
        )
        everything = " ".join(entry[0] for entry in entries)
        assert '"password_hash": {"changed": true}' in everything.replace('""', '"')
        assert NEW not in everything
        assert "argon2" not in everything

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"current_password": "wrong"}, "This is not your current password."),
            ({"new_password": "short", "repeat_password": "short"}, "Use at least 12 characters."),
            ({"repeat_password": "something else"}, "The two new passwords differ."),
            ({"current_password": ""}, "This field is required."),
            ({"new_password": "", "repeat_password": ""}, "This field is required."),
        ],
    )
    async def test_is_refused(
        self, desk: Desk, visitor: Visitor, changes: dict[str, str], sentence: str
    ) -> None:
        before = await stored(desk, visitor)
        answer = await visitor.post("/admin/account/password", {**self._form(), **changes})
        assert answer.status_code == 400
        assert sentence in answer.text
        assert NEW not in answer.text
        assert await stored(desk, visitor) == before

    async def test_is_not_guessed_at_through_an_open_browser(self, visitor: Visitor) -> None:
        wrong = {**self._form(), "current_password": "wrong"}
        answers = [await visitor.post("/admin/account/password", wrong) for _ in range(8)]
        assert "Too many attempts" in answers[-1].text
        assert answers[-1].status_code == 400

    def _form(self) -> dict[str, str]:
        return {"current_password": PASSWORD, "new_password": NEW, "repeat_password": NEW}


async def test_the_page_of_an_account_is_ones_own(desk: Desk, visitor: Visitor) -> None:
    other: User = await desk.make_member("Agents", full_name="Somebody Else")
    page = await visitor.get(f"/admin/account?pk={other.id}")
    assert "Somebody Else" not in page.text
