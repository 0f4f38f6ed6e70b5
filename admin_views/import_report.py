"""What would become of each row of an import, or became of it: counted, and listed page by page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from starlette.requests import Request

from admin_views.import_upload import IMPORT, MODELS
from backoffice.admin.pages import Tab
from backoffice.admin.request import positive_number
from backoffice.admin.view import View
from backoffice.errors import BadInput
from models import ImportFile, ImportRow, ImportState, Job, Operation, Verdict

PAGE: Final = 50
#: What a verdict is called before the run and after it, and how it looks.
WORDS: Final = {
    Verdict.CREATE: ("to create", "created", "green", "plus"),
    Verdict.UPDATE: ("to change", "changed", "blue", "pencil"),
    Verdict.SKIP: ("left as it is", "left as it is", "neutral", "equal"),
    Verdict.ERROR: ("wrong", "refused", "red", "ban"),
}


@dataclass(frozen=True)
class Mark:
    """A verdict as it is shown, with how many rows have it."""

    words: str
    tone: str
    icon: str
    count: int


@dataclass(frozen=True)
class ShownRow:
    row: ImportRow
    mark: Mark
    #: The record, where there is one and this person may see it.
    url: str


@dataclass(frozen=True)
class Report:
    """What the page of an import shows beside its facts."""

    file: ImportFile
    is_done: bool
    marks: Sequence[Mark]
    #: Rows that are wrong, and rows that create or change something.
    wrong: int
    due: int
    tabs: Sequence[Tab]
    rows: Sequence[ShownRow]
    first_url: str
    next_url: str
    download_url: str
    #: Empty where this person may not, or it is too late.
    columns_url: str
    run_url: str
    upload_url: str
    operation_url: str
    job_url: str


async def around(view: View, request: Request, file: ImportFile) -> Mapping[str, Any]:
    """The report, for the template."""
    verdict, after = _asked(request), positive_number(request, "after") or 0
    found = await _rows(request, file, verdict, after)
    counts = {each: file.counts.get(each, 0) for each in Verdict}
    own = view.url("details", file.id)
    kept = f"verdict={verdict}&" if verdict else ""
    may, is_open = view.may(request, IMPORT), file.state in (ImportState.UPLOADED, ImportState.CHECKED)
    return {
        "report": Report(
            file=file,
            is_done=file.state is ImportState.DONE,
            marks=[_mark(file, each) for each in Verdict],
            wrong=counts[Verdict.ERROR],
            due=counts[Verdict.CREATE] + counts[Verdict.UPDATE],
            tabs=_tabs(own, file, verdict),
            rows=[_shown(view, request, file, row) for row in found[:PAGE]],
            first_url=f"{own}?{kept}".rstrip("?&") if after else "",
            next_url=f"{own}?{kept}after={found[PAGE - 1].number}" if len(found) > PAGE else "",
            download_url=view.url("report", file.id) if found or after else "",
            columns_url=view.url("columns", file.id) if may and is_open else "",
            run_url=view.url("run", file.id) if may and file.state is ImportState.CHECKED else "",
            upload_url=view.url("upload") if may else "",
            operation_url=_record_url(view, request, Operation, file.operation_id),
            job_url=_record_url(view, request, Job, file.operation_id),
        )
    }


def in_words(file: ImportFile, verdict: Verdict) -> str:
    """What a verdict is called, by whether the import ran."""
    before, afterwards, *_ = WORDS[verdict]
    return afterwards if file.state is ImportState.DONE else before


def _asked(request: Request) -> str:
    verdict = request.query_params.get("verdict", "")
    if verdict and verdict not in {each.value for each in Verdict}:
        raise BadInput("There are no rows of this kind in a report.")
    return verdict


async def _rows(request: Request, file: ImportFile, verdict: str, after: int) -> Sequence[ImportRow]:
    rows = select(ImportRow).where(ImportRow.import_id == file.id, ImportRow.number > after)
    if verdict:
        rows = rows.where(ImportRow.verdict == Verdict(verdict))
    return [*await request.state.session.scalars(rows.order_by(ImportRow.number).limit(PAGE + 1))]


def _mark(file: ImportFile, verdict: Verdict) -> Mark:
    *_, tone, icon = WORDS[verdict]
    return Mark(in_words(file, verdict), tone, icon, file.counts.get(verdict, 0))


def _tabs(own: str, file: ImportFile, chosen: str) -> list[Tab]:
    total = sum(file.counts.values())
    tabs = [Tab(f"All {total:,}", own, not chosen)]
    for verdict in Verdict:
        if count := file.counts.get(verdict, 0):
            label = f"{in_words(file, verdict).capitalize()} {count:,}"
            tabs.append(Tab(label, f"{own}?verdict={verdict}", chosen == verdict))
    return tabs if len(tabs) > 2 or chosen else []


def _shown(view: View, request: Request, file: ImportFile, row: ImportRow) -> ShownRow:
    is_there = row.record_id is not None
    url = _record_url(view, request, MODELS[file.kind], row.record_id) if is_there else ""
    return ShownRow(row, _mark(file, row.verdict), url)


def _record_url(view: View, request: Request, model: Any, key: Any) -> str:
    page = view.site.view_of(model)
    return page.url("details", key) if page and key and page.may(request, "details") else ""
