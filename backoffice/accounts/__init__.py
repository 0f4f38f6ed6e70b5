"""Accounts: passwords, the throttle of sign-ins, sessions, people, and what groups grant."""
