"""What no page may do, whatever is done on it: fail in a script, break its policy, or call somewhere else."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Page, Request, Response

#: What the browser itself says of a page that was refused; responses are looked at one by one instead.
OF_RESPONSES = "Failed to load resource"


@dataclass
class Watch:
    """Collects the misdeeds of every page of a browser context."""

    host: str
    misdeeds: list[str] = field(default_factory=list)

    def over(self, context: BrowserContext) -> None:
        context.on("page", self._over_page)
        context.on("request", self._request)
        context.on("response", self._response)

    def _over_page(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.misdeeds.append(f"error in a script of {page.url}: {error}"))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and OF_RESPONSES not in message.text:
            self.misdeeds.append(f"the console says: {message.text}")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.netloc != self.host:
            self.misdeeds.append(f"asks another host: {request.url}")

    def _response(self, response: Response) -> None:
        """A page may be refused, and says why; what belongs to a page must be there."""
        is_page = response.request.is_navigation_request()
        if response.status >= (500 if is_page else 400):
            self.misdeeds.append(f"{response.status} for {response.url}")
