import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.peers.report import put_between
from benchmarks.peers.results import Measurement, Report, Result
from benchmarks.scale import report

ROOT = Path(__file__).parents[2]
NOTE = "it was not counted in time"


def a_report(*measurements: Measurement, load: float = 0.1) -> Report:
    sizes = {"comments": 1, "entries": 1, "size": "1 GB", "server": "18.1"}
    return Report(
        taken_on="2026-12-03",
        load=[load, 1.0],
        machine={"system": "Linux", "cores": "2", "processor": "A processor", "memory": "8 GiB"},
        versions={"postgresql": "18.1", "ours": "0.1.0"},
        labels={"small": "50,000", "large": "5,000,000"},
        dataset={"small": {"tickets": 50_000, **sizes}, "large": {"tickets": 5_000_000, **sizes}},
        measurements=measurements,
        throughput={},
        seconds=61,
    )


def measured(label: str, small: float, large: float | str) -> Measurement:
    after = Result(note=large) if isinstance(large, str) else Result(large, large * 2, 20, cpu=5.0)
    return Measurement("key", label, {"small": Result(small, small * 2, 20, cpu=5.0), "large": after})


EVEN = measured("first list page", 10.0, 12.9)
DEARER = measured("audit log", 10.0, 13.1)
FAILED = measured("count", 10.0, NOTE)


class TestTable:
    def test_has_both_sizes_beside_each_other_with_their_ratio(self) -> None:
        lines = report.table(a_report(EVEN, FAILED)).splitlines()
        assert lines[0] == "| | 50,000 | 5,000,000 | ratio | CPU, small | CPU, large |"
        assert lines[2] == "| first list page | 10.0 / 20.0 | 12.9 / 25.8 | 1.3 | 5.0 | 5.0 |"
        assert lines[3] == f"| count | 10.0 / 20.0 | {NOTE} | – | 5.0 | – |"


class TestConclusion:
    @pytest.mark.parametrize(
        ("measurement", "sentence"),
        [
            (EVEN, "More than 1.3 times as dear at the larger size: nothing."),
            (DEARER, "at the larger size: audit log (1.3×)."),
            (FAILED, "at the larger size: nothing. No answer: count."),
        ],
    )
    def test_names_what_costs_more(self, measurement: Measurement, sentence: str) -> None:
        assert report.in_words(a_report(measurement)).endswith(sentence)

    def test_says_that_the_machine_was_busy(self) -> None:
        assert "was not quiet" in report.in_words(a_report(EVEN, load=3.0))


class TestSection:
    def test_takes_the_place_of_the_last_one(self, tmp_path: Path) -> None:
        page = tmp_path / "performance.md"
        page.write_text(f"Before.\n{report.BEGIN}\nold\n{report.END}\n\nAfter.\n")
        put_between(page, report.BEGIN, report.END, report.in_words(a_report(EVEN)))
        assert page.read_text().startswith(f"Before.\n{report.BEGIN}\n## From 50,000 to 5,000,000\n")
        assert page.read_text().endswith(f": nothing.\n{report.END}\n\nAfter.\n")

    def test_has_a_place_in_the_page_of_the_project(self) -> None:
        text = (ROOT / "docs" / "performance.md").read_text()
        assert text.count(report.BEGIN) == text.count(report.END) == 1


@pytest.mark.slow
class TestRun:
    def test_measures_both_sizes(self, tmp_path: Path) -> None:
        output = tmp_path / "docs"
        sizes = ["--small", "2000", "--large", "3000", "--rounds", "1", "--budget", "0.1"]
        places = ["--directory", str(tmp_path / "data"), "--output", str(output)]
        command = [sys.executable, "-m", "benchmarks.scale", *sizes, *places]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        figures = json.loads((output / "scale.json").read_text())
        assert {name: each["comments"] for name, each in figures["dataset"].items()} == {
            "small": 2_000,
            "large": 3_000,
        }
        results = {one["key"]: [*one["results"].values()] for one in figures["measurements"]}
        # Of so few tickets perhaps none is open and urgent.
        del results["filtered"]
        assert {each["note"] for both in results.values() for each in both} == {""}
        assert "## From 2,000 to 3,000" in (output / "performance.md").read_text()
