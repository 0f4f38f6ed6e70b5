"""Bringing a file: what is in it, and the file itself."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from wtforms import FileField, Form, RadioField
from wtforms.validators import InputRequired

from backoffice.admin.pages import Link
from backoffice.admin.request import current_user, see_other, submitted
from backoffice.admin.view import View
from backoffice.attachments.store import in_words
from backoffice.desk.importing.files import ImportFolder
from backoffice.desk.importing.uploading import take_in
from backoffice.errors import BadInput, NotAllowed
from models import ImportKind, Ticket, User

IMPORT: Final = "action:import"
CHUNK: Final = 1024 * 1024
KINDS: Final = [(kind.value, kind.value.capitalize()) for kind in ImportKind]
MODELS: Final = {ImportKind.TICKETS: Ticket, ImportKind.PEOPLE: User}


class UploadForm(Form):
    kind = RadioField("What is in it", [InputRequired("Say what is in the file.")], choices=KINDS)
    file = FileField(
        "File",
        description="CSV, with the columns’ names in its first row; JSON or JSON Lines, as from Zendesk.",
    )


@dataclass(frozen=True)
class UploadPage:
    title: str
    form: Form
    limit: str
    action_url: str
    back: Link
    errors: Sequence[str] = ()


def folder_of(view: View) -> ImportFolder:
    """Where this deployment's files wait."""
    return ImportFolder.of(view.site.settings)


def require_import(view: View, request: Request, kind: ImportKind | None = None) -> None:
    """Raise NotAllowed unless this person may import, and make and change themselves what is imported."""
    view.require(request, IMPORT)
    if kind is None:
        return
    of_records, of_people = view.site.view_of(MODELS[kind]), view.site.view_of(User)
    asked = [(of_records, "create"), (of_records, "edit"), (of_people, "create")]
    if any(page is not None and not page.may(request, action) for page, action in asked):
        raise NotAllowed(f"You may not import {kind.value}: it takes the right to create and edit them.")


async def question(view: View, request: Request) -> Response:
    """The page that asks for a file."""
    view.require(request, IMPORT)
    return _ask(view, request, UploadForm(kind=ImportKind.TICKETS.value))


async def answer(view: View, request: Request) -> Response:
    """Take the file in, and go on to its columns; or ask again."""
    view.require(request, IMPORT)
    form = UploadForm(submitted(request))
    upload = submitted(request).get("file")
    if not isinstance(upload, UploadFile) or not upload.filename:
        form.validate()
        form.file.errors = ["Choose a file first."]
    elif form.validate():
        try:
            return await _take(view, request, ImportKind(form.kind.data), upload)
        except BadInput as error:
            form.file.errors = [str(error)]
    return _ask(view, request, form, status_code=400)


async def _take(view: View, request: Request, kind: ImportKind, upload: UploadFile) -> Response:
    require_import(view, request, kind)
    user = current_user(request)
    file = await take_in(
        request.state.session,
        folder_of(view),
        _chunks(upload),
        kind=kind,
        filename=upload.filename or "",
        user_id=user.id,
        time_zone=user.time_zone,
        limit=view.upload_limit,
    )
    return see_other(view.url("columns", file.id))


async def _chunks(upload: UploadFile) -> AsyncIterator[bytes]:
    while chunk := await upload.read(CHUNK):
        yield chunk


def _ask(view: View, request: Request, form: Form, *, status_code: int = 200) -> Response:
    page = UploadPage(
        title="Import a file",
        form=form,
        limit=in_words(view.upload_limit),
        action_url=view.url("upload"),
        back=Link("Imports", view.url("list")),
    )
    return view.site.render(request, "import_upload.html", page, status_code=status_code)
