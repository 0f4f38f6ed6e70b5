"""Groups of staff and what they are granted."""

from typing import TYPE_CHECKING

from sqlalchemy import Column, ForeignKey, Index, String, Table, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import PLAIN, Base, Versioned

if TYPE_CHECKING:
    from models.user import User

#: Who is in which group; in the history it belongs to the user.
user_groups = Table(
    "user_groups",
    Base.metadata,
    Column("user_id", ForeignKey("users.id", ondelete="RESTRICT"), primary_key=True, info=dict(PLAIN)),
    Column("group_id", ForeignKey("groups.id", ondelete="RESTRICT"), primary_key=True, info=dict(PLAIN)),
    Index("ix_user_groups_group_id", "group_id"),
    info={"audit_record": "user_id"},
)


class Group(Versioned, Base):
    """A role of staff, such as Supervisors; its grants say what its members may do."""

    __tablename__ = "groups"

    id: Mapped[int] = mapped_column(primary_key=True, info=dict(PLAIN))
    name: Mapped[str] = mapped_column(String(255), unique=True, info=dict(PLAIN))

    accesses: Mapped[list["GroupAccess"]] = relationship(
        back_populates="group", cascade="all, delete-orphan", lazy="raise"
    )
    users: Mapped[list["User"]] = relationship(
        secondary=user_groups, back_populates="groups", lazy="raise", passive_deletes="all"
    )

    def __str__(self) -> str:
        return self.name


class GroupAccess(Base):
    """One grant: members of the group may do `action` on the page `identity`."""

    __tablename__ = "group_accesses"

    id: Mapped[int] = mapped_column(primary_key=True, info=dict(PLAIN))
    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id", ondelete="RESTRICT"), info=dict(PLAIN))
    identity: Mapped[str] = mapped_column(String(255), info=dict(PLAIN))
    action: Mapped[str] = mapped_column(String(64), info=dict(PLAIN))

    group: Mapped[Group] = relationship(back_populates="accesses", lazy="raise")

    __table_args__ = (UniqueConstraint("group_id", "identity", "action"),)

    def __str__(self) -> str:
        return f"{self.identity}:{self.action}"
