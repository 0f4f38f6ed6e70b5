"""Erasing a person from their page: what will go, on what basis, and their address typed to make sure."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from wtforms import Form, StringField
from wtforms.validators import InputRequired, Length

from backoffice.accounts.typed import sought_email
from backoffice.admin.pages import Flash, Link
from backoffice.admin.request import current_user, flash, see_other, submitted
from backoffice.admin.saving import place
from backoffice.admin.site import AdminSite
from backoffice.admin.view import View
from backoffice.attachments import FileStore
from backoffice.audit.context import Change
from backoffice.audit.proof.keys import find_signing_key
from backoffice.desk.erased_files import remove_erased_files, remove_lists
from backoffice.desk.erasure import LONGEST_BASIS, Erasure, check_eraser, erase_user, preview_erasure
from backoffice.errors import BadInput, Conflict
from models import User

NO_KEY = "An erasure is signed, and this deployment has no key: set BACKOFFICE_AUDIT_KEY first."
NOTHING_LEFT = "Nothing personal is left of this person: they were erased already."
#: How many of each go, one and several of them.
NOUNS = {
    "tickets": ("ticket of theirs", "tickets of theirs"),
    "comments": ("comment", "comments"),
    "attachments": ("file", "files"),
    "entries": ("entry of the history", "entries of the history"),
    "operations": ("operation", "operations"),
    "imports": ("import that names them", "imports that name them"),
    "sign_ins": ("browser signed in", "browsers signed in"),
}


class EraseForm(Form):
    basis = StringField(
        "Basis",
        [InputRequired("Say on what basis, such as the request and its date."), Length(max=LONGEST_BASIS)],
        description="Stays on record for good: leave out the person's name and e-mail address.",
    )
    email = StringField(
        "Their e-mail address",
        [InputRequired("Type the address that is shown above.")],
        description="To make sure that it is the right person. What is erased cannot be brought back.",
        render_kw={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"},
    )


@dataclass(frozen=True)
class ErasePage:
    """What goes, in counts, and the form that does it; an `obstacle` stands in its place."""

    title: str
    name: str
    email: str
    tally: Sequence[tuple[int, str]]
    obstacle: str
    form: Form
    action_url: str
    back: Link
    errors: Sequence[str] = ()


async def question(view: View, request: Request) -> Response:
    """The page that asks."""
    return await _ask(view, request, await _person(view, request), EraseForm())


async def answer(view: View, request: Request) -> Response:
    """Erase the person, or ask again."""
    person = await _person(view, request)
    form = EraseForm(submitted(request))
    if not form.validate():
        return await _ask(view, request, person, form, status_code=400)
    if sought_email(form.email.data or "") != person.email:
        form.email.errors = ["This is not their e-mail address."]
        return await _ask(view, request, person, form, status_code=400)
    key = find_signing_key(view.site.settings)
    if key is None:
        raise Conflict(NO_KEY)
    try:
        erasure = await erase_user(request.state.session, key, person.id, basis=form.basis.data or "")
    except BadInput as error:
        return await _ask(view, request, person, form, errors=place(form, error), status_code=400)
    blanked = f"{erasure.entries:,} entries of the history were blanked"
    flash(request, Flash(f"Erased. {blanked}; files of imports and exports are removed."))
    response = see_other(view.url("details", person.id))
    response.background = BackgroundTask(_remove_files, view.site, request.state.change)
    return response


async def _person(view: View, request: Request) -> User:
    view.require(request, "action:erase")
    person: User = await view.load(request, request.path_params["pk"])
    await check_eraser(request.state.session, current_user(request), person)
    return person


async def _ask(
    view: View,
    request: Request,
    person: User,
    form: EraseForm,
    *,
    errors: Sequence[str] = (),
    status_code: int = 200,
) -> Response:
    erasure = await preview_erasure(request.state.session, person)
    page = ErasePage(
        title="Erase personal data",
        name=person.full_name,
        email=person.email,
        tally=_tally(erasure),
        obstacle=_obstacle(view, erasure),
        form=form,
        action_url=view.url("erase", person.id),
        back=Link(person.full_name, view.url("details", person.id)),
        errors=errors,
    )
    return view.site.render(request, "erase.html", page, status_code=status_code)


def _tally(erasure: Erasure) -> list[tuple[int, str]]:
    numbers = [(erasure.counts[name], words) for name, words in NOUNS.items()]
    return [(number, words[number != 1]) for number, words in numbers]


def _obstacle(view: View, erasure: Erasure) -> str:
    if find_signing_key(view.site.settings) is None:
        return NO_KEY
    return NOTHING_LEFT if erasure.is_empty else ""


async def _remove_files(site: AdminSite, change: Change) -> None:
    store = FileStore(site.settings.attachments_dir)
    await remove_lists(site.factory, site.settings)
    await remove_erased_files(site.factory, store, change.operation_id)
