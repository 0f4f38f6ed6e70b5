"""Demo data: an invented support desk with its people, its tickets of 90 days, and the work on them."""

from backoffice.demo.accounts import DEMO_ACCOUNTS, DEMO_PASSWORD, demo_accounts_present
from backoffice.demo.load import load_demo

__all__ = ["DEMO_ACCOUNTS", "DEMO_PASSWORD", "demo_accounts_present", "load_demo"]
