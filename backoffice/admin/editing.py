"""Creating and editing a record: the pages, and what saving does."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import InstrumentedAttribute
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from wtforms.form import BaseForm

from backoffice.admin.cells import key_of, title_of
from backoffice.admin.conflict import conflict, is_decided, with_decisions
from backoffice.admin.drafts import Draft, as_json, is_valid, read_draft
from backoffice.admin.forms import form_relations, record_form, sections, terms_of_form
from backoffice.admin.origin import here, keeping, origin, way_back
from backoffice.admin.pages import Flash, FormPage, Link
from backoffice.admin.reading import viewed
from backoffice.admin.request import current_user, flash, see_other, submitted
from backoffice.admin.saving import place, save
from backoffice.database import INCLUDE_TRASHED
from backoffice.errors import BackofficeError, Conflict
from models import Base

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View

#: What the button `_save` says to do next; anything else shows the record.
CONTINUE: Final = "continue"
ANOTHER: Final = "another"


async def create_page(site: "AdminSite", view: "View", request: Request) -> Response:
    """An empty form."""
    view.require(request, "create")
    page = _create_page(site, view, request, await record_form(view, request, None))
    return site.render(request, view.form_template, page)


async def create(site: "AdminSite", view: "View", request: Request) -> Response:
    """Make a record of the form, or show it again with what is wrong."""
    view.require(request, "create")
    form = await record_form(view, request, None, submitted(request))
    page = _create_page(site, view, request, form)
    if not form.validate():
        return site.render(request, view.form_template, page, status_code=400)
    record = view.model()
    values = {field.short_name: field.data for field in form}
    try:
        await save(view, request, record, values, is_new=True)
    except BackofficeError as error:
        return _refuse(site, view, request, page, error)
    title = title_of(record)
    request.state.change.selection = f"{view.noun(1)} {title}"
    flash(request, Flash(f"Created {title}.", link=_link(view, request, record)))
    return see_other(_next(site, view, request, record))


async def edit_page(site: "AdminSite", view: "View", request: Request) -> Response:
    """The form of a record, with what it takes to save nothing but the person's own changes."""
    view.require(request, "edit")
    record = await load_to_edit(view, request)
    form = await record_form(view, request, record)
    viewed(view, request, record)
    page = _edit_page(site, view, request, record, form, _hidden(terms_of_form(form), record.version))
    return site.render(request, view.form_template, page)


async def edit(site: "AdminSite", view: "View", request: Request) -> Response:
    """Save what the person changed; or show the form again, or the conflict with what somebody else saved."""
    view.require(request, "edit")
    await lock_record(view, request)
    record = await load_to_edit(view, request)
    sent = submitted(request)
    if "resolve" in sent:
        undecided = await read_draft(view, request, record, sent)
        if not is_decided(undecided, sent):
            return await conflict(site, view, request, record, undecided, sent, is_undecided=True)
        sent = with_decisions(sent, undecided)
    return await _settle(site, view, request, record, sent)


async def _settle(site: "AdminSite", view: "View", request: Request, record: Any, sent: FormData) -> Response:
    draft = await read_draft(view, request, record, sent)
    page = _edit_page(site, view, request, record, draft.form, _hidden(draft.base, draft.version))
    if not is_valid(draft):
        return site.render(request, view.form_template, page, status_code=400)
    if not draft.changed:
        flash(request, Flash("Nothing changed.", level="info"))
        return see_other(_next(site, view, request, record))
    if record.version != draft.version and draft.is_contested:
        return await conflict(site, view, request, record, draft, sent)
    return await _save(site, view, request, record, draft, page)


async def _save(
    site: "AdminSite", view: "View", request: Request, record: Any, draft: Draft, page: FormPage
) -> Response:
    try:
        await save(view, request, record, draft.values(), is_new=False)
    except BackofficeError as error:
        return _refuse(site, view, request, page, error)
    title = title_of(record)
    request.state.change.selection = f"{view.noun(1)} {title}"
    link = _link(view, request, record)
    flash(request, Flash(f"Saved {title}.", undo_url=_undo_url(site, view, request, draft), link=link))
    return see_other(_next(site, view, request, record))


async def lock_record(view: "View", request: Request) -> None:
    """Let nobody write this record until we are done: what we compare with is what we write over."""
    statement, scope = _locked(view.model, view.key), view.scope(current_user(request))
    if scope is not None:
        statement = statement.where(scope)
    await request.state.session.execute(statement, {"wanted": view.parse_key(request.path_params["pk"])})


@cache
def _locked(model: type[Base], key: InstrumentedAttribute[Any]) -> Select[Any]:
    # Made once: to make it takes longer than to run it.
    return (
        select(key)
        .where(key == bindparam("wanted"))
        .with_for_update(key_share=True, of=model)
        .execution_options(**INCLUDE_TRASHED)
    )


async def load_to_edit(view: "View", request: Request) -> Any:
    """The record with what its form needs; NotAllowed, or Conflict for one that is in the trash."""
    record = await view.load(request, request.path_params["pk"], form_relations(view))
    view.require(request, "edit", record)
    if getattr(record, "is_trashed", False):
        raise Conflict(f"This {view.noun(1)} is in the trash. Restore it before you change it.")
    return record


# Pages ------------------------------------------------------------------------------------------


def _create_page(site: "AdminSite", view: "View", request: Request, form: BaseForm) -> FormPage:
    return FormPage(
        title=f"New {view.noun(1)}",
        form=form,
        sections=sections(view, form),
        action_url=here(request),
        cancel_url=origin(site, request) or view.url("list"),
        hidden={},
        is_new=True,
        is_multipart=True,
    )


def _edit_page(
    site: "AdminSite", view: "View", request: Request, record: Any, form: BaseForm, hidden: Mapping[str, str]
) -> FormPage:
    return FormPage(
        title=f"Edit {title_of(record)}",
        form=form,
        sections=sections(view, form),
        action_url=here(request),
        cancel_url=way_back(site, view, request, record),
        hidden=hidden,
        is_new=False,
        # Long texts of other scripts are three times as long in the other encoding.
        is_multipart=True,
    )


def _hidden(base: Mapping[str, Any], version: int) -> dict[str, str]:
    return {"base": as_json(base), "version": str(version)}


def _refuse(
    site: "AdminSite", view: "View", request: Request, page: FormPage, error: BackofficeError
) -> Response:
    page = replace(page, errors=place(page.form, error))
    return site.render(request, view.form_template, page, status_code=error.status_code)


# Ways on ----------------------------------------------------------------------------------------


def _next(site: "AdminSite", view: "View", request: Request, record: Any) -> str:
    asked = submitted(request).get("_save")
    if asked == CONTINUE and view.may(request, "edit", record):
        return keeping(view.url("edit", key_of(record)), origin(site, request))
    if asked == ANOTHER and view.may(request, "create"):
        return keeping(view.url("create"), origin(site, request))
    return way_back(site, view, request, record)


def _link(view: "View", request: Request, record: Any) -> Link | None:
    if not view.may(request, "details", record):
        return None
    return Link("Show", view.url("details", key_of(record)))


def _undo_url(site: "AdminSite", view: "View", request: Request, draft: Draft) -> str:
    """Where the save can be undone. What extra fields did is known to the view alone, so it cannot be."""
    if view.extra_fields.keys() & set(draft.changed):
        return ""
    return f"{site.base_url}/operation/{request.state.change.operation_id}/undo"
