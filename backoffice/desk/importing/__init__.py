"""Imports: tickets and people from files of other programs, tried first, run as one operation."""
