"""A page's form as a browser has it: read from the HTML, filled in, and sent as browsers send it."""

import json
import re
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from typing import Any

import asyncpg
from httpx import AsyncClient, Response

Pairs = list[tuple[str, str]]


@dataclass
class PageForm:
    """The form with the class `record-form` of a page, with its values."""

    client: AsyncClient
    action: str
    pairs: Pairs = field(default_factory=list)

    def __getitem__(self, name: str) -> str:
        [value] = self.all(name)
        return value

    def all(self, name: str) -> list[str]:
        return [value for known, value in self.pairs if known == name]

    def filled(self, **changes: str | list[str] | None) -> Pairs:
        """The form with `changes`; None takes a field away."""
        kept = [pair for pair in self.pairs if pair[0] not in changes]
        for name, value in changes.items():
            values = [] if value is None else [value] if isinstance(value, str) else value
            kept += [(name, one) for one in values]
        return kept

    async def send(self, **changes: str | list[str] | None) -> Response:
        # Every browser ends lines this way.
        pairs = [(name, re.sub(r"\r?\n", "\r\n", value)) for name, value in self.filled(**changes)]
        return await self.client.post(self.action, files=[(name, (None, value)) for name, value in pairs])


async def open_form(client: AsyncClient, url: str) -> PageForm:
    answer = await client.get(url)
    assert answer.status_code == 200, answer.text
    return form_in(client, answer)


def form_in(client: AsyncClient, answer: Response) -> PageForm:
    """The form of the page that was answered."""
    reader = _FormReader()
    reader.feed(answer.text)
    return PageForm(client, reader.action, reader.pairs)


def errors_in(answer: Response) -> dict[str, str]:
    """What the page complains about, by the id of the field."""
    found = re.findall(r'id="([\w-]+)-error">(.*?)</p>', answer.text, re.DOTALL)
    return {name: unescape(re.sub(r"<[^>]+>", "", text)).strip() for name, text in found}


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.pairs: Pairs = []
        self._is_inside = False
        self._select = ""
        self._options: list[tuple[str, bool]] = []
        self._textarea: list[str] | None = None
        self._name = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given: dict[str, Any] = {name: value or "" for name, value in attributes}
        if tag == "form" and "record-form" in given.get("class", ""):
            self._is_inside, self.action = True, given["action"]
        elif self._is_inside:
            getattr(self, f"_start_{tag}", lambda given: None)(given)

    def handle_data(self, data: str) -> None:
        if self._textarea is not None:
            self._textarea.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._is_inside = False
        elif tag == "textarea" and self._textarea is not None:
            text = "".join(self._textarea).replace("\r\n", "\n")
            self.pairs.append((self._name, text.removeprefix("\n")))
            self._textarea = None
        elif tag == "select" and self._select:
            self._end_select()

    def _start_input(self, given: dict[str, Any]) -> None:
        if not given.get("name") or given.get("type") == "file":
            return
        if given.get("type") in ("checkbox", "radio") and "checked" not in given:
            return
        self.pairs.append((given["name"], given.get("value", "on")))

    def _start_textarea(self, given: dict[str, Any]) -> None:
        self._name, self._textarea = given["name"], []

    def _start_select(self, given: dict[str, Any]) -> None:
        self._select, self._options, self._is_multiple = given["name"], [], "multiple" in given

    def _start_option(self, given: dict[str, Any]) -> None:
        self._options.append((given.get("value", ""), "selected" in given))

    def _end_select(self) -> None:
        chosen = [value for value, is_selected in self._options if is_selected]
        if not self._is_multiple:
            chosen = chosen[:1] or [value for value, _ in self._options[:1]]
        self.pairs += [(self._select, value) for value in chosen]
        self._select = ""


@dataclass
class History:
    """What was written to the history since this was made, or since it was asked last."""

    owner: asyncpg.Connection
    seen: int = 0

    async def entries(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Table, action and changes (field: (old, new)) of each new entry."""
        rows = await self.owner.fetch(
            "SELECT id, table_name, action, changes FROM audit_logs"
            " WHERE id > $1 AND table_name <> 'operations' ORDER BY id",
            self.seen,
        )
        self.seen = max([self.seen, *(row["id"] for row in rows)])
        return [(row["table_name"], row["action"], _changes(row["changes"])) for row in rows]


async def history_from_now(owner: asyncpg.Connection) -> History:
    history = History(owner)
    await history.entries()
    return history


def _changes(stored: str) -> dict[str, Any]:
    return {name: (change.get("old"), change.get("new")) for name, change in json.loads(stored).items()}
