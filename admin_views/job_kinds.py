"""The kinds of jobs that the desk's workers can do."""

from collections.abc import Sequence

from backoffice.admin.export_jobs import export_kind
from backoffice.admin.site import AdminSite
from backoffice.desk.importing.files import ImportFolder
from backoffice.desk.importing.job import import_kind
from backoffice.jobs import JobKind, bulk_kind, undo_kind


def job_kinds(site: AdminSite) -> Sequence[JobKind]:
    """What a worker of this site can do."""
    return (
        bulk_kind(site.verbs, site.factory, site.settings),
        undo_kind(),
        export_kind(site),
        import_kind(site.factory, ImportFolder.of(site.settings)),
    )
