"""What was measured, as it is kept in a file and read again."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True)
class Result:
    """One thing with one contestant. Times are in milliseconds; `note` says why there are none."""

    p50: float | None = None
    p95: float | None = None
    rounds: int = 0
    #: Of the process that serves, for one time of it.
    cpu: float | None = None
    #: The most memory that this process held meanwhile, in MiB.
    peak: float | None = None
    note: str = ""

    @classmethod
    def of(cls, milliseconds: Sequence[float], **others: Any) -> Self:
        ordered = sorted(milliseconds)
        tail = ordered[max(round(len(ordered) * 0.95) - 1, 0)]
        return cls(round(statistics.median(ordered), 2), round(tail, 2), len(ordered), **others)


@dataclass(frozen=True)
class Measurement:
    """One thing with each contestant that was asked for it."""

    key: str
    label: str
    results: Mapping[str, Result]


@dataclass(frozen=True)
class Report:
    """A whole run. Labels, versions and `throughput` (first list pages a second) are by contestant."""

    taken_on: str
    load: Sequence[float]
    machine: Mapping[str, str]
    versions: Mapping[str, str]
    labels: Mapping[str, str]
    dataset: Mapping[str, Any]
    measurements: Sequence[Measurement]
    throughput: Mapping[str, float]
    seconds: int

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")

    @classmethod
    def read(cls, path: Path) -> Self:
        kept = json.loads(path.read_text())
        measurements = [
            Measurement(
                one["key"], one["label"], {key: Result(**each) for key, each in one["results"].items()}
            )
            for one in kept.pop("measurements")
        ]
        return cls(measurements=measurements, **kept)
