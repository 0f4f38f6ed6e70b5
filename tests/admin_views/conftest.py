"""The desk of the tests of the admin, for the pages that are declared on it."""

from tests.admin.conftest import cheap_hashes, desk, desk_database

__all__ = ["cheap_hashes", "desk", "desk_database"]
