"""What the columns of a file mean: guessed or remembered, shown with examples, corrected, and tried."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from admin_views.import_choices import (
    Choice,
    as_picked,
    column_choices,
    option_choices,
    reading_choices,
    word_choices,
)
from admin_views.import_plans import plan_from
from admin_views.import_upload import folder_of, require_import
from backoffice.accounts.people import MANAGE_STAFF
from backoffice.admin.pages import Flash, Link
from backoffice.admin.request import current_user, flash, see_other, submitted
from backoffice.admin.view import View
from backoffice.desk.importing.fields import made_by
from backoffice.desk.importing.plan import Plan
from backoffice.desk.importing.source import DELIMITERS, ENCODINGS, Format, Source
from backoffice.desk.importing.uploading import RAN, read_otherwise, try_plan
from backoffice.errors import BadInput, Conflict
from models import ImportFile, ImportState


@dataclass(frozen=True)
class ColumnsPage:
    """What was found in a file, and the selects that say what it means; `prefix` is None without numbers."""

    title: str
    file: ImportFile
    #: How the file was read, in words, and selects for reading it otherwise.
    source: str
    reading: Sequence[Choice]
    columns: Sequence[Choice]
    words: Mapping[str, Sequence[Choice]]
    options: Sequence[Choice]
    prefix: str | None
    #: Of moments that name none.
    time_zone: str
    back: Link
    action_url: str
    reading_url: str
    errors: Sequence[str] = ()


async def question(view: View, request: Request) -> Response:
    """The page that asks what the columns mean."""
    file = await _file(view, request)
    return _ask(view, request, file, Plan.from_json(file.plan))


async def answer(view: View, request: Request) -> Response:
    """Try every row with what was chosen, and show what would become of each; or ask again."""
    file, form = await _file(view, request), submitted(request)
    plan = Plan.from_json(file.plan)
    try:
        chosen = plan_from(file, plan, form, may_make_staff=current_user(request).may(*MANAGE_STAFF))
        await try_plan(request.state.session, folder_of(view), file.id, chosen)
    except BadInput as error:
        return _ask(view, request, file, plan, form, [str(error)])
    return see_other(view.url("details", file.id))


async def read_anew(view: View, request: Request) -> Response:
    """Read the file in another encoding, or cut by another sign, and ask for its columns again."""
    file, form = await _file(view, request), submitted(request)
    read = Source.from_json(file.source)
    encoding, delimiter = form.get("encoding", read.encoding), form.get("delimiter", read.delimiter)
    if encoding not in ENCODINGS or delimiter not in DELIMITERS:
        raise BadInput("Choose an encoding and a separator from those that are offered.")
    source = Source(read.format, str(encoding), str(delimiter))
    await read_otherwise(request.state.session, folder_of(view), file.id, source)
    flash(request, Flash("The file was read again: look at its columns and their examples.", level="info"))
    return see_other(view.url("columns", file.id))


async def _file(view: View, request: Request) -> ImportFile:
    view.require(request, "action:import")
    file: ImportFile = await view.load(request, request.path_params["pk"])
    require_import(view, request, file.kind)
    if file.state not in (ImportState.UPLOADED, ImportState.CHECKED):
        raise Conflict(RAN)
    return file


def _ask(
    view: View,
    request: Request,
    file: ImportFile,
    plan: Plan,
    form: FormData | None = None,
    errors: Sequence[str] = (),
) -> Response:
    """The page; where it comes back, with everything as it was left."""
    source = Source.from_json(file.source)
    prefix = plan.prefix if "number" in plan.columns else None
    page = ColumnsPage(
        title="What the columns mean",
        file=file,
        source=_in_words(file, source),
        reading=reading_choices(source),
        columns=[as_picked(choice, form) for choice in column_choices(file, plan)],
        words={
            name: [as_picked(choice, form) for choice in each]
            for name, each in word_choices(file, plan).items()
        },
        options=[as_picked(choice, form) for choice in option_choices(plan)],
        prefix=str(form["prefix"]) if form and "prefix" in form else prefix,
        time_zone=plan.time_zone,
        back=Link(file.filename, view.url("details", file.id)),
        action_url=view.url("columns", file.id),
        reading_url=view.url("reading", file.id),
        errors=errors,
    )
    return view.site.render(request, "import_columns.html", page, status_code=400 if errors else 200)


def _in_words(file: ImportFile, source: Source) -> str:
    parts = [{Format.CSV: "CSV", Format.JSON: "JSON", Format.JSON_LINES: "JSON Lines"}[source.format]]
    parts.append(ENCODINGS[source.encoding])
    if source.format is Format.CSV:
        parts.append(f"columns separated by a {DELIMITERS[source.delimiter]}")
    if program := made_by(column["name"] for column in file.columns):
        parts.append(f"looks like an export of {program}")
    return ", ".join(parts)
