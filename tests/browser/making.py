"""Records that try the layout of every page: long words, other scripts, and one in each state."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Page, expect

from models import TicketPriority, TicketStatus
from tests.browser.images import a_picture
from tests.browser.imports import make_import
from tests.browser.jobs import make_jobs
from tests.browser.proofs import make_proofs
from tests.browser.served import Served
from tests.browser.steps import message, save
from tests.factories import make_comment, make_tag, make_ticket, make_user

LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
ARABIC = "الطابعة في الطابق الثالث لا تعمل"
#: Of which most is folded away when something before or after it was changed.
LONG_STORY = " and so on, as it always goes with printers" * 12


@dataclass(frozen=True)
class Exhibits:
    """The key of a record a page, by identity, and of tickets in states of their own."""

    keys: Mapping[str, Any]
    trashed: int
    bare: int
    gone: int

    def __getitem__(self, identity: str) -> Any:
        return self.keys[identity]


async def make_exhibits(served: Served, supervisor: Page) -> Exhibits:
    """A ticket with all that can hang on one, one in the trash, and one with nothing."""
    customer = await served.add(make_user, full_name=f"Cleo {LONG_WORD}")
    tags = [await served.add(make_tag, name=name) for name in ("exhibit", LONG_WORD[:50], ARABIC)]
    ticket = await served.add(
        make_ticket,
        title=f"{LONG_WORD} {ARABIC} 🧯",
        description=f"{LONG_WORD}\n\n{ARABIC}{LONG_STORY}",
        creator=customer,
        tags=tags,
        status=TicketStatus.WAITING_ON_CUSTOMER,
        priority=TicketPriority.URGENT,
    )
    for is_internal in (False, True):
        comment = await served.add(
            make_comment, ticket=ticket, content=f"{ARABIC} {LONG_WORD}", is_internal=is_internal
        )
    await _work_on(supervisor, ticket.id)
    trashed, bare = await served.add(make_ticket), await served.add(make_ticket)
    await served.owner.execute("UPDATE tickets SET deleted_at = now() WHERE id = $1", trashed.id)
    newest = "SELECT id FROM {} ORDER BY created_at DESC LIMIT 1"
    keys = {
        "ticket": ticket.id,
        "comment": comment.id,
        "attachment": await served.value(newest.format("attachments")),
        "tag": tags[1].id,
        "user": customer.id,
        "group": await served.value("SELECT id FROM groups WHERE name = 'Supervisors'"),
        "operation": await served.value(newest.format("operations WHERE verb LIKE 'ticket.%'")),
        "audit-log": await served.value("SELECT max(id) FROM audit_logs WHERE table_name <> 'operations'"),
        "import": await make_import(served),
        **await make_jobs(served, ticket.id),
        **await make_proofs(served),
    }
    return Exhibits(keys, trashed.id, bare.id, await _gone(served))


async def _gone(served: Served) -> int:
    """A ticket that was deleted forever, with what was said on it."""
    ticket = await served.add(make_ticket, title=f"Gone {LONG_WORD}")
    await served.add(make_comment, ticket=ticket, content=f"{ARABIC} {LONG_WORD}")
    for table, column in (("comments", "ticket_id"), ("tickets", "id")):
        await served.owner.execute(f"DELETE FROM {table} WHERE {column} = $1", ticket.id)
    return ticket.id


async def _work_on(page: Page, ticket: int) -> None:
    await page.goto(f"/admin/ticket/details/{ticket}")
    picture = {"name": f"{LONG_WORD}.png", "mimeType": "image/png", "buffer": a_picture()}
    await page.get_by_label("File").set_input_files(picture)
    await page.get_by_role("button", name="Attach").click()
    await expect(message(page, "is attached")).to_be_visible()
    await page.goto(f"/admin/ticket/edit/{ticket}")
    await page.get_by_label("Description").fill(
        f"{LONG_WORD}\n{ARABIC}{LONG_STORY}\nand what was added later"
    )
    await save(page)
