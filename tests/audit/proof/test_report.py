import json
from datetime import UTC, datetime

from backoffice.audit.proof.report import MOST_LISTED, FindingKind, Report

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def report(**fields: object) -> Report:
    return Report(began_at=NOON, ended_at=NOON, entries=12, seals=3, first_seal=1, last_seal=3, **fields)  # type: ignore[arg-type]


class TestAdd:
    def test_without_findings_it_is_whole(self) -> None:
        whole = report()
        assert (whole.is_whole, whole.found, whole.first) == (True, 0, None)
        assert whole.verdict == "Nothing was found: the history is whole."

    def test_counts_all_and_lists_some(self) -> None:
        broken = report()
        for number in range(MOST_LISTED + 5):
            broken.add(FindingKind.DELETED, "Gone.", entry_id=number)
        broken.add(FindingKind.SEAL, "Bad.", seal=1)
        assert (broken.is_whole, broken.found, len(broken.findings)) == (False, MOST_LISTED + 6, MOST_LISTED)
        assert broken.verdict == "1,006 findings: 1,005 deleted, 1 seal."

    def test_the_first_bad_entry_goes_before_bad_seals(self) -> None:
        broken = report()
        broken.add(FindingKind.SEAL, "Bad.", seal=1)
        assert broken.first == broken.findings[0]
        broken.add(FindingKind.EDITED, "Edited.", entry_id=7, seal=1)
        assert broken.first == broken.findings[1]


class TestReplace:
    def test_keeps_the_place_and_the_count(self) -> None:
        broken, other = report(), report()
        for one in (broken, other):
            one.add(FindingKind.DELETED, "Gone.", entry_id=1)
        other.add(FindingKind.REORDERED, "Elsewhere.", entry_id=1)
        broken.replace(broken.findings[0], other.findings[1])
        assert (broken.findings, broken.counts) == (other.findings[1:], {FindingKind.REORDERED: 1})

    def test_taking_back_leaves_nothing(self) -> None:
        broken = report()
        broken.add(FindingKind.INSERTED, "New.", entry_id=1)
        broken.drop(broken.findings[0])
        assert (broken.is_whole, broken.findings) == (True, [])


class TestJson:
    def test_there_and_back_nothing_is_lost(self) -> None:
        broken = report(since=NOON, keys=["ab12"], anchors=2, records=4, notes=["Look."], sealed_through=NOON)
        broken.add(FindingKind.EDITED, "Edited.", entry_id=7, seal=1)
        assert Report.from_json(json.loads(json.dumps(broken.as_json()))) == broken


class TestChecked:
    def test_says_everything(self) -> None:
        full = report(
            since=NOON,
            beside=3,
            keys=["ab12"],
            anchors=1,
            erased=2,
            unsealed=1,
            records=1_000,
            notes=["Look."],
        )
        assert full.checked == [
            (
                "12 entries from 2026-11-22T12:00:00+00:00, and 3 around them in the same seals,"
                " in 3 seals (1 to 3)."
            ),
            "Signed by ab12.",
            "1 anchor compared with the chain.",
            "Removed on record: 2 erased, 0 let go of after retention.",
            "1 entry not sealed yet: nothing is proved of them.",
            "1,000 records compared with what the history says of them.",
            "Look.",
        ]

    def test_says_that_nothing_is_sealed(self) -> None:
        assert Report().checked == ["0 entries, in no seal."]
