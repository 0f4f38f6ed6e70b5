"""What belongs to a ticket, as its page shows it: the newest comments and files, and where all of it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row
from starlette.requests import Request

from backoffice.admin.counting import COUNT_CAP, Count
from backoffice.admin.origin import keeping
from backoffice.admin.pages import Link
from backoffice.admin.view import View
from backoffice.attachments import is_image
from backoffice.desk.reading import Newest, attachments_of, comments_of
from models import Attachment, Base, Comment, Ticket

#: What the page says of one comment or file.
Item = Mapping[str, Any]


@dataclass(frozen=True)
class Shown:
    """Those that are shown, the oldest first; how many there are in all, in words."""

    items: list[Item]
    count: str
    #: Whether there are older ones.
    is_cut: bool
    #: The list of all of them, where there are older ones, for who may see it.
    whole: Link | None


async def comments_on(view: View, request: Request, ticket: Ticket) -> Shown:
    """What was said on a ticket last; `view` is that of tickets."""
    newest = await comments_of(request.state.session, ticket)
    return _shown(view, request, ticket, Comment, newest, _comment)


async def files_on(view: View, request: Request, ticket: Ticket) -> Shown:
    """The files that came to a ticket last."""
    newest = await attachments_of(request.state.session, ticket)
    return _shown(view, request, ticket, Attachment, newest, _file)


def _shown(
    view: View,
    request: Request,
    ticket: Ticket,
    model: type[Base],
    newest: Newest,
    item: Callable[[View, Request, Row[*tuple[Any, ...]]], Item],
) -> Shown:
    items = [item(view, request, row) for row in newest.rows]
    is_cut = newest.count > len(items)
    whole = _whole_list(view, request, ticket, model) if is_cut else None
    return Shown(items, str(Count.read(newest.count, COUNT_CAP)), is_cut, whole)


def _whole_list(view: View, request: Request, ticket: Ticket, model: type[Base]) -> Link | None:
    listed = view.site.view_of(model)
    if listed is None or not listed.may(request, "list"):
        return None
    # What belongs to a ticket in the trash lies there with it.
    where = "&trash=only" if ticket.is_trashed else ""
    label = f"All {listed.noun(2)} on this ticket"
    return Link(label, f"{listed.url('list')}?ticket={ticket.id}{where}")


def _comment(view: View, request: Request, comment: Row[*tuple[Any, ...]]) -> Item:
    comments, is_trashed = view.site.view_of(Comment), comment.deleted_at is not None
    may_edit = comments is not None and comments.may(request, "edit", comment) and not is_trashed
    ours = view.url("details", comment.ticket_id)
    return {
        "author": comment.author,
        "is_staff": comment.is_staff,
        "is_internal": comment.is_internal,
        "content": comment.content,
        "created_at": comment.created_at,
        "edit_url": keeping(comments.url("edit", comment.id), ours) if may_edit and comments else "",
        "is_trashed": is_trashed,
    }


def _file(view: View, request: Request, file: Row[*tuple[Any, ...]]) -> Item:
    url = f"{view.site.base_url}/attachment/{file.id}/download"
    return {
        "filename": file.filename,
        "size": file.size_bytes,
        "url": url,
        "image_url": f"{url}?inline=1" if is_image(file.content_type) else "",
        "uploaded_by": file.uploader,
        "created_at": file.created_at,
    }
