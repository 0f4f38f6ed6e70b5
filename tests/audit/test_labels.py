"""Verbs in words."""

import pytest

from backoffice.audit.labels import verb_label


class TestVerbLabel:
    @pytest.mark.parametrize(
        ("verb", "words"),
        [
            ("ticket.assign", "Assigned tickets"),
            ("comment.trash", "Moved comments to the trash"),
            ("user.change_password", "Changed the password of users"),
            ("operation.undo", "Undid an operation"),
            ("night.night-shift", "Night: night shift"),
            ("import", "Import"),
        ],
    )
    def test_reads_as_a_sentence(self, verb: str, words: str) -> None:
        assert verb_label(verb) == words
