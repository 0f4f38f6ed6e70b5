"""A bundle proves itself without the database, and whatever is done to it is found."""

import base64
import json
import re
import zipfile
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import asyncpg
import pytest

from backoffice.audit.proof import bundle_check
from backoffice.audit.proof.bundle import Exported, bundle_chunks, export_bundle, record_export, verify_bundle
from backoffice.audit.proof.bundle_check import LARGEST_WHOLE
from backoffice.audit.proof.keys import KeyRing, SigningKey
from backoffice.audit.proof.report import FindingKind
from backoffice.audit.proof.sealer import seal
from backoffice.database import SessionFactory, transaction
from backoffice.errors import BadInput
from tests.audit.proof.tampering import Sealed, found, only, sealed_history
from tests.performing import acting

OTHER_KEY = SigningKey(base64.b64encode(bytes(32)).decode())
Contents = dict[str, bytes]


@pytest.fixture
async def sealed(factory: SessionFactory, owner: asyncpg.Connection, key: SigningKey) -> Sealed:
    return await sealed_history(factory, owner, key)


@pytest.fixture
async def bundle(sealed: Sealed, tmp_path: Path) -> Path:
    return await exported(sealed, tmp_path / "history.zip")


async def exported(sealed: Sealed, path: Path, **options: object) -> Path:
    options = {"key": sealed.key, **options}
    await export_bundle(sealed.factory, path, KeyRing([sealed.key.public]), **options)  # type: ignore[arg-type]
    return path


def rewritten(path: Path, change: Callable[[Contents], None]) -> Path:
    """A copy of a bundle in which something was changed."""
    with zipfile.ZipFile(path) as bundle:
        contents = {name: bundle.read(name) for name in bundle.namelist()}
    change(contents)
    copy = path.with_name("rewritten.zip")
    with zipfile.ZipFile(copy, "w") as bundle:
        for name, content in contents.items():
            bundle.writestr(name, content)
    return copy


class TestWhole:
    async def test_is_verified_with_the_key(self, bundle: Path, key: SigningKey) -> None:
        report = verify_bundle(bundle, KeyRing([key.public]))
        assert (report.findings, report.notes) == ([], [])
        assert (report.seals, report.first_seal, report.last_seal, report.keys) == (3, 1, 3, [key.key_id])
        assert report.entries > 100

    async def test_without_the_key_it_says_so(self, bundle: Path) -> None:
        report = verify_bundle(bundle, None)
        assert report.is_whole
        assert "The keys are the bundle's own" in report.notes[0]

    async def test_counts_what_the_database_has(self, bundle: Path, sealed: Sealed) -> None:
        theirs, ours = verify_bundle(bundle, None), await sealed.verify(rows=False)
        assert (theirs.entries, theirs.unsealed) == (ours.entries, ours.unsealed)

    async def test_says_how_far_it_is(self, bundle: Path) -> None:
        seen: list[tuple[int, int]] = []
        report = verify_bundle(bundle, None, lambda done, total: seen.append((done, total)))
        assert seen[-1] == (report.entries, report.entries)

    async def test_what_is_not_sealed_yet_is_counted(
        self, sealed: Sealed, tmp_path: Path, owner: asyncpg.Connection
    ) -> None:
        await owner.execute("INSERT INTO tags (name) VALUES ('new')")
        report = verify_bundle(await exported(sealed, tmp_path / "a.zip"), None)
        assert (report.findings, report.unsealed) == ([], 1)

    async def test_unsigned_it_says_so(self, sealed: Sealed, tmp_path: Path) -> None:
        report = verify_bundle(await exported(sealed, tmp_path / "a.zip", key=None), None)
        assert "not signed" in report.notes[1]

    async def test_without_any_seal(self, factory: SessionFactory, key: SigningKey, tmp_path: Path) -> None:
        await export_bundle(factory, tmp_path / "a.zip", KeyRing([key.public]))
        report = verify_bundle(tmp_path / "a.zip", KeyRing([key.public]))
        assert (report.findings, report.seals, report.unsealed > 0) == ([], 0, True)


class TestCutOff:
    async def test_nothing_is_left_behind(self, sealed: Sealed, owner: asyncpg.Connection) -> None:
        chunks = bundle_chunks(sealed.factory, KeyRing([sealed.key.public]), Exported(None, None))
        async with aclosing(chunks):
            assert (await anext(chunks)).startswith(b"PK")
        open_transactions = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
        assert await owner.fetchval(f"{open_transactions} AND datname = current_database()") == 0


class TestRange:
    async def test_has_whole_seals_and_no_personal_value_from_beside_it(
        self, sealed: Sealed, tmp_path: Path, owner: asyncpg.Connection
    ) -> None:
        since = await owner.fetchval("SELECT sealed_at FROM audit_seals WHERE number = 1")
        until = await owner.fetchval(
            "SELECT min(created_at) + interval '1 millisecond' FROM audit_logs WHERE created_at > $1", since
        )
        path = await exported(sealed, tmp_path / "a.zip", since=since, until=until)
        report = verify_bundle(path, KeyRing([sealed.key.public]))
        assert (report.findings, report.since, report.until) == ([], since, until)
        assert report.entries > 0
        assert report.beside > 0
        with zipfile.ZipFile(path) as bundle:
            lines = bundle.read("entries.ndjson").splitlines()
        assert sum(b'"personal": ' in line for line in lines) == report.entries

    async def test_after_all_seals_has_none(self, sealed: Sealed, tmp_path: Path) -> None:
        since = await sealed.owner.fetchval(
            "SELECT sealed_at + interval '3 s' FROM audit_seals WHERE number = 3"
        )
        report = verify_bundle(await exported(sealed, tmp_path / "a.zip", since=since), None)
        assert (report.findings, report.seals) == ([], 0)


EDITS: dict[str, Callable[[bytes], bytes]] = {
    "an entry": lambda lines: lines.replace(b'"name": {"new": "tag 2"}', b'"name": {"new": "tag 7"}'),
    "a personal value": lambda lines: lines.replace(b'"Ticket 2"', b'"Ticket 7"'),
    "an address": lambda lines: lines.replace(b'"192.0.2.7"', b'"192.0.2.8"', 1),
    "a salt": lambda lines: lines.replace(
        b'"salt": "', b'"salt": "00000000-0000-4000-8000-000000000000" , "', 1
    ),
    "a personal value, left out": lambda lines: re.sub(rb', "personal": .*', b"}", lines, count=1),
}


class TestTampered:
    @pytest.mark.parametrize("edit", EDITS)
    async def test_entry_edited(self, bundle: Path, key: SigningKey, edit: str) -> None:
        def change(contents: Contents) -> None:
            before = contents["entries.ndjson"]
            contents["entries.ndjson"] = EDITS[edit](before)
            assert contents["entries.ndjson"] != before

        report = verify_bundle(rewritten(bundle, change), KeyRing([key.public]))
        kinds = {kind for kind, _ in found(report)}
        assert kinds == {FindingKind.FILE, FindingKind.EDITED}
        assert report.first is not None
        assert report.first.entry_id is not None

    async def test_entry_taken_out(self, bundle: Path, key: SigningKey) -> None:
        def change(contents: Contents) -> None:
            lines = contents["entries.ndjson"].splitlines(keepends=True)
            taken = json.loads(lines.pop(4))["entry"]["id"]
            contents["entries.ndjson"] = b"".join(lines)
            contents["taken"] = str(taken).encode()

        path = rewritten(bundle, change)
        with zipfile.ZipFile(path) as changed:
            taken = int(changed.read("taken"))
        report = verify_bundle(path, KeyRing([key.public]))
        assert (FindingKind.DELETED, taken) in found(report)

    async def test_entries_swapped(self, bundle: Path, key: SigningKey) -> None:
        def change(contents: Contents) -> None:
            first, *others, last = contents["entries.ndjson"].splitlines(keepends=True)
            contents["entries.ndjson"] = b"".join([last, *others, first])

        report = verify_bundle(rewritten(bundle, change), KeyRing([key.public]))
        assert report.counts[FindingKind.REORDERED] or report.counts[FindingKind.DELETED]

    async def test_seal_taken_out(self, bundle: Path, key: SigningKey) -> None:
        def change(contents: Contents) -> None:
            lines = contents["seals.ndjson"].splitlines(keepends=True)
            contents["seals.ndjson"] = lines[0] + lines[2]

        report = verify_bundle(rewritten(bundle, change), KeyRing([key.public]))
        assert (FindingKind.SEAL_MISSING, 2) in [(one.kind, one.seal) for one in report.findings]

    async def test_cut_off_at_the_end(self, bundle: Path, key: SigningKey) -> None:
        def change(contents: Contents) -> None:
            lines = contents["seals.ndjson"].splitlines(keepends=True)
            contents["seals.ndjson"] = b"".join(lines[:2])

        report = verify_bundle(rewritten(bundle, change), KeyRing([key.public]))
        assert report.counts[FindingKind.FILE] == 3

    async def test_manifest_written_anew(self, bundle: Path, key: SigningKey) -> None:
        def change(contents: Contents) -> None:
            contents["manifest.json"] = contents["manifest.json"].replace(b'"version"', b'"release"')

        finding = only(verify_bundle(rewritten(bundle, change), KeyRing([key.public])))
        assert finding.sentence == "manifest.json was not signed by a trusted key."

    async def test_made_anew_with_another_key(self, sealed: Sealed, tmp_path: Path, key: SigningKey) -> None:
        await sealed.tamper("DELETE FROM audit_seals")
        await seal(sealed.factory, OTHER_KEY)
        await export_bundle(sealed.factory, tmp_path / "a.zip", KeyRing([OTHER_KEY.public]), key=OTHER_KEY)
        assert verify_bundle(tmp_path / "a.zip", None).is_whole
        report = verify_bundle(tmp_path / "a.zip", KeyRing([key.public]))
        assert [one.kind for one in report.findings] == [FindingKind.FILE, FindingKind.FILE, FindingKind.SEAL]
        assert OTHER_KEY.key_id in report.findings[0].sentence

    async def test_key_swapped(self, bundle: Path) -> None:
        def change(contents: Contents) -> None:
            contents["keys.json"] = json.dumps({OTHER_KEY.key_id: OTHER_KEY.public.text}).encode()

        report = verify_bundle(rewritten(bundle, change), None)
        assert report.counts[FindingKind.SEAL] == 3

    @pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x05\x06" + bytes(18)])
    def test_no_bundle_at_all(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "a.zip").write_bytes(content)
        with pytest.raises(BadInput, match=r"a\.zip is no bundle"):
            verify_bundle(tmp_path / "a.zip", None)


class TestErased:
    async def test_is_blank_on_record(self, sealed: Sealed, tmp_path: Path) -> None:
        entry, *_ = await sealed.ids(seal=2)
        await sealed.erase(entry)
        path = await exported(sealed, tmp_path / "a.zip")
        report = verify_bundle(path, None)
        assert (report.findings, report.erased) == ([], 1)

        def change(contents: Contents) -> None:
            contents["removals.ndjson"] = b""

        assert (FindingKind.BLANKED, entry) in found(verify_bundle(rewritten(path, change), None))


class TestRecordExport:
    async def test_leaves_an_entry(self, sealed: Sealed, tmp_path: Path) -> None:
        made = await export_bundle(
            sealed.factory, tmp_path / "a.zip", KeyRing([sealed.key.public]), since=None, until=None
        )
        async with transaction(sealed.factory, acting(verb="audit.export")) as session:
            await record_export(session, made)
        changes = await sealed.owner.fetchval("SELECT changes FROM audit_logs WHERE action = 'EXPORT'")
        assert json.loads(changes) == {
            "from": {"new": None},
            "to": {"new": None},
            "entries": {"new": made.entries},
        }


DEEP = b"[" * 100_000
STRANGE: dict[str, Callable[[Contents], None]] = {
    "keys that are none": lambda contents: contents.update({"keys.json": b"[]"}),
    "a manifest without a bottom": lambda contents: contents.update({"manifest.json": DEEP}),
    "an entry without a bottom": lambda contents: contents.update({"entries.ndjson": b'{"entry": ' + DEEP}),
    "a seal of no number": lambda contents: contents.update(
        {"seals.ndjson": re.sub(rb'"number": \d+', b'"number": ' + b"9" * 40, contents["seals.ndjson"])}
    ),
    "a seal before all time": lambda contents: contents.update(
        {
            "seals.ndjson": re.sub(
                rb'"sealed_at": "[^"]+"',
                b'"sealed_at": "0001-01-01T00:00:00+23:00"',
                contents["seals.ndjson"],
            )
        }
    ),
    "an endless manifest": lambda contents: contents.update({"manifest.json": b" " * (LARGEST_WHOLE + 1)}),
}


class TestStrange:
    @pytest.mark.parametrize("strange", STRANGE)
    async def test_is_refused_in_a_sentence(self, bundle: Path, key: SigningKey, strange: str) -> None:
        with pytest.raises(BadInput, match="is no bundle that could be checked"):
            verify_bundle(rewritten(bundle, STRANGE[strange]), KeyRing([key.public]))

    async def test_an_endless_line_is_not_read_to_its_end(
        self, bundle: Path, key: SigningKey, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bundle_check, "LONGEST_LINE", 1 << 20)
        endless = rewritten(bundle, lambda contents: contents.update({"entries.ndjson": b" " * (1 << 21)}))
        with pytest.raises(BadInput, match=r"entries\.ndjson has a line of more than 1 MB"):
            verify_bundle(endless, KeyRing([key.public]))
