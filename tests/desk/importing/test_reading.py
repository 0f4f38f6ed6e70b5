"""Reading files: what they are written in is found out, and every row has its line, right or wrong."""

from pathlib import Path

import pytest

from backoffice.desk.importing import readers
from backoffice.desk.importing import survey as surveying
from backoffice.desk.importing.readers import SourceRow, read_rows
from backoffice.desk.importing.source import Format, Source, detect
from backoffice.desk.importing.survey import survey
from backoffice.errors import BadInput

TEXT = "Number{0}Subject{0}Customer\n1{0}Größe{0}Ana\n2{0}“Zwei”{0}Bob\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


def write(path: Path, content: str | bytes) -> Source:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return detect(path)


def rows(path: Path, content: str | bytes) -> list[SourceRow]:
    return list(read_rows(path, write(path, content)))


class TestDetect:
    @pytest.mark.parametrize(
        ("codec", "encoding"),
        [
            ("utf-8", "utf-8-sig"),
            ("utf-8-sig", "utf-8-sig"),
            ("utf-16", "utf-16"),
            ("utf-16-le", "utf-16-le"),
            ("utf-16-be", "utf-16-be"),
            ("cp1252", "cp1252"),
        ],
    )
    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    def test_finds_encoding_and_delimiter(
        self, path: Path, codec: str, encoding: str, delimiter: str
    ) -> None:
        content = TEXT.format(delimiter).encode(codec)
        assert write(path, content) == Source(Format.CSV, encoding, delimiter)
        values = [row.values["Subject"] for row in read_rows(path, detect(path))]
        assert values == ["Größe", "“Zwei”"]

    def test_takes_bytes_that_windows_does_not_know_for_latin_1(self, path: Path) -> None:
        assert write(path, b"Subject,B\nGr\xf6\x81e,1\n").encoding == "latin-1"

    def test_is_not_led_astray_by_commas_in_texts(self, path: Path) -> None:
        content = 'Number;Subject\n1;"One, two, three"\n2;Four, five\n3;Six\n'
        assert write(path, content).delimiter == ";"

    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            ('[{"id": 1}]', Format.JSON),
            ('{"tickets": [{"id": 1}]}', Format.JSON),
            ('{\n  "count": 1,\n  "tickets": [\n {"id": 1}]}', Format.JSON),
            ('{"id": 1}\n{"id": 2}\n', Format.JSON_LINES),
            ('{"id": 1}', Format.JSON_LINES),
        ],
    )
    def test_tells_json_from_json_lines(self, path: Path, content: str, expected: Format) -> None:
        assert write(path, content).format is expected
        assert next(iter(read_rows(path, detect(path)))).values["id"] == 1

    @pytest.mark.parametrize("content", [b"", b" \n\n", b"PK\x03\x04abc", b"%PDF-1.7", b"\x1f\x8b\x08"])
    def test_refuses_what_is_no_text(self, path: Path, content: bytes) -> None:
        with pytest.raises(BadInput):
            write(path, content)


class TestCsv:
    def test_counts_lines_and_not_rows(self, path: Path) -> None:
        content = 'A,B\r\n1,"two\r\nlines, and “a ""quote"""\r\n\r\n3,4\r\n'
        found = [(row.number, row.line, dict(row.values)) for row in rows(path, content)]
        assert found == [
            (1, 2, {"A": "1", "B": 'two\r\nlines, and “a "quote"'}),
            (2, 5, {"A": "3", "B": "4"}),
        ]

    def test_goes_on_after_a_row_that_does_not_fit(self, path: Path) -> None:
        found = [(row.line, row.problem) for row in rows(path, "A,B\n1\n1,2\n1,2,3\n")]
        assert found == [
            (2, "it has 1 cell, and the first row 2"),
            (3, ""),
            (4, "it has 3 cells, and the first row 2"),
        ]

    def test_says_where_a_quotation_mark_is_not_closed(self, path: Path) -> None:
        content = 'A,B\n1,2\n3,"4\n' + "x,y\n" * 50_000
        first, second, *others = rows(path, content)
        assert (first.problem, second.line) == ("", 3)
        assert "quotation mark" in second.problem
        assert others

    def test_gives_each_column_a_name_of_its_own(self, path: Path) -> None:
        (row,) = rows(path, "Id,,Id,  a  b \n1,2,3,4\n")
        assert dict(row.values) == {"Id": "1", "Column 2": "2", "Id (2)": "3", "a b": "4"}

    def test_refuses_the_wrong_encoding_with_a_sentence(self, path: Path) -> None:
        write(path, TEXT.format(",").encode("cp1252"))
        with pytest.raises(BadInput, match="encoding"):
            list(read_rows(path, Source(Format.CSV, "utf-8-sig", ",")))


class TestJson:
    def test_goes_on_after_a_bad_line(self, path: Path) -> None:
        content = '{"id": 1, "requester": {"email": "a@b.example"}}\n{"id": \n\n[2]\n{"id": 3}\n'
        found = [(row.line, dict(row.values), row.problem) for row in rows(path, content)]
        assert found == [
            (1, {"id": 1, "requester.email": "a@b.example"}, ""),
            (2, {}, "this is no JSON"),
            (4, {}, "this is no object of JSON"),
            (5, {"id": 3}, ""),
        ]

    def test_reads_an_array_piece_by_piece(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(readers, "CHUNK", 30)
        content = '{"count": 2, "tickets": [\n{"id": 1, "a": "]},"},\n {"id": 2}\n], "next_page": null}'
        found = [(row.line, dict(row.values)) for row in rows(path, content)]
        assert found == [(2, {"id": 1, "a": "]},"}), (3, {"id": 2})]

    def test_stops_where_an_array_breaks_off(self, path: Path) -> None:
        found = [(row.line, row.problem) for row in rows(path, '[{"id": 1},\n{"id": 2')]
        assert found == [(1, ""), (2, "this is no JSON, and what follows cannot be read")]

    def test_refuses_an_object_too_large_for_memory(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(readers, "LONGEST_OBJECT", 50)
        monkeypatch.setattr(readers, "CHUNK", 30)
        for content in ('{"id": "' + "x" * 100 + '"}\n{"id": 2}\n', '[{"id": "' + "x" * 100 + '"}]'):
            first, *_ = rows(path, content)
            assert first.problem


class TestSurvey:
    def test_gives_examples_and_counts_words(self, path: Path) -> None:
        source = write(path, "Status,Text\n" + "".join(f"open,{n}\n" for n in range(50)) + "new,\n")
        found = survey(path, source)
        status, text = found.columns
        assert (found.row_count, status.values, status.samples) == (
            51,
            {"open": 50, "new": 1},
            ["open", "new"],
        )
        assert (text.values, text.samples) == (None, ["0", "1", "2"])

    def test_refuses_more_rows_than_can_be_waited_for(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(surveying, "MOST_ROWS", 2)
        assert survey(path, write(path, "Status\nopen\nnew\n")).row_count == 2
        with pytest.raises(BadInput, match=r"more than 2 rows, .*: cut it into several files"):
            survey(path, write(path, "Status\nopen\nnew\nclosed\n"))
