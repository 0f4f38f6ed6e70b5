"""Who may what: every route of the desk and what it answers to whom, written down by hand.

`WHO` is the table "Who may" of the design, page by page; nothing in it is worked out from the code, and
a route that it does not name fails the test.
"""

from collections.abc import Mapping
from typing import Final

EVERYBODY: Final = "no group, agent, supervisor, auditor, administrator"
STAFF: Final = "agent, supervisor, auditor, administrator"
DESK: Final = "agent, supervisor, administrator"
BOSSES: Final = "supervisor, administrator"
OVERSEERS: Final = "auditor, administrator"
EXPORTERS: Final = "supervisor, auditor, administrator"
ADMIN: Final = "administrator"
NOBODY: Final = ""

#: Pages of what nobody changes by a form.
UNCHANGING: Final = ("operation", "job", "audit-log", "proof", "seal", "removal", "import")

#: Who may, and what they are answered; other staff gets 403, but who stands third 404; strangers the sign-in.
Rule = tuple[str, int] | tuple[str, int, str]


def _of_lists(key: str, status: int) -> dict[str, Rule]:
    """The same for every list, for who may see it."""
    staff = ("ticket", "comment", "attachment", "tag", "user", "operation")
    overseers = ("group", "audit-log", "proof", "seal", "removal")
    return {
        key.format("job"): (EXPORTERS, status),
        **{key.format(page): (STAFF, status) for page in staff},
        **{key.format(page): (OVERSEERS, status) for page in overseers},
        key.format("import"): (BOSSES, status),
    }


WHO: Final[Mapping[str, Rule]] = {
    "GET /admin/": (EVERYBODY, 200),
    "GET /admin/account": (EVERYBODY, 200),
    "GET /admin/palette": (EVERYBODY, 200),
    "POST /admin/account": (EVERYBODY, 400),
    "POST /admin/account/password": (EVERYBODY, 400),
    #
    "GET /admin/ticket/list": (STAFF, 200),
    "GET /admin/comment/list": (STAFF, 200),
    "GET /admin/attachment/list": (STAFF, 200),
    "GET /admin/tag/list": (STAFF, 200),
    "GET /admin/user/list": (STAFF, 200),
    "GET /admin/group/list": (OVERSEERS, 200),
    "GET /admin/operation/list": (STAFF, 200),
    "GET /admin/job/list": (EXPORTERS, 200),
    "GET /admin/audit-log/list": (OVERSEERS, 200),
    "GET /admin/proof/list": (OVERSEERS, 200),
    "GET /admin/seal/list": (OVERSEERS, 200),
    "GET /admin/removal/list": (OVERSEERS, 200),
    "GET /admin/import/list": (BOSSES, 200),
    #
    # What is sent is an empty form: 400 is what somebody gets who may, and 404 where it names no view.
    **_of_lists("GET /admin/{}/views", 200),
    **_of_lists("POST /admin/{}/views", 400),
    **_of_lists("POST /admin/{}/views/{{change}}", 404),
    **_of_lists("POST /admin/{}/preferences", 400),
    #
    # Conditions joined by AND and OR; counts beside the filters.
    **{
        f"GET /admin/{one}/{page}": (STAFF, 200)
        for one in ("ticket", "comment", "attachment", "tag", "user", "operation")
        for page in ("where", "facets")
    },
    **{
        f"GET /admin/{one}/{page}": (OVERSEERS, 200)
        for one in ("audit-log", "proof", "seal", "removal")
        for page in ("where", "facets")
    },
    **{f"GET /admin/job/{page}": (EXPORTERS, 200) for page in ("where", "facets")},
    **{f"GET /admin/import/{page}": (BOSSES, 200) for page in ("where", "facets")},
    # It has neither filters nor a search.
    "GET /admin/group/where": (OVERSEERS, 404),
    "GET /admin/group/facets": (OVERSEERS, 200),
    #
    # It goes on record, and is all that reading ever writes.
    **{
        f"GET /admin/{one}/export/{{format}}": (EXPORTERS, 200) for one in ("ticket", "comment", "attachment")
    },
    **{f"GET /admin/{one}/export/{{format}}": (EXPORTERS, 200) for one in ("tag", "user", "operation")},
    **{f"GET /admin/{one}/export/{{format}}": (OVERSEERS, 200) for one in ("group", "audit-log")},
    **{
        f"GET /admin/{one}/export/{{format}}": (NOBODY, 200) for one in ("proof", "seal", "removal", "import")
    },
    "GET /admin/job/export/{format}": (NOBODY, 200),
    # So few are sent at once, from the list's own address.
    **{
        f"POST /admin/{one}/export/{{format}}": (EXPORTERS, 303)
        for one in ("ticket", "comment", "attachment", "tag", "user", "operation")
    },
    **{f"POST /admin/{one}/export/{{format}}": (OVERSEERS, 303) for one in ("group", "audit-log")},
    **{
        f"POST /admin/{one}/export/{{format}}": (NOBODY, 303)
        for one in ("proof", "seal", "removal", "import", "job")
    },
    #
    "GET /admin/ticket/details/{pk}": (STAFF, 200),
    "GET /admin/comment/details/{pk}": (STAFF, 200),
    "GET /admin/attachment/details/{pk}": (STAFF, 200),
    "GET /admin/tag/details/{pk}": (STAFF, 200),
    "GET /admin/user/details/{pk}": (STAFF, 200),
    "GET /admin/group/details/{pk}": (OVERSEERS, 200),
    # Somebody else's: who may not see it is not told that it is there.
    "GET /admin/operation/details/{pk}": ("supervisor, auditor, administrator", 200, "agent, no group"),
    "GET /admin/job/details/{pk}": (EXPORTERS, 200, "agent, no group"),
    "GET /admin/audit-log/details/{pk}": (OVERSEERS, 200),
    "GET /admin/proof/details/{pk}": (OVERSEERS, 200),
    "GET /admin/seal/details/{pk}": (OVERSEERS, 200),
    "GET /admin/removal/details/{pk}": (OVERSEERS, 200),
    "GET /admin/import/details/{pk}": (BOSSES, 200),
    #
    "GET /admin/ticket/create": (DESK, 200),
    "GET /admin/comment/create": (DESK, 200),
    "GET /admin/attachment/create": (DESK, 200),
    "GET /admin/tag/create": (BOSSES, 200),
    "GET /admin/user/create": (DESK, 200),
    "GET /admin/group/create": (ADMIN, 200),
    "GET /admin/operation/create": (NOBODY, 200),
    "GET /admin/job/create": (NOBODY, 200),
    "GET /admin/audit-log/create": (NOBODY, 200),
    "GET /admin/proof/create": (NOBODY, 200),
    "GET /admin/seal/create": (NOBODY, 200),
    "GET /admin/removal/create": (NOBODY, 200),
    "GET /admin/import/create": (NOBODY, 200),
    # What is sent is an empty form: 400 is what somebody gets who may.
    "POST /admin/ticket/create": (DESK, 400),
    "POST /admin/comment/create": (DESK, 400),
    "POST /admin/attachment/create": (DESK, 400),
    "POST /admin/tag/create": (BOSSES, 400),
    "POST /admin/user/create": (DESK, 400),
    "POST /admin/group/create": (ADMIN, 400),
    "POST /admin/operation/create": (NOBODY, 400),
    "POST /admin/job/create": (NOBODY, 400),
    "POST /admin/audit-log/create": (NOBODY, 400),
    "POST /admin/proof/create": (NOBODY, 400),
    "POST /admin/seal/create": (NOBODY, 400),
    "POST /admin/removal/create": (NOBODY, 400),
    "POST /admin/import/create": (NOBODY, 400),
    #
    # One field in a list: there is none of the name that is asked for.
    **{
        f"{method} /admin/{page}/in-place/{{pk}}/{{field}}": (who, 404)
        for method in ("GET", "POST")
        for page, who in (
            ("ticket", DESK),
            ("comment", DESK),
            ("attachment", DESK),
            ("tag", BOSSES),
            ("user", BOSSES),
            ("group", ADMIN),
            *((page, NOBODY) for page in UNCHANGING),
        )
    },
    "GET /admin/ticket/edit/{pk}": (DESK, 200),
    "GET /admin/comment/edit/{pk}": (DESK, 200),
    "GET /admin/attachment/edit/{pk}": (DESK, 200),
    "GET /admin/tag/edit/{pk}": (BOSSES, 200),
    "GET /admin/user/edit/{pk}": (BOSSES, 200),
    "GET /admin/group/edit/{pk}": (ADMIN, 200),
    "GET /admin/operation/edit/{pk}": (NOBODY, 200),
    "GET /admin/job/edit/{pk}": (NOBODY, 200),
    "GET /admin/audit-log/edit/{pk}": (NOBODY, 200),
    "GET /admin/proof/edit/{pk}": (NOBODY, 200),
    "GET /admin/seal/edit/{pk}": (NOBODY, 200),
    "GET /admin/removal/edit/{pk}": (NOBODY, 200),
    "GET /admin/import/edit/{pk}": (NOBODY, 200),
    "POST /admin/ticket/edit/{pk}": (DESK, 400),
    "POST /admin/comment/edit/{pk}": (DESK, 400),
    "POST /admin/attachment/edit/{pk}": (DESK, 400),
    "POST /admin/tag/edit/{pk}": (BOSSES, 400),
    "POST /admin/user/edit/{pk}": (BOSSES, 400),
    "POST /admin/group/edit/{pk}": (ADMIN, 400),
    "POST /admin/operation/edit/{pk}": (NOBODY, 400),
    "POST /admin/job/edit/{pk}": (NOBODY, 400),
    "POST /admin/audit-log/edit/{pk}": (NOBODY, 400),
    "POST /admin/proof/edit/{pk}": (NOBODY, 400),
    "POST /admin/seal/edit/{pk}": (NOBODY, 400),
    "POST /admin/removal/edit/{pk}": (NOBODY, 400),
    "POST /admin/import/edit/{pk}": (NOBODY, 400),
    # What is not known by a number has no past; whoever may see it is told so.
    "GET /admin/ticket/past/{pk}": (STAFF, 200),
    "GET /admin/comment/past/{pk}": (STAFF, 200),
    "GET /admin/attachment/past/{pk}": (STAFF, 200),
    "GET /admin/tag/past/{pk}": (STAFF, 200),
    "GET /admin/user/past/{pk}": (STAFF, 200),
    "GET /admin/group/past/{pk}": (OVERSEERS, 200),
    "GET /admin/operation/past/{pk}": (NOBODY, 200, STAFF),
    "GET /admin/job/past/{pk}": (NOBODY, 200, EXPORTERS),
    "GET /admin/audit-log/past/{pk}": (NOBODY, 200, OVERSEERS),
    "GET /admin/proof/past/{pk}": (NOBODY, 200, OVERSEERS),
    "GET /admin/seal/past/{pk}": (NOBODY, 200, OVERSEERS),
    "GET /admin/removal/past/{pk}": (NOBODY, 200, OVERSEERS),
    "GET /admin/import/past/{pk}": (NOBODY, 200, BOSSES),
    # Nothing is ticked: 400 is what somebody gets who may.
    "POST /admin/ticket/past/{pk}": (DESK, 400),
    "POST /admin/comment/past/{pk}": (DESK, 400),
    "POST /admin/attachment/past/{pk}": (DESK, 400),
    "POST /admin/tag/past/{pk}": (BOSSES, 400),
    "POST /admin/user/past/{pk}": (BOSSES, 400),
    "POST /admin/group/past/{pk}": (ADMIN, 400),
    "POST /admin/operation/past/{pk}": (NOBODY, 400),
    "POST /admin/job/past/{pk}": (NOBODY, 400),
    "POST /admin/audit-log/past/{pk}": (NOBODY, 400),
    "POST /admin/proof/past/{pk}": (NOBODY, 400),
    "POST /admin/seal/past/{pk}": (NOBODY, 400),
    "POST /admin/removal/past/{pk}": (NOBODY, 400),
    "POST /admin/import/past/{pk}": (NOBODY, 400),
    # It is there already: 409 is what somebody gets who may.
    "POST /admin/ticket/bring-back/{pk}": (ADMIN, 409),
    "POST /admin/comment/bring-back/{pk}": (ADMIN, 409),
    "POST /admin/attachment/bring-back/{pk}": (ADMIN, 409),
    "POST /admin/tag/bring-back/{pk}": (BOSSES, 409),
    "POST /admin/user/bring-back/{pk}": (NOBODY, 409),
    "POST /admin/group/bring-back/{pk}": (NOBODY, 409),
    "POST /admin/operation/bring-back/{pk}": (NOBODY, 409),
    "POST /admin/job/bring-back/{pk}": (NOBODY, 409),
    "POST /admin/audit-log/bring-back/{pk}": (NOBODY, 409),
    "POST /admin/proof/bring-back/{pk}": (NOBODY, 409),
    "POST /admin/seal/bring-back/{pk}": (NOBODY, 409),
    "POST /admin/removal/bring-back/{pk}": (NOBODY, 409),
    "POST /admin/import/bring-back/{pk}": (NOBODY, 409),
    # Asked for nothing in particular: 404 is what somebody gets who may look up.
    "GET /admin/ticket/ajax/lookup": (STAFF, 404),
    "GET /admin/comment/ajax/lookup": (STAFF, 404),
    "GET /admin/attachment/ajax/lookup": (STAFF, 404),
    "GET /admin/tag/ajax/lookup": (STAFF, 404),
    "GET /admin/user/ajax/lookup": (STAFF, 404),
    "GET /admin/group/ajax/lookup": (OVERSEERS, 404),
    "GET /admin/operation/ajax/lookup": (STAFF, 404),
    "GET /admin/job/ajax/lookup": (EXPORTERS, 404),
    "GET /admin/audit-log/ajax/lookup": (OVERSEERS, 404),
    "GET /admin/proof/ajax/lookup": (OVERSEERS, 404),
    "GET /admin/seal/ajax/lookup": (OVERSEERS, 404),
    "GET /admin/removal/ajax/lookup": (OVERSEERS, 404),
    "GET /admin/import/ajax/lookup": (BOSSES, 404),
    # One row is ticked and nothing confirmed: 200 is the question.
    "POST /admin/ticket/bulk/assign": (BOSSES, 200),
    "POST /admin/ticket/bulk/set-status": (BOSSES, 200),
    "POST /admin/ticket/bulk/set-priority": (BOSSES, 200),
    "POST /admin/ticket/bulk/add-tags": (BOSSES, 200),
    "POST /admin/ticket/bulk/remove-tags": (BOSSES, 200),
    "POST /admin/ticket/bulk/edit": (BOSSES, 200),
    "POST /admin/comment/bulk/edit": (BOSSES, 200),
    "POST /admin/tag/bulk/edit": (BOSSES, 200),
    "POST /admin/user/bulk/edit": (BOSSES, 200),
    "POST /admin/ticket/bulk/trash": (DESK, 200),
    "POST /admin/ticket/bulk/restore": (BOSSES, 200),
    "POST /admin/ticket/bulk/purge": (ADMIN, 200),
    "POST /admin/comment/bulk/trash": (BOSSES, 200),
    "POST /admin/comment/bulk/restore": (BOSSES, 200),
    "POST /admin/comment/bulk/purge": (ADMIN, 200),
    "POST /admin/attachment/bulk/trash": (BOSSES, 200),
    "POST /admin/attachment/bulk/restore": (BOSSES, 200),
    "POST /admin/attachment/bulk/purge": (ADMIN, 200),
    "POST /admin/tag/bulk/delete": (BOSSES, 200),
    "POST /admin/group/bulk/delete": (ADMIN, 200),
    #
    "POST /admin/ticket/{pk}/reply": (DESK, 400),
    "POST /admin/ticket/{pk}/attach": (DESK, 400),
    "GET /admin/attachment/{pk}/download": (STAFF, 200),
    "GET /admin/user/erase/{pk}": (ADMIN, 200),
    "POST /admin/user/erase/{pk}": (ADMIN, 400),
    "GET /admin/import/upload": (BOSSES, 200),
    "POST /admin/import/upload": (BOSSES, 400),
    "GET /admin/import/columns/{pk}": (BOSSES, 200),
    "GET /admin/import/report/{pk}": (BOSSES, 200),
    # Its file is gone, and no column is chosen: 400, 404 and 409 are what somebody gets who may.
    "POST /admin/import/columns/{pk}": (BOSSES, 400),
    "POST /admin/import/reading/{pk}": (BOSSES, 404),
    "POST /admin/import/run/{pk}": (BOSSES, 409),
    "GET /admin/proof/overview": (OVERSEERS, 200),
    # There is no key to verify by here: 409 is what somebody gets who may.
    "POST /admin/proof/verify": (OVERSEERS, 409),
    "POST /admin/proof/export": (OVERSEERS, 200),
    "POST /admin/job/seen": (EXPORTERS, 303),
    "POST /admin/job/{pk}/seen": (EXPORTERS, 303),
    # It has ended: 409 is what somebody gets who may cancel it.
    "POST /admin/job/{pk}/cancel": (BOSSES, 409),
    "POST /admin/job/{pk}/approve": (BOSSES, 409),
    "POST /admin/job/{pk}/reject": (BOSSES, 409),
    "GET /admin/job/{pk}/rows.csv": (EXPORTERS, 200),
    "GET /admin/job/{pk}/conflicts.csv": (EXPORTERS, 200),
    # Only who asked for it.
    "GET /admin/job/{pk}/download": (NOBODY, 200),
    # Undone already: 409 is what somebody gets who may undo it.
    "POST /admin/operation/{pk}/undo": (BOSSES, 409, "agent"),
}
#: Nothing secret, for everybody.
OPEN: Final[Mapping[str, int]] = {
    "GET /": 307,
    "GET /healthz": 200,
    "GET /readyz": 200,
    "GET /admin/static": 200,
    "GET /admin/statics": 200,
}
#: Signing in and out have tests of their own: here, what the two kinds of visitors get.
DOORS: Final[Mapping[str, tuple[int, int]]] = {
    "GET /admin/login": (200, 303),
    "POST /admin/login": (400, 400),
    "POST /admin/logout": (303, 303),
}
