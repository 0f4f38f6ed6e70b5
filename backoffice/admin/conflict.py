"""Conflicts: what somebody saved while another was typing, shown field by field, to take either side."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from backoffice.admin.blaming import last_set
from backoffice.admin.cells import title_of
from backoffice.admin.drafts import Draft, as_json, terms_in
from backoffice.admin.fields import Terms, as_sent, as_text, is_kept
from backoffice.admin.origin import here, way_back
from backoffice.admin.pages import ConflictPage, Disagreement
from backoffice.audit.blame import Blame

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View

MINE: Final = "mine"
THEIRS: Final = "theirs"
UNDECIDED: Final = "Choose yours or theirs for every field."
NOT_KEPT: Final = "A password or a file is not kept here. Set it again when this is saved."


async def conflict(
    site: "AdminSite",
    view: "View",
    request: Request,
    record: Any,
    draft: Draft,
    sent: FormData,
    *,
    is_undecided: bool = False,
) -> Response:
    """Ask which side shall stay, field by field: 409, or 400 where that was asked and not answered."""
    base = terms_in(sent, "ancestor", draft.theirs) if is_undecided else draft.base
    choices = _choices(sent) if is_undecided else {}
    set_by = await last_set(request.state.session, record)
    page = ConflictPage(
        title=f"Edit {title_of(record)}",
        disagreements=[
            _disagreement(draft, name, base, choices, set_by.get(name)) for name in draft.disputed
        ],
        action_url=here(request),
        cancel_url=way_back(site, view, request, record),
        hidden=[*_hidden(record, draft, base), ("_save", _button(sent))],
        errors=list(_warnings(draft, is_undecided)),
    )
    return site.render(request, "conflict.html", page, status_code=400 if is_undecided else 409)


def is_decided(draft: Draft, sent: FormData) -> bool:
    """Whether a side was chosen for every field in which the sides differed when that was asked."""
    return _choices(sent).keys() >= set(draft.touched)


def with_decisions(sent: FormData, draft: Draft) -> FormData:
    """What was sent, with theirs in place of mine where that was chosen."""
    choices = _choices(sent)
    theirs = {name for name in draft.touched if choices[name] == THEIRS}
    kept = [(name, value) for name, value in sent.multi_items() if name not in theirs]
    return FormData([*kept, *((name, value) for name in theirs for value in as_sent(draft.base[name]))])


def _choices(sent: FormData) -> dict[str, str]:
    """The side that was chosen, by field."""
    return {
        name.removeprefix("choose-"): str(side)
        for name, side in sent.items()
        if name.startswith("choose-") and side in (MINE, THEIRS)
    }


def _disagreement(
    draft: Draft,
    name: str,
    base: Mapping[str, Terms],
    choices: Mapping[str, str],
    set_by: Blame | None,
) -> Disagreement:
    field = draft.form[name]
    mine, theirs = draft.mine[name], draft.theirs[name]
    if theirs == base[name]:
        set_by = None
    return Disagreement(
        name=name,
        label=field.label.text,
        base=as_text(field, base[name]),
        mine=as_text(field, mine),
        theirs=as_text(field, theirs),
        suggestion=choices.get(name) or _suggestion(base[name], mine, theirs),
        changed_by=(set_by.who or "") if set_by else "",
        changed_at=set_by.when if set_by else None,
    )


def _suggestion(base: Terms, mine: Terms, theirs: Terms) -> str:
    if mine == base:
        return THEIRS
    return MINE if theirs == base else ""


def _hidden(record: Any, draft: Draft, base: Mapping[str, Terms]) -> Iterator[tuple[str, str]]:
    """All of mine, as the form would send it, on top of what is stored now."""
    for field in draft.form:
        for value in as_sent(draft.mine[field.short_name] if is_kept(field) else ""):
            yield field.name, value
    yield "base", as_json(draft.theirs)
    yield "ancestor", as_json(base)
    yield "version", str(record.version)
    yield "resolve", "1"


def _button(sent: FormData) -> str:
    pressed = sent.get("_save", "")
    return pressed if isinstance(pressed, str) else ""


def _warnings(draft: Draft, is_undecided: bool) -> Iterator[str]:
    if is_undecided:
        yield UNDECIDED
    if any(not is_kept(draft.form[name]) for name in draft.changed):
        yield NOT_KEPT
