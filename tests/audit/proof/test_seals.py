import hashlib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from backoffice.audit.proof.keys import KeyRing, SigningKey
from backoffice.audit.proof.seals import (
    Horizon,
    Position,
    entries_of,
    faults_between,
    faults_of,
    hash_of,
    header_of,
    new_seal,
)
from models import AuditSeal
from tests.audit.proof.conftest import KEY

MOMENT = datetime(2026, 11, 22, 17, 4, 5, 6, UTC)
ENTRIES = b"".join(number.to_bytes(8) + hashlib.sha256(bytes([number])).digest() for number in (7, 9))


def first_seal(key: SigningKey) -> AuditSeal:
    return new_seal(None, Horizon(MOMENT, 90, 95), Position(80, 9), ENTRIES, key)


def second_seal(key: SigningKey, previous: AuditSeal) -> AuditSeal:
    later = Horizon(MOMENT + timedelta(minutes=1), 99, 99)
    return new_seal(previous, later, Position(91, 9), ENTRIES, key)


def faults(seal: AuditSeal, key: SigningKey) -> list[str]:
    return faults_of(seal, KeyRing([key.public]))


class TestHeader:
    def test_says_everything_in_lines(self, key: SigningKey) -> None:
        nodes = [hashlib.sha256(b"\x00" + entry).digest() for entry in (ENTRIES[:40], ENTRIES[40:])]
        root = hashlib.sha256(b"\x01" + nodes[0] + nodes[1]).digest()
        assert header_of(first_seal(key)).decode() == (
            "number 1\n"
            "sealed_at 2026-11-22T17:04:05.000006Z\n"
            "horizon_xid 90\n"
            "next_xid 95\n"
            "through_xid 80\n"
            "through_id 9\n"
            "entry_count 2\n"
            f"root {root.hex()}\n"
            f"previous_hash {'0' * 64}\n"
            "key_id 56475aa75463474c\n"
        )

    def test_is_the_same_in_any_time_zone(self, key: SigningKey) -> None:
        seal = first_seal(key)
        header = header_of(seal)
        seal.sealed_at = seal.sealed_at.astimezone(timezone(timedelta(hours=5, minutes=30)))
        assert header_of(seal) == header


class TestSeal:
    def test_is_without_fault(self, key: SigningKey) -> None:
        first = first_seal(key)
        second = second_seal(key, first)
        assert (faults(first, key), faults(second, key)) == ([], [])
        assert (faults_between(first, None), faults_between(second, first)) == ([], [])
        assert second.previous_hash == first.hash == hash_of(first)

    def test_has_its_entries(self, key: SigningKey) -> None:
        leaves = [hashlib.sha256(bytes([number])).digest() for number in (7, 9)]
        assert list(entries_of(first_seal(key).entries)) == [(7, leaves[0]), (9, leaves[1])]

    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("number", 2),
            ("sealed_at", MOMENT + timedelta(microseconds=1)),
            ("horizon_xid", 91),
            ("next_xid", 96),
            ("through_xid", 81),
            ("through_id", 10),
            ("entry_count", 3),
            ("root", bytes(32)),
            ("previous_hash", b"\x01" * 32),
            ("hash", bytes(32)),
            ("key_id", "0" * 16),
        ],
    )
    def test_is_not_its_hash_once_anything_is_changed(self, key: SigningKey, column: str, value: Any) -> None:
        seal = first_seal(key)
        setattr(seal, column, value)
        assert "its hash is not that of what it states" in faults(seal, key)

    @pytest.mark.parametrize("entries", [b"", ENTRIES[:40], ENTRIES[40:] + ENTRIES[:40], ENTRIES[:-1] + b"x"])
    def test_is_not_over_other_entries(self, key: SigningKey, entries: bytes) -> None:
        seal = first_seal(key)
        seal.entries = entries
        assert "its root is not that of its entries" in faults(seal, key)

    def test_is_not_signed_anew_by_a_stranger(self, key: SigningKey) -> None:
        stranger = SigningKey(KEY.replace("A", "B"))
        seal = first_seal(stranger)
        assert faults(seal, stranger) == []
        assert faults(seal, key) == ["no trusted key has signed it"]

    def test_is_not_what_was_signed_for_another_purpose(self, key: SigningKey) -> None:
        seal = first_seal(key)
        seal.signature = key.sign(seal.hash)
        assert faults(seal, key) == ["no trusted key has signed it"]

    def test_is_not_signed_by_a_broken_signature(self, key: SigningKey) -> None:
        seal = first_seal(key)
        seal.signature = b"short"
        assert faults(seal, key) == ["no trusted key has signed it"]

    def test_stays_below_its_horizon(self, key: SigningKey) -> None:
        seal = new_seal(None, Horizon(MOMENT, 80, 95), Position(80, 9), ENTRIES, key)
        assert faults(seal, key) == ["it reaches beyond its own horizon"]

    def test_ends_where_it_says(self, key: SigningKey) -> None:
        seal = new_seal(None, Horizon(MOMENT, 90, 95), Position(80, 7), ENTRIES, key)
        assert faults(seal, key) == ["its last entry is not the one that it states"]


class TestChain:
    def test_begins_with_the_first(self, key: SigningKey) -> None:
        second = second_seal(key, first_seal(key))
        assert faults_between(second, None) == [
            "its number is not 1",
            "it was made on top of another seal",
        ]

    def test_leaves_none_out(self, key: SigningKey) -> None:
        first = first_seal(key)
        second = second_seal(key, first)
        third = new_seal(second, Horizon(MOMENT, 120, 120), Position(110, 3), ENTRIES, key)
        assert "its number is not 2" in faults_between(third, first)

    def test_goes_forward(self, key: SigningKey) -> None:
        first = first_seal(key)
        again = new_seal(first, Horizon(MOMENT, 90, 95), Position(80, 9), ENTRIES, key)
        back = new_seal(first, Horizon(MOMENT, 89, 95), Position(81, 9), ENTRIES, key)
        assert faults_between(again, first) == ["it ends where the seal before it does, or earlier"]
        assert faults_between(back, first) == ["its horizon lies behind that of the seal before it"]
