import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.peers import plot, report
from benchmarks.peers.browser import Refused, filled, form_with
from benchmarks.peers.results import Measurement, Report, Result

ROOT = Path(__file__).parents[2]
LABELS = {"ours": "This product", "django": "Django admin", "sqladmin": "SQLAdmin", "limit": "The limit"}


def a_report(*measurements: Measurement, load: float = 0.1) -> Report:
    return Report(
        taken_on="2026-11-24",
        load=[load, 1.0],
        machine={"system": "Linux", "cores": "2", "processor": "A processor", "memory": "8 GiB"},
        versions={"django": "5.2", "sqladmin": "0.32", "python": "3.11", "postgresql": "18.1"},
        labels=LABELS,
        dataset={"tickets": 1_000_000, "comments": 3_000_000, "entries": 5_000_000, "size": "5 GB"},
        measurements=measurements,
        throughput={"ours": 200.5, "django": 8.7},
        seconds=421,
    )


def measured(key: str, label: str, results: Mapping[str, float | str]) -> Measurement:
    """Medians by contestant, or why there is none."""
    return Measurement(key, label, {name: _result(value) for name, value in results.items()})


def _result(value: float | str) -> Result:
    return Result(note=value) if isinstance(value, str) else Result(value, value * 2, 20, cpu=5.0, peak=100.4)


FIRST = measured("first", "first list page", {"ours": 10.0, "django": 150.0, "sqladmin": 430.0, "limit": 1.0})
FORM = measured("form", "a ticket's form", {"ours": 12.0, "django": 14.0, "sqladmin": 6.0, "limit": 0.5})
EXPORT = measured("export", "export", {"ours": 900.0, "django": "it has no export", "sqladmin": "> 30 s"})


class TestResult:
    def test_is_the_median_and_the_tail(self) -> None:
        result = Result.of([float(number) for number in range(1, 21)])
        assert (result.p50, result.p95, result.rounds) == (10.5, 19.0, 20)

    def test_of_one_time_is_that_time(self) -> None:
        assert (Result.of([7.0]).p50, Result.of([7.0]).p95) == (7.0, 7.0)


class TestTable:
    def test_has_a_row_for_each_measurement_and_a_column_for_each_contestant(self) -> None:
        lines = report.table(a_report(FIRST, EXPORT)).splitlines()
        assert lines[0] == "| | This product | Django admin 5.2 | SQLAdmin 0.32 | The limit |"
        assert lines[2] == "| first list page | 10.0 / 20.0 | 150 / 300 | 430 / 860 | 1.0 / 2.0 |"
        assert lines[4] == "| first list pages a second, 8 clients | 200 | 8.7 | – | – |"

    def test_says_what_somebody_cannot_do(self) -> None:
        assert "| export | 900 / 1,800 | it has no export | > 30 s | – |" in report.table(a_report(EXPORT))

    def test_tells_the_memory_of_pages_from_that_of_exports(self) -> None:
        pages, export = report.table(a_report(FIRST, EXPORT)).splitlines()[-2:]
        assert pages.endswith("| 100 | 100 | 100 | 100 |")
        assert export.endswith("| 100 | – | – | – |")


class TestReading:
    def test_says_where_this_product_is_ahead_and_where_behind(self) -> None:
        ahead, behind, alone, limit = report.reading(a_report(FIRST, FORM, EXPORT))
        assert ahead.startswith("**Faster** ")
        assert ahead.endswith(": first list page (10.0 against 150 of Django admin, 15.0×).")
        assert behind.startswith("**Slower** ")
        assert behind.endswith(": a ticket's form (12.0 against 6.0 of SQLAdmin, 2.0×).")
        assert alone == "**Alone**: nobody else did it, or not in time: export."
        assert limit.startswith("**The limit** is 10.0× (first list page) to 24× (a ticket's form) away")

    def test_calls_what_differs_as_runs_do_the_same(self) -> None:
        near = measured("save", "save", {"ours": 10.0, "django": 10.5, "limit": 10.0})
        assert "**As fast** as the fastest of the others: save." in report.reading(a_report(near))

    def test_says_what_this_product_did_not_do(self) -> None:
        failed = measured("export", "export", {"ours": "> 30 s", "django": 900.0})
        assert report.reading(a_report(failed)) == ["**Not done** by this product: export (> 30 s)."]

    @pytest.mark.parametrize(("load", "is_said"), [(0.2, False), (1.9, True)])
    def test_says_that_the_machine_was_busy(self, load: float, is_said: bool) -> None:
        assert ("was not quiet" in report.in_words(a_report(FIRST, load=load))) is is_said


class TestPage:
    def test_keeps_what_stands_around_the_figures(self, tmp_path: Path) -> None:
        page = tmp_path / "performance.md"
        page.write_text(f"# Title\n\n{report.BEGIN}\nold\n{report.END}\n\nAfter.\n")
        report.write_into(page, a_report(FIRST))
        text = page.read_text()
        assert text.startswith("# Title\n")
        assert text.endswith(f"{report.END}\n\nAfter.\n")
        assert "first list page" in text
        assert "old" not in text

    def test_of_the_project_has_a_place_for_them(self) -> None:
        text = (ROOT / "docs" / "performance.md").read_text()
        assert text.count(report.BEGIN) == text.count(report.END) == 1


class TestFigures:
    def test_are_read_as_they_were_written(self, tmp_path: Path) -> None:
        made = a_report(FIRST, EXPORT)
        made.write(tmp_path / "figures.json")
        assert report.in_words(Report.read(tmp_path / "figures.json")) == report.in_words(made)


class TestPicture:
    def test_has_a_mark_for_each_time_and_says_it(self) -> None:
        picture = ElementTree.fromstring(plot.svg(a_report(FIRST, EXPORT)))  # noqa: S314 - drawn here
        titles = [title.text for title in picture.iter("{http://www.w3.org/2000/svg}title")]
        assert "This product: 10.0 ms" in titles
        assert len([title for title in titles if title and title.endswith(" ms")]) == 5

    def test_puts_what_takes_longer_farther_to_the_right(self) -> None:
        times = {"ours": 10.0, "limit": 1.0, "django": 90.0}
        drawn = plot.svg(a_report(measured("first", "first", times)))
        assert drawn.index("Django admin: 90.0 ms") < drawn.index("This product: 10.0 ms")
        assert (
            _position(drawn, "The limit")
            < _position(drawn, "This product")
            < _position(drawn, "Django admin")
        )


def _position(drawn: str, label: str) -> float:
    mark = drawn.partition(f"<title>{label}: ")[2].partition("</g>")[0]
    words = mark.replace('cx="', "d=M").replace('d="M', "d=M").partition("d=M")[2]
    return float(words.replace('"', " ").split()[0])


class TestForm:
    PAGE = """
      <form><input name="q"></form>
      <form><input name="title" value="A &amp; B"><input type="checkbox" name="no">
      <input type="submit" name="go"><input type="checkbox" name="yes" value="1" checked>
      <textarea name="text">\nTwo\nlines</textarea>
      <select name="tag" multiple><option value="1" selected><option value="2">
      <option value="3" selected></select></form>"""

    def test_is_sent_as_a_browser_would(self) -> None:
        sent = [("title", "A & B"), ("yes", "1"), ("text", "Two\nlines"), ("tag", "1"), ("tag", "3")]
        assert form_with(self.PAGE, "title") == sent

    def test_is_filled(self) -> None:
        assert filled([("a", "1"), ("b", "2")], {"b": "3", "c": "4"}) == [("a", "1"), ("b", "3"), ("c", "4")]

    def test_that_is_missing_is_refused(self) -> None:
        with pytest.raises(Refused, match="no form with password"):
            form_with(self.PAGE, "password")


@pytest.mark.slow
class TestRun:
    def test_measures_this_product_beside_the_limit(self, tmp_path: Path) -> None:
        output = tmp_path / "docs"
        sizes = ["--tickets", "300", "--rounds", "1", "--budget", "0.1"]
        places = ["--directory", str(tmp_path / "data"), "--output", str(output)]
        who = ["--only", "ours", "--only", "limit"]
        command = [sys.executable, "-m", "benchmarks.peers", *sizes, *places, *who]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        figures = json.loads((output / "performance.json").read_text())
        results = [each for one in figures["measurements"] for each in one["results"].values()]
        assert {result["note"] for result in results} == {""}
        assert figures["dataset"]["comments"] == 900
        # Five a ticket, and those of what was saved and assigned since.
        assert figures["dataset"]["entries"] >= 1_500
        assert set(figures["throughput"]) == {"ours", "limit"}
        assert (output / "images" / "performance.svg").exists()
        assert "This product" in (output / "performance.md").read_text()
