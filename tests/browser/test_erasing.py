from playwright.async_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.served import Served
from tests.browser.steps import message
from tests.factories import make_ticket, make_user


class TestErasing:
    async def test_from_the_persons_page_to_what_is_left(self, open_page: OpenPage, served: Served) -> None:
        customer = await served.add(make_user, full_name="Quincy Fandango")
        ticket = await served.add(make_ticket, creator_id=customer.id, title="The bandicoot is stuck")
        page = await open_page("administrator")
        await page.goto(f"/admin/user/details/{customer.id}")
        await page.get_by_role("link", name="Erase personal data").click()
        await expect(page.get_by_role("list", name="What goes")).to_contain_text("1 ticket of theirs")
        await page.get_by_label("Basis").fill("Request of 12 May")
        await page.get_by_label("Their e-mail address").fill("somebody@example.com")
        await page.get_by_role("button", name="Erase for good").click()
        await expect(page.get_by_text("This is not their e-mail address.").last).to_be_visible()
        await expect(page.get_by_label("Basis")).to_have_value("Request of 12 May")
        await page.get_by_label("Their e-mail address").fill(customer.email)
        await page.get_by_role("button", name="Erase for good").click()
        await expect(message(page, "Erased.")).to_be_visible()
        await expect(page.get_by_role("heading", level=1)).to_have_text(f"Erased person {customer.id}")
        await page.goto(f"/admin/ticket/details/{ticket.id}")
        await expect(page.get_by_role("heading", level=1)).to_contain_text("[erased]")
        await expect(page.get_by_text("bandicoot")).to_have_count(0)
