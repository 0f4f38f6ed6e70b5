"""Editing one field of a row where it stands: the form of a record with that field alone.

A script fetches it into the list. It is saved as the record's own form is, and answers with the page that it
was asked from, so that it works by itself, too.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request
from starlette.responses import Response

from backoffice.admin.cells import title_of
from backoffice.admin.drafts import Draft, as_json, is_valid, read_draft
from backoffice.admin.editing import load_to_edit, lock_record
from backoffice.admin.fields import as_text
from backoffice.admin.forms import record_form, terms_of_form
from backoffice.admin.origin import here, origin, way_back
from backoffice.admin.pages import Flash, FormPage, FormSection
from backoffice.admin.request import flash, see_other, submitted
from backoffice.admin.saving import place, save
from backoffice.errors import BackofficeError, NotFound

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View

TEMPLATE: Final = "form.html"
NO_FIELD: Final = "This field is not edited in the list."


async def field_page(site: "AdminSite", view: "View", request: Request) -> Response:
    """The form with one field of a record."""
    name = _field(view, request)
    record = await _load(view, request, name)
    form = await record_form(view, request, record, only=name)
    draft = Draft(form, terms_of_form(form), {}, record.version)
    return site.render(request, TEMPLATE, _page(site, view, request, record, draft))


async def save_field(site: "AdminSite", view: "View", request: Request) -> Response:
    """Save it, or show the form again with what is wrong, or with what somebody else made of it meanwhile."""
    name = _field(view, request)
    await lock_record(view, request)
    record = await _load(view, request, name)
    draft = await read_draft(view, request, record, submitted(request), only=name)
    page = _page(site, view, request, record, draft)
    if not is_valid(draft):
        return site.render(request, TEMPLATE, page, status_code=400)
    if draft.changed and draft.is_contested:
        return _ask_again(site, view, request, record, draft, name)
    return await _save(site, view, request, record, draft, page)


def _field(view: "View", request: Request) -> str:
    """The name of the field that is asked for; NotFound where this one is not edited in place."""
    view.require(request, "edit")
    name = str(request.path_params["field"])
    if name not in view.edit_in_place:
        raise NotFound(NO_FIELD)
    return name


async def _load(view: "View", request: Request, name: str) -> Any:
    record = await load_to_edit(view, request)
    if name not in view.form_names(request, record):
        raise NotFound(NO_FIELD)
    return record


async def _save(
    site: "AdminSite", view: "View", request: Request, record: Any, draft: Draft, page: FormPage
) -> Response:
    back = origin(site, request) or way_back(site, view, request, record)
    if not draft.changed:
        flash(request, Flash("Nothing changed.", level="info"))
        return see_other(back)
    try:
        await save(view, request, record, draft.values(), is_new=False)
    except BackofficeError as error:
        page = replace(page, errors=place(page.form, error))
        return site.render(request, TEMPLATE, page, status_code=error.status_code)
    title = title_of(record)
    change = request.state.change
    change.selection = f"{view.noun(1)} {title}"
    undo_url = f"{site.base_url}/operation/{change.operation_id}/undo"
    flash(request, Flash(f"Saved {title}.", undo_url=undo_url))
    return see_other(back)


def _ask_again(
    site: "AdminSite", view: "View", request: Request, record: Any, draft: Draft, name: str
) -> Response:
    """The same form, which knows now what it would write over."""
    theirs = as_text(draft.form[name], draft.theirs[name]) or "nothing"
    renewed = Draft(draft.form, draft.theirs, draft.theirs, record.version)
    sentence = f"Somebody else has set this to “{theirs}” meanwhile. Save again to write over it."
    page = replace(_page(site, view, request, record, renewed), errors=[sentence])
    return site.render(request, TEMPLATE, page, status_code=409)


def _page(site: "AdminSite", view: "View", request: Request, record: Any, draft: Draft) -> FormPage:
    return FormPage(
        title=f"Edit {title_of(record)}",
        form=draft.form,
        sections=[FormSection("", "", list(draft.form))],
        action_url=here(request),
        cancel_url=origin(site, request) or way_back(site, view, request, record),
        hidden={"base": as_json(draft.base), "version": str(draft.version)},
        is_new=False,
        is_multipart=True,
    )
