import pytest
from hypothesis import given
from hypothesis import strategies as st

from backoffice.attachments import is_image, safe_type
from backoffice.attachments.filetype import OPAQUE

SERVED = {"image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf", "text/plain", OPAQUE}


class TestSafeType:
    @pytest.mark.parametrize(
        ("head", "expected"),
        [
            (b"\x89PNG\r\n\x1a\n....", "image/png"),
            (b"\xff\xd8\xff\xe0....", "image/jpeg"),
            (b"GIF89a....", "image/gif"),
            (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
            (b"%PDF-1.7\n", "application/pdf"),
        ],
    )
    def test_knows_a_file_by_its_first_bytes(self, head: bytes, expected: str) -> None:
        assert safe_type("holiday.exe", "text/html", head) == expected

    @pytest.mark.parametrize(
        ("filename", "declared", "head"),
        [
            ("logo.svg", "image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
            ("page.html", "text/html", b"<script>alert(1)</script>"),
            ("fake.png", "image/png", b"<script>alert(1)</script>"),
            ("fake.txt", "text/plain", b"MZ\x90\x00\x03"),
            ("sound.webp", "image/webp", b"RIFF\x00\x00\x00\x00WAVE"),
            ("old.txt", "text/plain", "Größe".encode("latin-1") + b" of it"),
        ],
    )
    def test_lets_nobody_show_anything_else(self, filename: str, declared: str, head: bytes) -> None:
        assert safe_type(filename, declared, head) == OPAQUE

    @pytest.mark.parametrize(
        ("filename", "declared"),
        [("till.log", None), ("x", "text/plain; charset=utf-8"), ("NOTES.TXT", "application/octet-stream")],
    )
    def test_shows_text(self, filename: str, declared: str | None) -> None:
        assert safe_type(filename, declared, "08:15 ✓ ready\n".encode()) == "text/plain"

    def test_forgives_a_character_cut_in_two(self) -> None:
        assert safe_type("a.txt", None, "price: 3 €".encode()[:-1]) == "text/plain"

    @given(st.text(max_size=30), st.none() | st.text(max_size=30), st.binary(max_size=64))
    def test_answers_only_types_of_the_list(self, filename: str, declared: str | None, head: bytes) -> None:
        assert safe_type(filename, declared, head) in SERVED


class TestIsImage:
    def test_is_true_for_what_a_page_may_show(self) -> None:
        assert [content_type for content_type in sorted(SERVED) if is_image(content_type)] == [
            "image/gif",
            "image/jpeg",
            "image/png",
            "image/webp",
        ]
