"""What somebody who owns the tables can do to the seals, and to what was removed on record, is found."""

import base64

import asyncpg
import pytest

from backoffice.audit.proof.anchor import Anchor
from backoffice.audit.proof.keys import SigningKey
from backoffice.audit.proof.removals import record_removal
from backoffice.audit.proof.report import FindingKind
from backoffice.audit.proof.sealer import newest_seal
from backoffice.database import SessionFactory, transaction
from models import RemovalKind
from tests.audit.proof.tampering import BLANK, Sealed, found, only
from tests.databases import Database
from tests.performing import acting, sql

OTHER_KEY = SigningKey(base64.b64encode(bytes(32)).decode())


@pytest.fixture
def database(sealed_database: Database) -> Database:
    return sealed_database


@pytest.fixture
def sealed(factory: SessionFactory, owner: asyncpg.Connection, key: SigningKey) -> Sealed:
    return Sealed(factory, owner, key)


async def anchor_of(sealed: Sealed) -> Anchor:
    async with sealed.factory() as session:
        newest = await newest_seal(session)
    assert newest is not None
    return Anchor.of(newest)


EDITS = {
    "sealed_at": "sealed_at + interval '1 microsecond'",
    "horizon_xid": "horizon_xid - 1",
    "next_xid": "next_xid + 1",
    "through_xid": "through_xid - 1",
    "through_id": "through_id - 1",
    "entry_count": "entry_count + 1",
    "root": "sha256('')",
    "previous_hash": "sha256('')",
    "hash": "sha256('')",
    "key_id": "'0123456789abcdef'",
    "signature": "decode(repeat('00', 64), 'hex')",
}


FLIP_A_BIT = (
    "UPDATE audit_seals SET entries = set_byte(entries, 20, get_byte(entries, 20) # 1) WHERE number = 2"
)


class TestSeals:
    @pytest.mark.parametrize("number", [1, 2, 3])
    @pytest.mark.parametrize("column", EDITS)
    async def test_edited_in_any_column(self, sealed: Sealed, column: str, number: int) -> None:
        await sealed.tamper(
            "ALTER TABLE audit_seals DROP CONSTRAINT ck_audit_seals_entries_length",
            f"UPDATE audit_seals SET {column} = {EDITS[column]} WHERE number = {number}",
        )
        report = await sealed.verify(rows=False)
        assert (FindingKind.SEAL, number) in [(one.kind, one.seal) for one in report.findings]
        assert {one.kind for one in report.findings} == {FindingKind.SEAL}

    async def test_emptied_in_any_column(self, sealed: Sealed) -> None:
        columns = (*EDITS, "entries")
        await sealed.owner.execute("CREATE TEMPORARY TABLE kept AS TABLE audit_seals")
        for column in columns:
            await sealed.tamper(
                f"ALTER TABLE audit_seals ALTER {column} DROP NOT NULL",
                f"UPDATE audit_seals SET {column} = NULL WHERE number = 2",
            )
            report = await sealed.verify(rows=False)
            assert (FindingKind.SEAL, 2) in [(one.kind, one.seal) for one in report.findings], column
            assert {one.kind for one in report.findings} == {FindingKind.SEAL}, column
            restore = f"UPDATE audit_seals AS seal SET {column} = kept.{column} FROM kept"
            await sealed.tamper(f"{restore} WHERE kept.number = seal.number")
        assert (await sealed.verify(rows=False)).is_whole

    @pytest.mark.parametrize("number", [1, 2, 3])
    async def test_emptied_wholly(self, sealed: Sealed, number: int) -> None:
        columns = (*EDITS, "entries")
        await sealed.tamper(
            f"ALTER TABLE audit_seals {', '.join(f'ALTER {column} DROP NOT NULL' for column in columns)}",
            f"UPDATE audit_seals SET {', '.join(f'{column} = NULL' for column in columns)}"
            f" WHERE number = {number}",
        )
        report = await sealed.verify(rows=False)
        assert (FindingKind.SEAL, number) in [(one.kind, one.seal) for one in report.findings]

    async def test_renumbered(self, sealed: Sealed) -> None:
        await sealed.tamper("UPDATE audit_seals SET number = 9 WHERE number = 2")
        kinds = {(one.kind, one.seal) for one in (await sealed.verify(rows=False)).findings}
        assert kinds >= {(FindingKind.SEAL_MISSING, 2), (FindingKind.SEAL, 9)}

    async def test_list_of_entries_edited(self, sealed: Sealed) -> None:
        await sealed.tamper(FLIP_A_BIT)
        finding = only(await sealed.verify(rows=False))
        assert (finding.kind, finding.seal) == (FindingKind.SEAL, 2)
        assert finding.sentence == "Seal 2 is not sound: its root is not that of its entries."

    async def test_list_edited_along_with_an_entry(self, sealed: Sealed) -> None:
        first, *_ = await sealed.ids(seal=2)
        await sealed.tamper(
            FLIP_A_BIT,
            f"DELETE FROM audit_logs WHERE id = {first}",
        )
        report = await sealed.verify(rows=False)
        assert {(FindingKind.SEAL, None), (FindingKind.DELETED, first)} <= set(found(report))

    async def test_dropped_in_the_middle(self, sealed: Sealed) -> None:
        first, *_, last = sorted(
            await sealed.ids(seal=2, table="users") + await sealed.ids(seal=2, table="ticket_tags")
        )
        await sealed.tamper("DELETE FROM audit_seals WHERE number = 2")
        finding = only(await sealed.verify(rows=False))
        assert (finding.kind, finding.seal) == (FindingKind.SEAL_MISSING, 2)
        assert finding.entry_id is not None
        assert finding.entry_id <= first < last
        assert finding.sentence.startswith("Seal 2 is missing: ")

    async def test_dropped_from_the_beginning(self, sealed: Sealed) -> None:
        await sealed.tamper("DELETE FROM audit_seals WHERE number < 3")
        finding = only(await sealed.verify(rows=False))
        assert (finding.kind, finding.seal, finding.entry_id) == (FindingKind.SEAL_MISSING, 1, 1)

    async def test_dropped_from_the_end(self, sealed: Sealed) -> None:
        anchor = await anchor_of(sealed)
        assert (await sealed.verify(rows=False, anchors=[anchor])).is_whole
        await sealed.tamper("DELETE FROM audit_seals WHERE number = 3")
        finding = only(await sealed.verify(rows=False, anchors=[anchor]))
        assert finding.sentence == "The anchor knows seal 3, the chain ends at 2."
        await sealed.seal()
        finding = only(await sealed.verify(rows=False, anchors=[anchor]))
        assert (finding.kind, finding.seal) == (FindingKind.ANCHOR, 3)

    async def test_a_forged_anchor_is_not_believed(self, sealed: Sealed) -> None:
        anchor = await anchor_of(sealed)
        forged = Anchor(anchor.number, bytes(32), anchor.sealed_at, anchor.key_id, anchor.signature)
        finding = only(await sealed.verify(rows=False, anchors=[anchor, forged]))
        assert finding.sentence == "The anchor of seal 3 was not signed by a trusted key."

    async def test_all_made_anew_with_another_key(self, sealed: Sealed) -> None:
        anchor = await anchor_of(sealed)
        await sealed.tamper("DELETE FROM audit_seals")
        await sealed.seal(OTHER_KEY)
        report = await sealed.verify(rows=False, anchors=[anchor])
        assert [(one.kind, one.seal) for one in report.findings] == [
            (FindingKind.SEAL, 1),
            (FindingKind.ANCHOR, 3),
        ]
        assert "no trusted key has signed it" in report.findings[0].sentence

    async def test_put_on_top_of_another(self, sealed: Sealed) -> None:
        """Of two chains by the same key, the end of one does not fit the other."""
        await sealed.tamper(
            "CREATE TABLE kept AS SELECT * FROM audit_seals", "DELETE FROM audit_seals WHERE number > 1"
        )
        await sql(sealed.factory, "INSERT INTO tags (name) VALUES ('more')")
        await sealed.seal()
        await sealed.tamper("INSERT INTO audit_seals SELECT * FROM kept WHERE number = 3")
        report = await sealed.verify(rows=False)
        assert (report.findings[0].kind, report.findings[0].seal) == (FindingKind.SEAL, 3)
        assert "it was made on top of another seal" in report.findings[0].sentence

    async def test_with_no_seal_nothing_is_proved(self, sealed: Sealed) -> None:
        await sealed.tamper("DELETE FROM audit_seals")
        report = await sealed.verify(rows=False)
        assert (report.is_whole, report.entries, report.unsealed > 0) == (True, 0, True)


class TestPersonalValues:
    async def test_erased_on_record(self, sealed: Sealed) -> None:
        entry, *_ = await sealed.ids(seal=2)
        await sealed.erase(entry)
        report = await sealed.verify()
        assert (report.findings, report.erased) == ([], 1)

    async def test_erased_without_a_record(self, sealed: Sealed) -> None:
        entry, *_ = await sealed.ids(seal=2)
        await sealed.tamper(BLANK.format(entry=entry))
        finding = only(await sealed.verify(rows=False))
        assert (finding.kind, finding.entry_id) == (FindingKind.BLANKED, entry)

    async def test_erased_on_record_of_another(self, sealed: Sealed) -> None:
        entry, other, *_ = await sealed.ids(seal=2)
        await sealed.erase(other)
        await sealed.tamper(BLANK.format(entry=entry))
        assert found(await sealed.verify(rows=False)) == [(FindingKind.BLANKED, entry)]

    @pytest.mark.parametrize(
        "forgery",
        [
            "statement = replace(statement, '[[', '[[1, 2], [')",
            "signature = decode(repeat('00', 64), 'hex')",
            "key_id = '0123456789abcdef'",
            "kind = 'retention'",
            "entry_ids = '{[1,1000)}'",
        ],
    )
    async def test_record_of_it_edited(self, sealed: Sealed, forgery: str) -> None:
        entry, *_ = await sealed.ids(seal=2)
        await sealed.erase(entry)
        await sealed.tamper(f"UPDATE audit_removals SET {forgery}")
        assert FindingKind.REMOVAL in (await sealed.verify(rows=False)).counts

    async def test_record_of_it_signed_by_another(self, sealed: Sealed) -> None:
        entry, *_ = await sealed.ids(seal=2)
        await sealed.erase(entry, OTHER_KEY)
        report = await sealed.verify(rows=False)
        assert found(report) == [(FindingKind.REMOVAL, None), (FindingKind.BLANKED, entry)]
        assert "no trusted key has signed" in report.findings[0].sentence

    async def test_record_of_it_dropped(self, sealed: Sealed) -> None:
        entry, *_ = await sealed.ids(seal=2)
        await sealed.erase(entry)
        await sealed.tamper("DELETE FROM audit_removals")
        assert found(await sealed.verify(rows=False)) == [(FindingKind.BLANKED, entry)]

    async def test_written_back_after_an_erasure(self, sealed: Sealed) -> None:
        entry, *_ = await sealed.ids(seal=2)
        await sealed.erase(entry)
        changes = """changes || '{"full_name": {"old": "Somebody", "new": "Else"}}'"""
        await sealed.tamper(f"UPDATE audit_logs SET changes = {changes} WHERE id = {entry}")
        assert found(await sealed.verify(rows=False)) == [(FindingKind.EDITED, entry)]

    async def test_salt_taken_and_the_digest_forged(self, sealed: Sealed) -> None:
        entry, *_ = await sealed.ids(seal=2)
        await sealed.tamper(
            f"UPDATE audit_logs SET salt = NULL, personal_digest = sha256('') WHERE id = {entry}"
        )
        assert found(await sealed.verify(rows=False)) == [(FindingKind.EDITED, entry)]


class TestRetention:
    async def test_on_record(self, sealed: Sealed) -> None:
        ids = await sealed.ids(seal=2)
        await self._retain(sealed, ids)
        report = await sealed.verify(rows=False)
        assert (report.findings, report.retained) == ([], len(ids))

    async def test_of_more_than_is_on_record(self, sealed: Sealed) -> None:
        first, *others = await sealed.ids(seal=2)
        await self._retain(sealed, others)
        await sealed.tamper(f"DELETE FROM audit_logs WHERE id = {first}")
        assert found(await sealed.verify(rows=False)) == [(FindingKind.DELETED, first)]

    async def test_an_erasure_takes_no_entry_away(self, sealed: Sealed) -> None:
        ids = await sealed.ids(seal=2)
        await self._retain(sealed, ids, RemovalKind.ERASURE)
        assert set((await sealed.verify(rows=False)).counts) == {FindingKind.DELETED}

    async def _retain(
        self, sealed: Sealed, ids: list[int], kind: RemovalKind = RemovalKind.RETENTION
    ) -> None:
        async with transaction(sealed.factory, acting()) as session:
            await record_removal(session, sealed.key, kind, ids, {"reason": "old"})
        await sealed.tamper(f"DELETE FROM audit_logs WHERE id IN ({', '.join(map(str, ids))})")
