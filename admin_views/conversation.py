"""A ticket's page beyond its facts: comments with a reply box, and attachments."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from wtforms import FileField, Form, RadioField, TextAreaField, validators

from admin_views import uploads
from admin_views.on_ticket import comments_on, files_on
from backoffice.admin.details import details_page
from backoffice.admin.origin import keeping, origin
from backoffice.admin.pages import Flash
from backoffice.admin.request import current_user, flash, see_other, submitted
from backoffice.admin.view import View
from backoffice.desk import reply as write_reply
from backoffice.errors import BackofficeError, Conflict
from models import Attachment, Ticket

LONGEST_COMMENT = 100_000


class ReplyForm(Form):
    content = TextAreaField(
        "Write", [validators.InputRequired("Write something first."), validators.Length(max=LONGEST_COMMENT)]
    )
    kind = RadioField(
        "To",
        choices=[("public", "Reply to the customer"), ("internal", "Internal note")],
        default="public",
    )


class UploadForm(Form):
    file = FileField("File")


async def around(view: View, request: Request, ticket: Ticket) -> Mapping[str, Any]:
    """What the ticket's template shows beside the facts; a trashed ticket shows it all, and takes no more."""
    takes_more = not ticket.is_trashed and view.may(request, "edit", ticket)
    return {
        "description": ticket.description,
        "comments": await comments_on(view, request, ticket),
        "attachments": await files_on(view, request, ticket),
        "reply_form": ReplyForm() if takes_more else None,
        "reply_url": _address(view, request, f"{ticket.id}/reply"),
        "upload_form": UploadForm() if takes_more else None,
        "upload_url": _address(view, request, f"{ticket.id}/attach") if takes_more else None,
    }


async def reply(view: View, request: Request) -> Response:
    """Add a public reply or an internal note."""
    ticket = await _open_ticket(view, request)
    form = ReplyForm(submitted(request))
    if not form.validate():
        return await details_page(view.site, view, request, refused={"reply_form": form}, status_code=400)
    await write_reply(
        request.state.session,
        ticket,
        author_id=current_user(request).id,
        content=(form.content.data or "").replace("\r\n", "\n"),
        is_internal=form.kind.data == "internal",
    )
    flash(request, Flash("Note added." if form.kind.data == "internal" else "Reply added."))
    return see_other(_address(view, request, f"details/{ticket.id}"))


async def attach(view: View, request: Request) -> Response:
    """Store an uploaded file, and put it on the ticket."""
    ticket = await _open_ticket(view, request)
    attachment = Attachment(ticket_id=ticket.id)
    try:
        await uploads.store(request, view.site.settings, attachment, submitted(request).get("file"))
    except BackofficeError as error:
        return await _refuse_upload(view, request, error)
    request.state.session.add(attachment)
    await request.state.session.flush()
    flash(request, Flash(f"{attachment.filename} is attached."))
    return see_other(_address(view, request, f"details/{ticket.id}"))


async def _refuse_upload(view: View, request: Request, error: BackofficeError) -> Response:
    form = UploadForm()
    form["file"].errors = [str(error)]
    refused = {"upload_form": form}
    return await details_page(view.site, view, request, refused=refused, status_code=error.status_code)


def _address(view: View, request: Request, path: str) -> str:
    """A page of this view, from which the way back leads to where the present one does."""
    return keeping(view.url(path), origin(view.site, request))


async def _open_ticket(view: View, request: Request) -> Ticket:
    ticket: Ticket = await view.load(request, request.path_params["pk"])
    view.require(request, "edit", ticket)
    if ticket.is_trashed:
        raise Conflict("This ticket is in the trash. Restore it first.")
    return ticket
