"""What staff see: one declaration a page of the sidebar."""

from collections.abc import Sequence
from pathlib import Path

from admin_views.attachments import AttachmentAdmin
from admin_views.audit_logs import AuditLogAdmin
from admin_views.comments import CommentAdmin
from admin_views.groups import GroupAdmin
from admin_views.imports import ImportAdmin
from admin_views.jobs import JobAdmin
from admin_views.operations import OperationAdmin
from admin_views.proof import RemovalAdmin, SealAdmin, VerificationAdmin
from admin_views.tags import TagAdmin
from admin_views.tickets import TicketAdmin
from admin_views.users import UserAdmin
from backoffice.admin.view import View

#: In the sidebar's order.
VIEWS: Sequence[type[View]] = (
    TicketAdmin,
    CommentAdmin,
    AttachmentAdmin,
    TagAdmin,
    ImportAdmin,
    UserAdmin,
    GroupAdmin,
    OperationAdmin,
    JobAdmin,
    AuditLogAdmin,
    VerificationAdmin,
    SealAdmin,
    RemovalAdmin,
)
TEMPLATES = Path(__file__).parent / "templates"
