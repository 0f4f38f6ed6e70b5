"""What the asynchronous selects of the desk find."""

from sqlalchemy import ColumnElement, and_, or_

from backoffice.admin.pickers import Picker
from backoffice.desk.search import search_condition
from models import Group, Tag, Ticket, User


def _people(term: str) -> ColumnElement[bool]:
    return or_(User.full_name.icontains(term, autoescape=True), User.email.istartswith(term, autoescape=True))


PEOPLE = Picker(
    User,
    search=_people,
    where=lambda user: User.is_active.is_(True),
    order_by=(User.full_name, User.id),
    label=lambda person: f"{person.full_name} <{person.email}>",
)
STAFF = Picker(
    User,
    search=_people,
    where=lambda user: and_(User.is_active, User.is_staff),
    order_by=(User.full_name, User.id),
    label=lambda person: person.full_name,
)
TAGS = Picker(Tag, search=lambda term: Tag.name.icontains(term, autoescape=True), order_by=(Tag.name,))
GROUPS = Picker(
    Group, search=lambda term: Group.name.icontains(term, autoescape=True), order_by=(Group.name,)
)
TICKETS = Picker(Ticket, search=search_condition, order_by=(Ticket.created_at.desc(), Ticket.id.desc()))
