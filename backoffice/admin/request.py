"""What a request carries through the admin: its session, its person, its flashes, its form."""

import json
from dataclasses import asdict, replace
from typing import Any
from urllib.parse import unquote, urlsplit

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse

from backoffice.accounts.sessions import CurrentUser
from backoffice.admin.formats import shorten
from backoffice.admin.pages import Flash, Link
from backoffice.errors import BadInput
from backoffice.keys import is_key

#: Of messages that wait, as JSON: a browser keeps a cookie of 4 KB, and its base64 is longer.
MOST_WAITING = 2_500


def current_user(request: Request) -> CurrentUser:
    """Who is signed in; the edge lets nobody else pass, but on the sign-in page."""
    user: CurrentUser = request.state.user
    return user


def submitted(request: Request) -> FormData:
    """The form of an unsafe request, read and checked by the edge."""
    form: FormData = request.state.form
    return form


def flash(request: Request, message: Flash) -> None:
    """Show `message` once, on the next page; of more than the cookie can hold the oldest give way."""
    link = replace(message.link, label=shorten(message.link.label, 80)) if message.link else None
    message = replace(message, text=shorten(message.text, 160), link=link)
    waiting = [*request.session.get("flashes", []), asdict(message)]
    while len(waiting) > 1 and len(json.dumps(waiting)) > MOST_WAITING:
        waiting.pop(0)
    # Assigned, for a list that merely grows is no change that the session notices.
    request.session["flashes"] = waiting


def take_flashes(request: Request) -> list[Flash]:
    """The messages that were not shown yet; they are not given twice."""
    return [_flash(stored) for stored in request.session.pop("flashes", [])]


def unsay_flashes(request: Request) -> None:
    """Leave only the messages that waited before this request: what it says of itself did not happen."""
    if request.session.get("flashes", []) != request.state.earlier_flashes:
        request.session["flashes"] = request.state.earlier_flashes


def _flash(stored: dict[str, Any]) -> Flash:
    link = stored.pop("link")
    return Flash(**stored, link=Link(**link) if link else None)


def see_other(url: str) -> RedirectResponse:
    """303: the change is done, look here now."""
    return RedirectResponse(url, status_code=303)


def is_ours(url: str, base_url: str) -> bool:
    """Whether `url` is a path of this site, whatever a browser makes of it: nothing leads elsewhere."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    is_path = not parts.scheme and not parts.netloc and parts.path.startswith(f"{base_url}/")
    climbs = not {".", ".."}.isdisjoint(unquote(parts.path).split("/"))
    return is_path and not climbs and "\\" not in url and url.isascii() and url.isprintable()


def came_from(request: Request, base_url: str) -> str:
    """The page of this site that the request came from, else its index."""
    _, _, path = request.headers.get("referer", "").partition(f"://{request.url.netloc}")
    return path if is_ours(path, base_url) else f"{base_url}/"


def positive_number(request: Request, name: str) -> int | None:
    """The number in the query under `name`, None if there is none; BadInput for anything else."""
    raw = request.query_params.get(name, "")
    if not raw:
        return None
    if not is_key(raw):
        raise BadInput(f"“{name}” is not a number that an entry can have.")
    return int(raw)
