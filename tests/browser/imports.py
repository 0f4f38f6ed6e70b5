"""A file that was tried, with rows of each verdict and words that try the layout, for pages that show it."""

import json
from typing import TYPE_CHECKING, Final

from playwright.async_api import Page, expect

from backoffice.desk.importing.plan import first_plan
from backoffice.desk.importing.source import Format, Source
from models import ImportKind
from tests.browser.served import Served

if TYPE_CHECKING:
    from tests.browser.making import Exhibits

WORD: Final = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
COLUMNS: Final = {
    "Number": ["A-1", "A-2"],
    f"Betreff {WORD}": [WORD, "الطابعة لا تعمل", "Third"],
    "Status": ["Geparkt", "open"],
    "Priority": ["normal"],
    "Requester email": [],
    "Assignee": ["Sam"],
    "Tags": ["one, two"],
}
ROWS: Final = (
    ("create", "A-1", WORD, ""),
    ("update", "A-2", "Second", "subject, status, 12 comments"),
    ("skip", "A-3", "Third", "it is so already"),
    ("error", None, "", f"Status “{WORD}” is none that is known: say what it means"),
)


async def make_import(served: Served) -> str:
    """The key of an import that was checked and can be run."""
    columns = [
        {"name": name, "samples": samples, "values": dict.fromkeys(samples, 1)}
        for name, samples in COLUMNS.items()
    ]
    key: str = await served.value(
        "INSERT INTO imports"
        " (user_id, kind, state, filename, size_bytes, source, columns, row_count, plan, counts)"
        " SELECT min(id), 'tickets', 'checked', $1, 1234567, $2::text::jsonb, $3::text::jsonb, 4,"
        " $4::text::jsonb, $5::text::jsonb FROM users WHERE is_staff RETURNING id::text",
        f"{WORD}.csv",
        json.dumps(Source(Format.CSV, "cp1252", ";").as_json()),
        json.dumps(columns),
        json.dumps(first_plan(ImportKind.TICKETS, [*COLUMNS]).as_json()),
        json.dumps({verdict: 1 for verdict, *_ in ROWS}),
    )
    for number, (verdict, name, title, reason) in enumerate(ROWS, start=1):
        await served.owner.execute(
            "INSERT INTO import_rows (import_id, number, line, key, title, verdict, reason)"
            " VALUES ($1::text::uuid, $2, $2, $3, $4, $5::text::import_verdict, $6)",
            *(key, number, name, title, verdict, reason),
        )
    return key


async def upload_nothing(page: Page, exhibits: "Exhibits") -> None:
    await page.goto("/admin/import/upload")
    await page.get_by_role("button", name="Upload").click()
    await expect(page.get_by_role("alert")).to_be_visible()


async def name_columns_wrongly(page: Page, exhibits: "Exhibits") -> None:
    await page.goto(f"/admin/import/columns/{exhibits['import']}")
    for position in (0, 1):
        await page.locator(f"#column-{position}").select_option("title")
    await page.get_by_role("button", name="Check every row").click()
    await expect(page.get_by_role("alert")).to_be_visible()
