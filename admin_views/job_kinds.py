"""The kinds of jobs that the desk's workers can do."""

from collections.abc import Sequence

from backoffice.admin.site import AdminSite
from backoffice.jobs import JobKind, bulk_kind


def job_kinds(site: AdminSite) -> Sequence[JobKind]:
    """What a worker of this site can do."""
    return (bulk_kind(site.verbs, site.factory, site.settings),)
