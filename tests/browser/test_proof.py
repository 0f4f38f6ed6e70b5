"""The pages of the proof in a browser: progress that moves by itself, hashes that are copied."""

from playwright.async_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.proofs import make_proofs
from tests.browser.served import Served

OVERVIEW = "/admin/proof/overview"


async def test_a_verification_shows_how_far_it_is_and_then_what_it_found(
    open_page: OpenPage, served: Served
) -> None:
    run = (await make_proofs(served))["running"]
    page = await open_page("auditor")
    await page.goto(f"/admin/proof/details/{run}")
    bar = page.get_by_role("progressbar")
    await expect(bar).to_have_attribute("value", "2468")
    await served.owner.execute("UPDATE audit_verifications SET entries_done = 9999 WHERE id = $1", run)
    await expect(bar).to_have_attribute("value", "9999")
    await expect(page.get_by_text("9,999 of 12,345 entries, 81 %")).to_be_visible()
    await served.owner.execute("UPDATE audit_verifications SET state = 'interrupted' WHERE id = $1", run)
    await expect(page.get_by_role("heading", name="Interrupted")).to_be_visible()
    await expect(bar).to_have_count(0)


async def test_verify_now(open_page: OpenPage, served: Served) -> None:
    await served.owner.execute("UPDATE audit_verifications SET state = 'interrupted' WHERE state = 'running'")
    page = await open_page("auditor")
    await page.goto(OVERVIEW)
    await page.get_by_role("button", name="Verify now").click()
    await expect(page.get_by_role("heading", name="What was checked")).to_be_visible()


async def test_without_a_script_it_is_looked_at_again_by_a_link(open_page: OpenPage, served: Served) -> None:
    run = (await make_proofs(served))["running"]
    page = await open_page("auditor", java_script_enabled=False)
    await page.goto(f"/admin/proof/details/{run}")
    await served.owner.execute("UPDATE audit_verifications SET state = 'interrupted' WHERE id = $1", run)
    await page.get_by_role("link", name="Refresh").click()
    await expect(page.get_by_role("heading", name="Interrupted")).to_be_visible()


async def test_a_hash_is_copied_in_full(open_page: OpenPage, served: Served) -> None:
    seal = (await make_proofs(served))["seal"]
    page = await open_page("auditor", permissions=["clipboard-read", "clipboard-write"])
    await page.goto("/admin/seal/list")
    button = page.locator("tbody tr").first.locator("[data-copy]")
    await button.click()
    await expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert copied == await served.value("SELECT encode(hash, 'hex') FROM audit_seals WHERE number = $1", seal)
