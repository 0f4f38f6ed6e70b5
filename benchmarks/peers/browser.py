"""Somebody's browser, as far as a benchmark needs one: cookies, forms, and patience for thirty seconds.

It is built on the standard library's client, which costs a fifth of a millisecond a request. It asks for
nothing compressed: over the loopback that would only measure zlib.
"""

import time
from dataclasses import dataclass
from html.parser import HTMLParser
from http.client import HTTPConnection, HTTPException
from http.cookies import SimpleCookie
from typing import Final
from urllib.parse import urlencode

LIMIT: Final = 30.0
PAUSE: Final = 3.0
CHUNK: Final = 1 << 20

Fields = list[tuple[str, str]]


class TooSlow(Exception):
    """No whole answer within the limit."""


class Refused(Exception):
    """An answer that is not what was asked for; its words say what it was."""


@dataclass(frozen=True)
class Answer:
    """What a server said."""

    status: int
    location: str
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


class Browser:
    """One connection that is kept, and its cookies."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection = HTTPConnection("127.0.0.1", port, timeout=LIMIT)
        self._used_at = 0.0
        self.cookies: dict[str, str] = {}

    def another(self) -> "Browser":
        """A second connection of the same person."""
        other = Browser(self._port)
        other.cookies = dict(self.cookies)
        return other

    def get(self, path: str) -> Answer:
        """The page, or Refused."""
        return _expected(self._ask("GET", path, None, {}), {200}, path)

    def follow(self, path: str) -> Answer:
        """What a link was answered that does something: a redirection, or Refused."""
        return _expected(self._ask("GET", path, None, {}), {302, 303}, path)

    def post(self, path: str, fields: Fields, headers: dict[str, str] | None = None) -> Answer:
        """What a form was answered: a page or a redirection, or Refused."""
        form = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        return _expected(self._ask("POST", path, urlencode(fields).encode(), form), {200, 302, 303}, path)

    def submit(self, path: str, field: str, answers: dict[str, str]) -> Answer:
        """Fill the form of the page at `path` that has `field`, and send it."""
        return self.post(path, filled(form_with(self.get(path).text, field), answers))

    def close(self) -> None:
        self._connection.close()

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {"Referer": f"http://127.0.0.1:{self._port}/", **headers} | (
            {"Cookie": cookie} if cookie else {}
        )
        try:
            return self._exchange(method, path, body, sent)
        except TimeoutError:
            self.close()
            raise TooSlow from None
        except (HTTPException, OSError) as error:
            self.close()
            raise Refused(f"the connection broke ({type(error).__name__})") from error

    def _exchange(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        self._connect_anew_after_a_pause()
        deadline = time.monotonic() + LIMIT
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        chunks = []
        while chunk := response.read(CHUNK):
            chunks.append(chunk)
            if time.monotonic() > deadline:
                raise TimeoutError
        self._used_at = time.monotonic()
        for line in response.headers.get_all("Set-Cookie", []):
            self.cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}
        return Answer(response.status, response.headers.get("Location", ""), b"".join(chunks))

    def _connect_anew_after_a_pause(self) -> None:
        # A server hangs up after some seconds without a request; a connection that is new costs nothing here.
        if time.monotonic() - self._used_at > PAUSE:
            self.close()


def _expected(answer: Answer, statuses: set[int], path: str) -> Answer:
    if answer.status not in statuses:
        raise Refused(f"{path.partition('?')[0]} answered {answer.status}")
    return answer


def form_with(html: str, field: str) -> Fields:
    """What the form that has `field` would send as it stands."""
    reader = _Forms()
    reader.feed(html)
    for form in reader.forms:
        if any(name == field for name, _ in form):
            return form
    raise Refused(f"there is no form with {field} on the page")


def filled(form: Fields, answers: dict[str, str]) -> Fields:
    """The same with `answers` in place of what was there."""
    return [(name, value) for name, value in form if name not in answers] + list(answers.items())


class _Forms(HTMLParser):
    """Reads the fields of each form on a page."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Fields] = [[]]
        self._select = ""
        self._textarea: str | None = None
        self._written = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("name") or ""
        if tag == "form":
            self.forms.append([])
        elif tag == "input" and name:
            self._input(name, given)
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and "selected" in given:
            self.forms[-1].append((self._select, given.get("value") or ""))
        elif tag == "textarea" and name:
            self._textarea, self._written = name, ""

    def _input(self, name: str, given: dict[str, str | None]) -> None:
        kind = given.get("type") or "text"
        is_left_out = kind in {"submit", "button", "file", "image"}
        if is_left_out or (kind in {"checkbox", "radio"} and "checked" not in given):
            return
        self.forms[-1].append((name, given.get("value") or ""))

    def handle_data(self, data: str) -> None:
        if self._textarea is not None:
            self._written += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""
        elif tag == "textarea" and self._textarea is not None:
            # A browser leaves out the line break that a page may begin with.
            self.forms[-1].append((self._textarea, self._written.removeprefix("\n")))
            self._textarea = None
