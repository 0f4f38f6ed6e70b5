"""The desk on Django's admin."""
