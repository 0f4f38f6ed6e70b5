from playwright.async_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.served import Served
from tests.browser.steps import save, sign_in


class TestSignIn:
    async def test_leads_to_where_one_wanted_to_go(self, open_page: OpenPage, served: Served) -> None:
        member = await served.make_member("agent")
        page = await open_page()
        await sign_in(page, member.email, url="/admin/ticket/list?status=open")
        await expect(page).to_have_url(f"{served.url}/admin/ticket/list?status=open")
        await expect(page.get_by_role("heading", level=1)).to_contain_text("Tickets")

    async def test_refuses_a_wrong_password_and_keeps_the_address(
        self, open_page: OpenPage, served: Served
    ) -> None:
        member = await served.make_member("agent")
        page = await open_page()
        await sign_in(page, member.email, password="not this one")
        await expect(page.get_by_role("alert")).to_contain_text("do not go together")
        await expect(page).to_have_title("Error: Sign in · Backoffice")
        await expect(page.get_by_label("E-mail address")).to_have_value(member.email)
        await expect(page.get_by_label("Password")).to_be_focused()


class TestSignOut:
    async def test_ends_the_session_of_this_browser(self, open_page: OpenPage, served: Served) -> None:
        member = await served.make_member("agent")
        page = await open_page()
        await sign_in(page, member.email)
        await page.get_by_role("button", name=f"Account of {member.full_name}").click()
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        await page.go_back()
        await page.reload()
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()

    async def test_in_between_loses_nothing_that_was_typed(self, open_page: OpenPage, served: Served) -> None:
        member = await served.make_member("agent")
        page = await open_page()
        await sign_in(page, member.email)
        await page.goto("/admin/ticket/create")
        await page.get_by_label("Description").fill("A long story.")
        other = await page.context.new_page()
        await other.goto("/admin/")
        await other.get_by_role("button", name=f"Account of {member.full_name}").click()
        await other.get_by_role("button", name="Sign out").click()
        await expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
        await save(page)
        await expect(page.get_by_text("what you typed is still there")).to_be_visible()
        await sign_in(other, member.email)
        await page.go_back()
        await expect(page.get_by_label("Description")).to_have_value("A long story.")
        await save(page)
        await expect(page.get_by_role("alert")).to_contain_text("Subject: This is required.")


class TestDeactivation:
    async def test_signs_out_at_the_next_click(self, open_page: OpenPage, served: Served) -> None:
        member = await served.make_member("agent")
        page = await open_page()
        await sign_in(page, member.email)
        administrator = await open_page("administrator")
        await administrator.goto(f"/admin/user/edit/{member.id}")
        await administrator.get_by_label("Active", exact=True).uncheck()
        await administrator.get_by_role("button", name="Save changes").click()
        await expect(administrator.get_by_role("status")).to_contain_text("Saved")
        await page.get_by_role("link", name="Tickets").first.click()
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


class TestTimeZone:
    async def test_is_that_of_the_person(self, open_page: OpenPage, served: Served) -> None:
        member = await served.make_member("agent", time_zone="Asia/Tokyo")
        page = await open_page()
        await sign_in(page, member.email)
        await page.get_by_role("button", name=f"Account of {member.full_name}").click()
        await expect(page.get_by_text("Times in Asia/Tokyo")).to_be_visible()
        await page.goto(f"/admin/user/details/{member.id}")
        stored = await served.value(
            "SELECT to_char(created_at AT TIME ZONE 'Asia/Tokyo', 'HH24:MI') FROM users WHERE id = $1",
            member.id,
        )
        await expect(page.locator("time", has_text=stored).first).to_be_visible()
