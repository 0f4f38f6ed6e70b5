"""Every page of the site, how one gets there, and as whom."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from playwright.async_api import Page, expect

from tests.browser.imports import name_columns_wrongly, upload_nothing
from tests.browser.making import LONG_WORD, Exhibits
from tests.browser.served import LARGEST_UPLOAD
from tests.browser.steps import message, open_panel, save, sign_in

ADVANCED = (
    "all(status:not:closed,any(priority:urgent,assignee:empty),created_at:between:2026-01-01|2026-12-31)"
)

Arrive = Callable[[Page, Exhibits], Awaitable[Any]]


# Getting there ----------------------------------------------------------------------------------


def at(address: str) -> Arrive:
    """Go to an address; `{identity}` in it stands for that exhibit's key."""

    async def arrive(page: Page, exhibits: Exhibits) -> None:
        await page.goto(
            address.format(**exhibits.keys, trashed=exhibits.trashed, bare=exhibits.bare, gone=exhibits.gone)
        )

    return arrive


async def tick_rows(page: Page, exhibits: Exhibits) -> None:
    await page.goto("/admin/ticket/list")
    await page.locator("[name=pks]").first.check()
    await expect(page.locator(".bulk-bar")).to_be_visible()
    await page.keyboard.press("End")


async def choose(page: Page, exhibits: Exhibits) -> None:
    await tick_rows(page, exhibits)
    await page.get_by_role("button", name="Assign", exact=True).click()
    await expect(page.get_by_role("heading", name="Assign")).to_be_visible()


async def edit_many(page: Page, exhibits: Exhibits) -> None:
    await tick_rows(page, exhibits)
    await page.get_by_role("button", name="Edit fields").click()
    await page.get_by_role("button", name="Continue").click()
    await expect(page.get_by_role("alert")).to_be_visible()


async def confirm_edit(page: Page, exhibits: Exhibits) -> None:
    await edit_many(page, exhibits)
    await page.get_by_label("Status", exact=True).select_option("resolved")
    await page.get_by_label("Tags", exact=True).click()
    await page.get_by_label("Change Tags").check()
    await page.get_by_role("button", name="Continue").click()
    await expect(page.get_by_role("list", name="What will happen")).to_be_visible()


async def confirm(page: Page, exhibits: Exhibits) -> None:
    await tick_rows(page, exhibits)
    await page.get_by_role("button", name="Move to trash").click()
    await expect(page.get_by_role("list", name="What will happen")).to_be_visible()


async def confirm_forever(page: Page, exhibits: Exhibits) -> None:
    await page.goto(f"/admin/ticket/details/{exhibits.trashed}")
    for _ in range(2):
        await page.get_by_role("button", name="Delete forever").click()
    await expect(page.get_by_role("alert")).to_be_visible()


async def be_refused(page: Page, exhibits: Exhibits) -> None:
    await page.goto("/admin/ticket/create")
    await save(page)
    await expect(page.get_by_role("alert")).to_be_visible()


async def conflict(page: Page, exhibits: Exhibits) -> None:
    address = f"/admin/ticket/edit/{exhibits.bare}"
    await page.goto(address)
    await page.get_by_label("Subject").fill(f"Mine {LONG_WORD}")
    other = await page.context.new_page()
    await other.goto(address)
    # Each time another one, or there would be nothing to disagree about.
    subject = other.get_by_label("Subject")
    await subject.fill(f"{await subject.input_value()} theirs")
    await save(other)
    await other.close()
    await save(page)
    await expect(page.get_by_text("Not saved yet")).to_be_visible()


async def look_back(page: Page, exhibits: Exhibits) -> None:
    """To what a record was before its last change."""
    await page.goto(f"/admin/ticket/edit/{exhibits['ticket']}")
    description = page.get_by_label("Description")
    await description.fill(f"{await description.input_value()} once more")
    await save(page)
    await page.goto(f"/admin/ticket/past/{exhibits['ticket']}")
    await page.get_by_role("link", name="Previous change").click()
    await expect(page.get_by_role("button", name="Restore what is ticked")).to_be_visible()


async def restore(page: Page, exhibits: Exhibits) -> None:
    await look_back(page, exhibits)
    await page.get_by_role("button", name="Restore what is ticked").click()
    await expect(page.get_by_text("Not restored yet")).to_be_visible()


async def bring_back(page: Page, exhibits: Exhibits) -> None:
    await page.goto(f"/admin/ticket/past/{exhibits.gone}")
    await page.get_by_role("button", name="Bring back").click()
    await expect(page.get_by_role("heading", name="Bring back")).to_be_visible()


async def undo_twice(page: Page, exhibits: Exhibits) -> None:
    """Take back what somebody else has taken back meanwhile."""
    await page.goto(f"/admin/ticket/edit/{exhibits.bare}")
    description = page.get_by_label("Description")
    await description.fill(f"{await description.input_value()} more")
    await save(page)
    await page.locator(".operation-link").first.click()
    await page.get_by_role("button", name="Undo").wait_for()
    other = await page.context.new_page()
    await other.goto(page.url)
    await other.get_by_role("button", name="Undo").click()
    await other.wait_for_load_state()
    await other.close()
    await page.get_by_role("button", name="Undo").click()
    await expect(page.locator(".error-code")).to_have_text("409")


async def upload_too_much(page: Page, exhibits: Exhibits) -> None:
    await page.goto(f"/admin/ticket/details/{exhibits.bare}")
    large = {
        "name": "large.bin",
        "mimeType": "application/octet-stream",
        "buffer": bytes(LARGEST_UPLOAD * 20),
    }
    await page.get_by_label("File").set_input_files(large)
    await page.get_by_role("button", name="Attach").click()
    await expect(page.locator(".error-code")).to_have_text("413")


async def verify_wrongly(page: Page, exhibits: Exhibits) -> None:
    await page.goto("/admin/proof/overview")
    form = page.locator("form", has_text="Verify now")
    await form.get_by_label("From").fill("2026-05-31")
    await form.get_by_label("To, this day included").fill("2026-05-01")
    await form.get_by_role("button").click()
    await expect(page.get_by_text("The last day comes before the first.")).to_be_visible()


async def fail_to_sign_in(page: Page, exhibits: Exhibits) -> None:
    await sign_in(page, "nobody@example.com", "not this one")
    await expect(page.get_by_role("alert")).to_be_visible()


async def open_help(page: Page, exhibits: Exhibits) -> None:
    await page.goto("/admin/")
    await page.keyboard.press("?")


async def open_palette(page: Page, exhibits: Exhibits) -> None:
    await page.goto(f"/admin/ticket/details/{exhibits['ticket']}")
    await page.keyboard.press("Control+k")
    await page.keyboard.type("e")
    await expect(page.get_by_role("option", name="Home")).to_be_attached()


async def be_refused_an_erasure(page: Page, exhibits: Exhibits) -> None:
    await page.goto(f"/admin/user/erase/{exhibits['user']}")
    await page.get_by_role("button", name="Erase for good").click()
    await expect(page.get_by_role("alert")).to_be_focused()


async def open_export_menu(page: Page, exhibits: Exhibits) -> None:
    await page.goto("/admin/ticket/list")
    await page.get_by_role("button", name="Export").click()
    await expect(page.get_by_role("link", name="CSV")).to_be_visible()


async def open_changed_view(page: Page, exhibits: Exhibits) -> None:
    """A view with a long name, and with another filter than it was saved with."""
    await page.goto("/admin/ticket/list?status=open")
    await page.get_by_role("button", name="Save this view…").click()
    await page.get_by_label("Name of the view").fill(f"{await _serial(page)} {LONG_WORD}"[:60])
    await page.get_by_role("button", name="Save view").click()
    await expect(message(page, "is saved")).to_be_visible()
    await page.goto(f"{page.url}&priority=urgent")
    await expect(page.get_by_role("button", name="Update view")).to_be_visible()


async def _serial(page: Page) -> int:
    """A number that no view has yet."""
    number: int = await page.evaluate("Date.now() % 1e6")
    return number


async def open_view_menu(page: Page, exhibits: Exhibits) -> None:
    await open_changed_view(page, exhibits)
    await page.get_by_role("button", name="This view").click()
    await expect(page.get_by_role("button", name="Rename")).to_be_visible()


async def save_view_without_name(page: Page, exhibits: Exhibits) -> None:
    await open_changed_view(page, exhibits)
    await page.get_by_role("button", name="Save as new view…").click()
    await page.get_by_label("Name of the view").fill(" ")
    await page.get_by_role("button", name="Save view").click()
    await expect(page.get_by_text("Give the view a name.")).to_be_visible()


async def open_chooser(page: Page, exhibits: Exhibits) -> None:
    await page.goto("/admin/ticket/list")
    await page.get_by_role("button", name="Columns").click()
    await expect(page.get_by_role("button", name="Apply")).to_be_visible()


async def open_filter(page: Page, exhibits: Exhibits) -> None:
    await page.goto("/admin/ticket/list?created_at=last-30-days")
    await open_panel(page, "Status")
    await expect(page.locator(".filter-panel .facet-count").first).to_be_visible()


async def open_advanced(page: Page, exhibits: Exhibits) -> None:
    await page.goto(f"/admin/ticket/list?where={ADVANCED}")
    await page.get_by_role("link", name="Advanced…").click()
    await expect(page.get_by_role("dialog")).to_be_visible()


async def open_picker(page: Page, exhibits: Exhibits) -> None:
    await page.goto("/admin/ticket/create")
    await page.get_by_role("combobox", name="Requester").click()
    await expect(page.get_by_role("option").first).to_be_attached()


_CREATED = ("ticket", "comment", "attachment", "tag", "user", "group")
_IDENTITIES = (*_CREATED, "operation", "job", "import", "audit-log", "proof", "seal", "removal")

#: Name: who goes there (None: nobody), and how.
PAGES: Mapping[str, tuple[str | None, Arrive]] = {
    "login": (None, at("/admin/login")),
    "login refused": (None, fail_to_sign_in),
    **{f"home of {role}": (role, at("/admin/")) for role in ("agent", "supervisor", "auditor")},
    **{f"{one} list": ("administrator", at(f"/admin/{one}/list")) for one in _IDENTITIES},
    **{f"{one} details": ("administrator", at(f"/admin/{one}/details/{{{one}}}")) for one in _IDENTITIES},
    **{f"{one} create": ("administrator", at(f"/admin/{one}/create")) for one in _CREATED},
    **{f"{one} edit": ("administrator", at(f"/admin/{one}/edit/{{{one}}}")) for one in _CREATED},
    "filtered list": ("agent", at("/admin/ticket/list?status=open,in_progress&search=the&is_overdue=1")),
    "open filter": ("agent", open_filter),
    "advanced filter on a list": ("agent", open_advanced),
    "advanced filter": ("agent", at(f"/admin/ticket/where?where={ADVANCED}")),
    "advanced filter asked wrongly": (
        "agent",
        at("/admin/ticket/where?do=show&where-0-field=created_at&where-0-op=before&where-0-value=soon"),
    ),
    "list in its middle": ("agent", at("/admin/ticket/list?page=3")),
    "list without a match": ("agent", at("/admin/ticket/list?search=zzzz")),
    "empty trash": ("supervisor", at("/admin/comment/list?trash=only")),
    "list that was asked wrongly": ("agent", at("/admin/ticket/list?status=nonsense")),
    "ticked rows": ("supervisor", tick_rows),
    "trashed ticket": ("administrator", at("/admin/ticket/details/{trashed}")),
    "ticket with nothing": ("auditor", at("/admin/ticket/details/{bare}")),
    **{f"{one} past": ("administrator", at(f"/admin/{one}/past/{{{one}}}")) for one in _CREATED},
    "past of what was changed since": ("agent", look_back),
    "past of what is gone": ("auditor", at("/admin/ticket/past/{gone}")),
    "before there was anything": ("agent", at("/admin/ticket/past/{ticket}?at=2020-01-01T10:00")),
    "restoring": ("agent", restore),
    "bringing back": ("administrator", bring_back),
    "bulk choice": ("supervisor", choose),
    "bulk edit of nothing": ("supervisor", edit_many),
    "bulk edit confirmation": ("supervisor", confirm_edit),
    "bulk confirmation": ("supervisor", confirm),
    "deletion without the word": ("administrator", confirm_forever),
    "refused form": ("agent", be_refused),
    "conflict": ("administrator", conflict),
    "account": ("agent", at("/admin/account")),
    "erasure": ("administrator", at("/admin/user/erase/{user}")),
    "erasure refused": ("administrator", be_refused_an_erasure),
    "upload of a file": ("supervisor", at("/admin/import/upload")),
    "upload without a file": ("supervisor", upload_nothing),
    "columns of a file": ("supervisor", at("/admin/import/columns/{import}")),
    "columns refused": ("supervisor", name_columns_wrongly),
    "proof": ("auditor", at("/admin/proof/overview")),
    "verification asked wrongly": ("auditor", verify_wrongly),
    "verification that runs": ("auditor", at("/admin/proof/details/{running}")),
    "verification that was cut off": ("auditor", at("/admin/proof/details/{interrupted}")),
    "verification of a whole history": ("auditor", at("/admin/proof/details/{whole}")),
    "job that runs": ("supervisor", at("/admin/job/details/{running job}")),
    "job that waits for others": ("supervisor", at("/admin/job/details/{waiting job}")),
    "job that waits for one's word": ("administrator", at("/admin/job/details/{waiting job}")),
    "job that failed": ("auditor", at("/admin/job/details/{failed job}")),
    "job with conflicts": ("supervisor", at("/admin/job/details/{undoing job}")),
    "open picker": ("agent", open_picker),
    "changed view": ("supervisor", open_changed_view),
    "view menu": ("supervisor", open_view_menu),
    "view without a name": ("supervisor", save_view_without_name),
    "views": ("supervisor", at("/admin/ticket/views")),
    "no views": ("administrator", at("/admin/tag/views")),
    "chooser": ("agent", open_chooser),
    "export menu": ("supervisor", open_export_menu),
    "keyboard help": ("agent", open_help),
    "palette": ("agent", open_palette),
    "palette as a page": ("agent", at("/admin/palette?q=e")),
    "error 400": ("agent", at("/admin/ticket/details/{ticket}?before=x")),
    "error 403": ("agent", at("/admin/audit-log/list")),
    "error 404": ("agent", at("/admin/ticket/details/99999999")),
    "error 404 for nobody": (None, at("/admin/no-such-page")),
    "error 409": ("supervisor", undo_twice),
    "error 413": ("agent", upload_too_much),
}
