"""Requests as they come over the wire, for those that no well-behaved client would send."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.admin.desk import Desk, Visitor

BOUNDARY = "frontier"


@dataclass
class Answer:
    """What was sent back; `status_code` is 0 where nothing was."""

    status_code: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    text: str = ""


async def send(
    desk: Desk,
    visitor: Visitor,
    url: str,
    chunks: Sequence[bytes] = (b"",),
    *,
    method: str = "POST",
    content_type: bytes = b"application/x-www-form-urlencoded",
    host: bytes = b"testserver",
    breaks_off: bool = False,
    query: bytes = b"",
) -> Answer:
    """Send `chunks` as the body, with the visitor's cookie and token; `breaks_off` hangs up early."""
    headers = [
        (b"host", host),
        (b"content-type", content_type),
        (b"x-csrf-token", (await visitor.token()).encode()),
        (b"cookie", "; ".join(f"{name}={value}" for name, value in visitor.client.cookies.items()).encode()),
    ]
    waiting: list[dict[str, Any]] = [
        {"type": "http.request", "body": chunk, "more_body": breaks_off or number < len(chunks)}
        for number, chunk in enumerate(chunks, 1)
    ]
    waiting += [{"type": "http.disconnect"}]

    async def receive() -> dict[str, Any]:
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    answer = Answer()

    async def answered(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer.status_code = message["status"]
            answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            answer.text += message.get("body", b"").decode("utf-8", "replace")

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": url,
        "raw_path": url.encode(),
        "root_path": "",
        "query_string": query,
        "headers": headers,
        "client": ("127.0.0.1", 5000),
        "server": ("testserver", 80),
    }
    await desk.app(scope, receive, answered)
    return answer


def part(name: str, content: bytes, filename: str | None = None, *, end: bool = True) -> bytes:
    """A part of a multipart body, and its end."""
    file = f'; filename="{filename}"' if filename is not None else ""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
    return head.encode() + content + (f"\r\n--{BOUNDARY}--\r\n".encode() if end else b"")


MULTIPART = f"multipart/form-data; boundary={BOUNDARY}".encode()
