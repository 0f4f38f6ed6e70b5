"""What the tests of exports read: files by format, and an answer piece by piece."""

import csv
import json
from asyncio import Event, sleep
from collections.abc import Awaitable, Callable
from io import BytesIO, StringIO
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree
from zipfile import ZipFile

from httpx import Response

from tests.admin.desk import Desk, Visitor

_SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


async def exported(visitor: Visitor, made: str = "csv", page: str = "ticket", /, **query: Any) -> Response:
    return await visitor.get(f"/admin/{page}/export/{made}?{urlencode(query, doseq=True)}")


def csv_in(response: Response) -> list[list[str]]:
    """The lines of the file, its heading first."""
    assert response.status_code == 200, response.text
    assert response.content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(StringIO(response.content.decode("utf-8-sig"), newline="")))


def column_in(response: Response, label: str) -> list[str]:
    heading, *lines = csv_in(response)
    return [line[heading.index(label)] for line in lines]


def objects_in(response: Response) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    return [json.loads(line) for line in response.text.splitlines()]


def cells_in(response: Response, number: int = 1) -> list[list[tuple[str, str]]]:
    """The rows of the sheet: type (`n` is a number) and text of each cell; a formula fails."""
    assert response.status_code == 200, response.text
    with ZipFile(BytesIO(response.content)) as archive:
        sheet = ElementTree.fromstring(archive.read(f"xl/worksheets/sheet{number}.xml"))  # noqa: S314 - our own
    assert not list(sheet.iter(f"{_SHEET}f"))
    return [
        [(cell.get("t", "n"), "".join(cell.itertext())) for cell in row] for row in sheet.iter(f"{_SHEET}row")
    ]


async def received(
    desk: Desk,
    visitor: Visitor,
    url: str,
    *,
    after_first: Callable[[], Awaitable[Any]] | None = None,
    hangs_up: bool = False,
) -> tuple[list[dict[str, Any]], Exception | None]:
    """The messages of an answer, and what it broke off with.

    `after_first` is called, or the reader goes, when the first piece was sent.
    """
    path, _, query = url.partition("?")
    cookies = "; ".join(f"{name}={value}" for name, value in visitor.client.cookies.items())
    messages: list[dict[str, Any]] = []
    gone = Event()

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        messages.append(message)
        if sum("body" in one for one in messages) == 1 and "body" in message:
            if after_first:
                await after_first()
            if hangs_up:
                gone.set()
                # As a socket whose reader is gone: what is sent goes nowhere, and takes a while.
                await sleep(0.05)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(b"host", b"testserver"), (b"cookie", cookies.encode())],
        "client": ("127.0.0.1", 5000),
        "server": ("testserver", 80),
    }
    try:
        await desk.app(scope, receive, send)
    except Exception as error:  # noqa: BLE001 - a server, too, takes whatever comes
        return messages, error
    return messages, None
