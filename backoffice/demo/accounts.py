"""The accounts that everybody may know, because they exist in demo data alone."""

from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.accounts.passwords import verify_password
from models import User

DEMO_PASSWORD: Final = "backoffice-demo"  # noqa: S105 - published on purpose; `check` refuses it in production

#: The address to sign in with, and the group that it is in.
DEMO_ACCOUNTS: Final = (
    ("admin@example.com", "Administrators"),
    ("supervisor@example.com", "Supervisors"),
    ("agent@example.com", "Agents"),
    ("auditor@example.com", "Auditors"),
)


async def demo_accounts_present(session: AsyncSession) -> list[str]:
    """The addresses of the demo accounts that still can be signed in to with the demo password."""
    emails = [email for email, _ in DEMO_ACCOUNTS]
    statement = (
        select(User.email, User.password_hash)
        .where(User.email.in_(emails), User.is_active, User.is_staff)
        .order_by(User.id)
    )
    found = (await session.execute(statement)).all()
    return [row.email for row in found if await verify_password(row.password_hash, DEMO_PASSWORD)]
