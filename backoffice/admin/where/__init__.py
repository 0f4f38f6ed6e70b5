"""Advanced filters: conditions joined by AND and OR, in the address as `where=`, and their form."""

from backoffice.admin.where.asked import Where, read_where
from backoffice.admin.where.grammar import parsed
from backoffice.admin.where.tree import WHERE, Condition, Group, Mode, written

__all__ = ["WHERE", "Condition", "Group", "Mode", "Where", "parsed", "read_where", "written"]
