"""What the desk does, for pages, commands and scripts alike.

Verbs over a set are `BulkVerb`s, for `backoffice.operations.preview` and `run`; the other functions
take a session, flush, and never commit: whoever opened the transaction does.
"""

from backoffice.desk.by_id import (
    bulk_assign_tickets,
    bulk_create_tickets,
    bulk_update_ticket_status,
    restore_ticket,
    soft_delete_ticket,
)
from backoffice.desk.by_name import run_verb, submit_verb
from backoffice.desk.finding import COUNT_CAP, search_tickets, ticket_lookup, ticket_search
from backoffice.desk.reading import get_tickets_with_details, get_user_with_tickets
from backoffice.desk.replies import reply
from backoffice.desk.search import comment_search_condition, people_search_condition, search_condition
from backoffice.desk.statistics import AssigneeStatistics, TicketStatistics, get_ticket_statistics
from backoffice.desk.tags import delete_tags
from backoffice.desk.tickets import add_tags, assign, remove_tags, set_priority, set_status
from backoffice.desk.trash import delete_forever, move_to_trash, purge_trash, restore, unreferenced_files

__all__ = [
    "COUNT_CAP",
    "AssigneeStatistics",
    "TicketStatistics",
    "add_tags",
    "assign",
    "bulk_assign_tickets",
    "bulk_create_tickets",
    "bulk_update_ticket_status",
    "comment_search_condition",
    "delete_forever",
    "delete_tags",
    "get_ticket_statistics",
    "get_tickets_with_details",
    "get_user_with_tickets",
    "move_to_trash",
    "people_search_condition",
    "purge_trash",
    "remove_tags",
    "reply",
    "restore",
    "restore_ticket",
    "run_verb",
    "search_condition",
    "search_tickets",
    "set_priority",
    "set_status",
    "soft_delete_ticket",
    "submit_verb",
    "ticket_lookup",
    "ticket_search",
    "unreferenced_files",
]
