"""Selections that were frozen when somebody was asked to confirm what is to be done with them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, String, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from models.base import NOT_AUDITED, Base


class FrozenSelection(Base):
    """The rows that matched when a person was asked, by their keys: what a confirmation is about.

    It belongs to that person alone, and is kept for a day.
    """

    __tablename__ = "frozen_selections"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    table_name: Mapped[str] = mapped_column(String(63))
    #: The selection in words, as the person read it.
    words: Mapped[str]
    record_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))

    __table_args__ = (
        Index("ix_frozen_selections_created_at", "created_at"),
        Index("ix_frozen_selections_user_id", "user_id"),
        {"info": dict(NOT_AUDITED)},
    )

    def __str__(self) -> str:
        return self.words
