import re
import unicodedata
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backoffice.attachments import clean_filename, content_disposition

ANY_NAME = st.text(st.characters(), max_size=400)


class TestCleanFilename:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\me\\scan 1.png", "scan 1.png"),
            ("a\r\nSet-Cookie: b.txt", "aSet-Cookie: b.txt"),
            ("  two   spaces .txt ", "two spaces .txt"),
            ("invoice\u202efdp.exe", "invoicefdp.exe"),
            ("Re\u0301sume\u0301.doc", "Résumé.doc"),
            ("報告書.xlsx", "報告書.xlsx"),
            ("half\ud800pair", "halfpair"),
        ],
    )
    def test_keeps_what_names_the_file(self, given: str, expected: str) -> None:
        assert clean_filename(given) == expected

    @pytest.mark.parametrize("given", ["", ".", "..", "/", "a/..", "\x00", " . ", "\u202e"])
    def test_names_what_has_no_name(self, given: str) -> None:
        assert clean_filename(given) == "attachment"

    def test_keeps_the_suffix_of_a_long_name(self) -> None:
        cleaned = clean_filename("x" * 300 + ".tar.gz")

        assert len(cleaned) == 255
        assert cleaned.endswith("x.gz")

    def test_cuts_a_suffix_that_is_none(self) -> None:
        assert clean_filename("a." + "b" * 300) == "a." + "b" * 253

    @given(ANY_NAME)
    def test_holds_for_any_name(self, name: str) -> None:
        cleaned = clean_filename(name)

        assert 1 <= len(cleaned) <= 255
        assert cleaned not in {".", ".."}
        assert not set("/\\\x00\r\n") & set(cleaned)
        assert all(unicodedata.category(character) not in {"Cc", "Cs"} for character in cleaned)
        assert clean_filename(cleaned) == cleaned


class TestContentDisposition:
    def test_plain_name_is_quoted(self) -> None:
        assert content_disposition("a b.pdf", inline=False) == 'attachment; filename="a b.pdf"'

    def test_other_alphabets_come_in_utf_8(self) -> None:
        disposition = content_disposition("Prüfung.pdf", inline=True)

        assert disposition == "inline; filename=\"Prufung.pdf\"; filename*=UTF-8''Pr%C3%BCfung.pdf"

    @given(ANY_NAME)
    def test_is_one_safe_header_for_any_name(self, name: str) -> None:
        disposition = content_disposition(name, inline=False)

        parts = re.fullmatch(
            r"attachment; filename=\"([ -!#-$&-\[\]-~]*)\"(?:; filename\*=UTF-8''([!-~]+))?", disposition
        )
        assert parts is not None
        assert unquote(parts[2] or parts[1]) == clean_filename(name)
