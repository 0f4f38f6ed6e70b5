"""What every response says to the browser, and what every request must prove."""

import secrets
from collections.abc import MutableMapping
from typing import Any, Final

from markupsafe import Markup
from starlette.datastructures import FormData
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backoffice.errors import BadInput, NotAllowed, TooLarge

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_FIELD: Final = "csrf_token"
CSRF_HEADER: Final = "X-CSRF-Token"
_CSRF_FIELD: Final = Markup('<input type="hidden" name="{}" value="{}">')

#: No inline script or style, nothing from elsewhere, no framing.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# As they are sent: there are as many of them on every response.
_HEADERS: Final = [
    (name.lower().encode(), value.encode())
    for name, value in (HEADERS | {"Cache-Control": "no-store"}).items()
]
_OVER_TLS: Final = [*_HEADERS, (b"strict-transport-security", b"max-age=31536000")]


class SecurityHeaders:
    """Adds the headers to every response; what sets no caching of its own is not kept by anybody."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in message["headers"]}
                wanted = _OVER_TLS if scope["scheme"] == "https" else _HEADERS
                missing = [header for header in wanted if header[0] not in own]
                message["headers"] = [*message["headers"], *missing]
            await send(message)

        await self.app(scope, receive, send_with_headers)


class SignedCookie:
    """Starlette's signed session cookie, `Secure` whenever the request came by TLS."""

    def __init__(self, app: ASGIApp, *, secret_key: str, max_age: int) -> None:
        self._by_scheme = {
            scheme: SessionMiddleware(
                app,
                secret_key=secret_key,
                session_cookie="backoffice_session",
                max_age=max_age,
                same_site="lax",
                https_only=scheme == "https",
            )
            for scheme in ("http", "https")
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._by_scheme["https" if scope.get("scheme") == "https" else "http"](scope, receive, send)


def csrf_token(request: Request) -> str:
    """The token that this browser's forms must carry."""
    token: str = request.session.setdefault("csrf", secrets.token_urlsafe(32))
    return token


def csrf_field(token: str) -> Markup:
    """The hidden field that carries `token` in a form."""
    return _CSRF_FIELD.format(CSRF_FIELD, token)


def renew_csrf_token(request: Request) -> None:
    """A new token: whoever knew the old one, before the sign-in, knows nothing now."""
    request.session["csrf"] = secrets.token_urlsafe(32)


def check_csrf(request: Request, form: FormData) -> None:
    """Raise NotAllowed unless the request carries the token of this browser's session."""
    expected = request.session.get("csrf", "")
    given = request.headers.get(CSRF_HEADER) or form.get(CSRF_FIELD)
    if (
        not expected
        or not isinstance(given, str)
        or not secrets.compare_digest(given.encode(), expected.encode())
    ):
        # Going back loads the form anew and leaves in it what was typed; reloading would not.
        raise NotAllowed(
            "This form has expired or did not come from here. Sign in if you are asked to, go back, and send"
            " it again: what you typed is still there."
        )


def limited(receive: Receive, limit: int) -> Receive:
    """`receive`, which raises TooLarge once a body has more than `limit` bytes."""
    seen = 0

    async def receive_within_limit() -> MutableMapping[str, Any]:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise TooLarge(f"That is too much at once: at most {limit // 1024 // 1024} MB are taken.")
        return message

    return receive_within_limit


def refuse_control_characters(request: Request, form: FormData) -> None:
    """Raise BadInput where a NUL stands in any text: PostgreSQL holds none, and no person types one."""
    pairs = [*request.path_params.items(), *request.query_params.multi_items(), *form.multi_items()]
    if any(isinstance(text, str) and "\x00" in text for _, text in pairs):
        raise BadInput("What you sent holds a character that cannot be kept (NUL).")
