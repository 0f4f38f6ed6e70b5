"""What the data is: one model a file, on SQLAlchemy and the standard library alone."""

from models.attachment import Attachment
from models.audit_log import AuditAction, AuditLog
from models.audit_seal import AuditRemoval, AuditSeal, AuditVerification, RemovalKind, VerificationState
from models.base import INCLUDE_TRASHED, Base, Timestamped, Trashable, Versioned
from models.comment import Comment
from models.group import Group, GroupAccess, user_groups
from models.import_file import ImportFile, ImportKind, ImportPlan, ImportRow, ImportState, Verdict
from models.job import ENDED, Job, JobChunk, JobState
from models.operation import Operation
from models.saved_view import ListPreference, SavedView, SavedViewCount
from models.selection import FrozenSelection
from models.session import LoginThrottle, Session
from models.tag import Tag, ticket_tags
from models.ticket import SETTLED, Ticket, TicketPriority, TicketStatus
from models.user import Theme, User

__all__ = [
    "ENDED",
    "INCLUDE_TRASHED",
    "SETTLED",
    "Attachment",
    "AuditAction",
    "AuditLog",
    "AuditRemoval",
    "AuditSeal",
    "AuditVerification",
    "Base",
    "Comment",
    "FrozenSelection",
    "Group",
    "GroupAccess",
    "ImportFile",
    "ImportKind",
    "ImportPlan",
    "ImportRow",
    "ImportState",
    "Job",
    "JobChunk",
    "JobState",
    "ListPreference",
    "LoginThrottle",
    "Operation",
    "RemovalKind",
    "SavedView",
    "SavedViewCount",
    "Session",
    "Tag",
    "Theme",
    "Ticket",
    "TicketPriority",
    "TicketStatus",
    "Timestamped",
    "Trashable",
    "User",
    "Verdict",
    "VerificationState",
    "Versioned",
    "ticket_tags",
    "user_groups",
]
