"""Who takes part, and how each is asked for the same thing."""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

from backoffice.admin.keyset import Cursor
from benchmarks.peers.browser import Answer, Browser, Fields, Refused, filled, form_with
from benchmarks.peers.dataset import Dataset
from benchmarks.serving import EMAIL, PASSWORD, ROOT

APPS: Final = Path(__file__).parent / "apps"


@dataclass(frozen=True)
class Ticket:
    """A row that is asked for by its keys."""

    id: int
    title: str
    creator_id: int
    assignee_id: int


@dataclass(frozen=True)
class FarPage:
    """A page far from both ends of the list, and the row that stands before it."""

    number: int
    position: int
    created_at: datetime
    id: int


class Contestant:
    """One product: how it is started, and what the same things are called there."""

    key: str
    label: str
    #: The packages whose versions say which it is.
    packages: Sequence[str] = ()
    #: An ASGI application in `apps`; this product has a command of its own.
    application: str = ""
    #: Whether it runs with the packages of the peers.
    is_peer = True
    driver = "postgresql"

    def commands_before(self, python: Path) -> list[list[str]]:
        """What is run once, before it is served."""
        return []

    def command(self, python: Path, port: int) -> list[str]:
        """What serves it: one process."""
        options = ["--host", "127.0.0.1", "--port", str(port), "--log-level", "error", "--app-dir", str(APPS)]
        return [str(python), "-m", "uvicorn", self.application, *options, "--no-access-log"]

    def commands_beside(self, python: Path) -> list[list[str]]:
        """What runs as long as it is served."""
        return []

    def sign_in(self, browser: Browser) -> None:
        browser.submit("/admin/login", "password", {"username": EMAIL, "password": PASSWORD})
        if "password" in browser.get(self.rows()).text.partition("<table")[0]:
            raise Refused("the sign-in failed")

    def rows(self, **conditions: str) -> str:
        """The list; `page`, `search`, or `status` with `priority`."""
        raise NotImplementedError

    def far(self, page: FarPage) -> str:
        return self.rows(page=str(page.number))

    def ticket(self, ticket: Ticket) -> str:
        raise NotImplementedError

    def form(self, ticket: Ticket) -> str:
        raise NotImplementedError

    def save(self, browser: Browser, ticket: Ticket, title: str) -> partial[Answer]:
        """Open the form, and give back what sends it."""
        path = self.form(ticket)
        answers = {"title": title} | self.left_out_of_the_form(ticket)
        return partial(browser.post, path, filled(form_with(browser.get(path).text, "title"), answers))

    def left_out_of_the_form(self, ticket: Ticket) -> dict[str, str]:
        """What a script would have added to the form, and the name of its button."""
        return {}

    def assign(self, browser: Browser, dataset: Dataset, pks: Sequence[int], assignee: int) -> None:
        raise NotImplementedError

    def export(self, browser: Browser, dataset: Dataset) -> Answer:
        raise NotImplementedError


class Ours(Contestant):
    key, label = "ours", "This product"
    is_peer = False

    def commands_before(self, python: Path) -> list[list[str]]:
        account = ["createsuperuser", "--noinput", "--email", EMAIL, "--name", "Benchmark"]
        return [[sys.executable, str(ROOT / "main.py"), *account]]

    def command(self, python: Path, port: int) -> list[str]:
        return [sys.executable, str(ROOT / "main.py"), "serve", "--port", str(port)]

    def commands_beside(self, python: Path) -> list[list[str]]:
        return [[sys.executable, str(ROOT / "main.py"), "worker"]]

    def rows(self, **conditions: str) -> str:
        return _address("/admin/ticket/list", conditions)

    def far(self, page: FarPage) -> str:
        """Pages so far out have no number: it is where Next leads to."""
        return self.rows(after=str(Cursor([page.created_at, page.id], page.position)))

    def ticket(self, ticket: Ticket) -> str:
        return f"/admin/ticket/details/{ticket.id}"

    def form(self, ticket: Ticket) -> str:
        return f"/admin/ticket/edit/{ticket.id}"

    def assign(self, browser: Browser, dataset: Dataset, pks: Sequence[int], assignee: int) -> None:
        """All that match; the question, which counts and freezes them, is a part of it."""
        days = {"created_at_from": dataset.bulk_from, "created_at_to": dataset.bulk_to}
        token = re.search(r'name="csrf-token" content="([^"]+)"', browser.get("/admin/account").text)
        wanted = {"csrf_token": token[1] if token else "", "scope": "all", "assignee": str(assignee)}
        path = _address("/admin/ticket/bulk/assign", days)
        question = browser.post(path, list(wanted.items()))
        answers = filled(form_with(question.text, "confirm"), {"assignee": str(assignee)})
        if browser.post(path, answers).status == 200:
            raise Refused("it asked again")

    def export(self, browser: Browser, dataset: Dataset) -> Answer:
        return browser.get(f"/admin/ticket/export/csv?created_at_from={dataset.export_from}")


class Django(Contestant):
    key, label = "django", "Django admin"
    packages = ("Django",)
    application = "django_desk.asgi:app"

    def commands_before(self, python: Path) -> list[list[str]]:
        return [[str(python), "-m", "django_desk.prepare"]]

    def sign_in(self, browser: Browser) -> None:
        browser.submit("/admin/login/", "password", {"username": EMAIL, "password": PASSWORD})
        browser.get(self.rows())

    def rows(self, **conditions: str) -> str:
        names = {"page": "p", "search": "q", "status": "status__exact", "priority": "priority__exact"}
        return _address(
            "/admin/django_desk/ticket/", {names[name]: value for name, value in conditions.items()}
        )

    def ticket(self, ticket: Ticket) -> str:
        raise Refused("its form is its page")

    def form(self, ticket: Ticket) -> str:
        return f"/admin/django_desk/ticket/{ticket.id}/change/"

    def left_out_of_the_form(self, ticket: Ticket) -> dict[str, str]:
        return {"_save": "Save"}

    def assign(self, browser: Browser, dataset: Dataset, pks: Sequence[int], assignee: int) -> None:
        """All that match, by “select across”."""
        days = {
            "created_at__gte": f"{dataset.bulk_from}T00:00:00Z",
            "created_at__lte": f"{dataset.bulk_to}T23:59:59.999999Z",
        }
        path = _address("/admin/django_desk/ticket/", days)
        fields = {"action": "assign", "select_across": "1", "index": "0", "_selected_action": str(pks[0])}
        browser.post(path, [*fields.items(), ("csrfmiddlewaretoken", browser.cookies["csrftoken"])])

    def export(self, browser: Browser, dataset: Dataset) -> Answer:
        raise Refused("it has no export")


class SQLAdmin(Contestant):
    key, label = "sqladmin", "SQLAdmin"
    packages = ("sqladmin",)
    application = "sqladmin_desk:app"
    driver = "postgresql+asyncpg"

    def rows(self, **conditions: str) -> str:
        return _address("/admin/ticket/list", conditions)

    def ticket(self, ticket: Ticket) -> str:
        return f"/admin/ticket/details/{ticket.id}"

    def form(self, ticket: Ticket) -> str:
        return f"/admin/ticket/edit/{ticket.id}"

    def left_out_of_the_form(self, ticket: Ticket) -> dict[str, str]:
        people = {"creator": str(ticket.creator_id), "assignee": str(ticket.assignee_id)}
        return people | {"save": "Save"}

    def assign(self, browser: Browser, dataset: Dataset, pks: Sequence[int], assignee: int) -> None:
        """What is ticked, which it puts into the address."""
        browser.follow(f"/admin/ticket/action/assign?pks={','.join(map(str, pks))}")

    def export(self, browser: Browser, dataset: Dataset) -> Answer:
        return browser.get("/admin/ticket/export/csv")


class StarletteAdmin(Contestant):
    key, label = "starlette_admin", "starlette-admin"
    packages = ("starlette-admin",)
    application = "starlette_admin_desk:app"
    driver = "postgresql+asyncpg"

    def rows(self, **conditions: str) -> str:
        names = {"search": "q"}
        asked = {
            names.get(name, name): value
            for name, value in conditions.items()
            if name not in {"status", "priority"}
        }
        if "status" in conditions:
            asked["filter"] = f"status__in={conditions['status']} AND priority__in={conditions['priority']}"
        return _address("/admin/ticket/list", asked)

    def ticket(self, ticket: Ticket) -> str:
        return f"/admin/ticket/detail?pk={ticket.id}"

    def form(self, ticket: Ticket) -> str:
        return f"/admin/ticket/edit?pk={ticket.id}"

    def left_out_of_the_form(self, ticket: Ticket) -> dict[str, str]:
        return {"creator": str(ticket.creator_id), "assignee": str(ticket.assignee_id)}

    def assign(self, browser: Browser, dataset: Dataset, pks: Sequence[int], assignee: int) -> None:
        """All that match."""
        days = f"created_at__between={dataset.bulk_from}T00:00:00..{dataset.bulk_to}T23:59:59"
        self._act(browser, "assign", days, [])

    def export(self, browser: Browser, dataset: Dataset) -> Answer:
        since = f"created_at__between={dataset.export_from}T00:00:00..2100-01-01T00:00:00"
        return self._act(browser, "export", since, [("scope", "filtered"), ("format", "csv")])

    def _act(self, browser: Browser, name: str, condition: str, fields: Fields) -> Answer:
        query = {"name": name, "all": "1", "_list_query": f"?filter={quote(condition)}"}
        token = {"X-CSRFToken": browser.cookies["starlette_admin_csrftoken"]}
        return browser.post(_address("/admin/_api/ticket/action", query), fields, token)


class Limit(Contestant):
    key, label = "limit", "The limit"
    application = "limit:app"
    is_peer = False

    def command(self, python: Path, port: int) -> list[str]:
        return super().command(Path(sys.executable), port)

    def sign_in(self, browser: Browser) -> None:
        browser.get(self.rows())

    def rows(self, **conditions: str) -> str:
        return _address("/rows", conditions)

    def ticket(self, ticket: Ticket) -> str:
        return f"/rows/{ticket.id}"

    def form(self, ticket: Ticket) -> str:
        return f"/rows/{ticket.id}?edit=1"

    def assign(self, browser: Browser, dataset: Dataset, pks: Sequence[int], assignee: int) -> None:
        days = {"from": dataset.bulk_from, "to": dataset.bulk_to, "assignee": str(assignee)}
        browser.post(_address("/assign", days), [])

    def export(self, browser: Browser, dataset: Dataset) -> Answer:
        return browser.get(f"/export?from={dataset.export_from}")


CONTESTANTS: Final[Sequence[Contestant]] = (Ours(), Django(), SQLAdmin(), StarletteAdmin(), Limit())


def environment(contestant: Contestant, database_url: str, settings: Mapping[str, str]) -> dict[str, str]:
    """What all are told alike; nothing of the person's own settings reaches them."""
    ours = {name for name in os.environ if name.startswith("BACKOFFICE_")}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    url = database_url.replace("postgresql", contestant.driver, 1)
    return kept | dict(settings) | {"BENCHMARK_DATABASE_URL": url, "PYTHONPATH": str(APPS)}


def _address(path: str, query: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path
