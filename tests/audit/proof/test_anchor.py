import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import asyncpg
import pytest

from backoffice.audit.proof.anchor import (
    Anchor,
    AnchorFile,
    AnchorUrl,
    anchor_newest,
    anchor_places,
    known_anchors,
    read_anchors,
)
from backoffice.audit.proof.keys import KeyRing, SigningKey
from backoffice.audit.proof.sealer import seal
from backoffice.audit.proof.seals import Horizon, Position, new_seal
from backoffice.database import SessionFactory
from backoffice.errors import BadInput, ConfigurationError
from backoffice.settings import Settings, load_settings

MOMENT = datetime(2026, 11, 22, 17, 4, 5, 6, UTC)


def anchor(number: int) -> Anchor:
    return Anchor(number, bytes([number]) * 32, MOMENT, "0123456789abcdef", b"signature")


@dataclass
class Received:
    """A server that somebody else keeps, and what it was sent."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)


@contextmanager
def receiving() -> Iterator[Received]:
    received = Received()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(received.answers.pop(0) if received.answers else 204)
            self.send_header("Location", received.url)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        received.url = f"http://127.0.0.1:{server.server_port}/anchors?token=secret"
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        try:
            yield received
        finally:
            server.shutdown()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "below" / "anchors.ndjson"


class TestAnchor:
    def test_is_a_line_of_json(self) -> None:
        assert json.loads(anchor(7).line) == {
            "number": 7,
            "hash": "07" * 32,
            "sealed_at": "2026-11-22T17:04:05.000006+00:00",
            "key_id": "0123456789abcdef",
            "signature": "c2lnbmF0dXJl",
        }
        assert Anchor.from_line(anchor(7).line) == anchor(7)

    @pytest.mark.parametrize("line", ["", "null", "[]", "{}", '{"number": "x"}', '{"number": 1, "hash": 2}'])
    def test_is_nothing_else(self, line: str) -> None:
        with pytest.raises(ValueError, match=r".+"):
            Anchor.from_line(line)

    def test_shows_by_itself_whose_it_is(self, key: SigningKey) -> None:
        made = Anchor.of(new_seal(None, Horizon(MOMENT, 9, 9), Position(8, 1), bytes(40), key))
        forged = Anchor(made.number, bytes(32), made.sealed_at, made.key_id, made.signature)
        keys = KeyRing([key.public])
        assert (made.is_signed(keys), forged.is_signed(keys)) == (True, False)


class TestFile:
    def test_is_added_to(self, path: Path) -> None:
        for number in (1, 2, 3):
            AnchorFile(path).keep(anchor(number))
        assert read_anchors(path) == [anchor(1), anchor(2), anchor(3)]

    def test_has_the_newest_once(self, path: Path) -> None:
        for number in (1, 2, 2, 2):
            AnchorFile(path).keep(anchor(number))
        assert read_anchors(path) == [anchor(1), anchor(2)]

    def test_keeps_what_a_shorter_chain_contradicts(self, path: Path) -> None:
        for number in (120, 101):
            AnchorFile(path).keep(anchor(number))
        assert [one.number for one in read_anchors(path)] == [120, 101]

    def test_may_end_in_a_torn_line(self, path: Path) -> None:
        AnchorFile(path).keep(anchor(1))
        with path.open("a") as file:
            file.write(anchor(2).line[:20])
        assert read_anchors(path) == [anchor(1)]
        AnchorFile(path).keep(anchor(3))
        assert read_anchors(path) == [anchor(1), anchor(3)]

    def test_may_be_long(self, path: Path) -> None:
        for number in range(100):
            AnchorFile(path).keep(anchor(number))
        AnchorFile(path).keep(anchor(99))
        assert [one.number for one in read_anchors(path)] == list(range(100))

    def test_may_not_be_there(self, path: Path) -> None:
        assert read_anchors(path) == []

    @pytest.mark.parametrize("line", ["no anchor", "", "\xff", "[" * 100_000, "5"])
    def test_is_refused_with_anything_else_in_it(self, path: Path, line: str) -> None:
        path.parent.mkdir()
        path.write_bytes(f"{anchor(1).line}{line}\n".encode("latin-1"))
        with pytest.raises(BadInput, match="line 2, is no anchor"):
            read_anchors(path)


class TestUrl:
    def test_is_sent_each_anchor_once(self) -> None:
        with receiving() as received:
            place = AnchorUrl(received.url)
            for number in (1, 1, 2):
                place.keep(anchor(number))
        assert [Anchor.from_line(body) for body in received.bodies] == [anchor(1), anchor(2)]

    @pytest.mark.parametrize("status", [302, 307, 404, 500])
    def test_is_sent_it_again_after_a_refusal(self, status: int) -> None:
        with receiving() as received:
            received.answers.append(status)
            place = AnchorUrl(received.url)
            with pytest.raises(OSError, match=str(status)):
                place.keep(anchor(1))
            place.keep(anchor(1))
        assert len(received.bodies) == 2

    def test_is_not_shown(self) -> None:
        assert "secret" not in str(AnchorUrl("https://example.com/?token=secret"))
        assert "secret" not in repr(AnchorUrl("https://example.com/?token=secret"))


class TestPlaces:
    @pytest.mark.parametrize("chosen", ["ftp://example.com/anchors", "http:///anchors", "https://"])
    def test_are_files_or_web_servers(self, monkeypatch: pytest.MonkeyPatch, chosen: str) -> None:
        monkeypatch.setenv("BACKOFFICE_AUDIT_ANCHOR", chosen)
        with pytest.raises(ConfigurationError, match="BACKOFFICE_AUDIT_ANCHOR is wrong"):
            load_settings()

    @pytest.mark.usefixtures("empty_log")
    async def test_get_the_newest_seal(
        self,
        settings: Settings,
        factory: SessionFactory,
        key: SigningKey,
        owner: asyncpg.Connection,
        tmp_path: Path,
    ) -> None:
        settings = settings.model_copy(update={"audit_anchor": str(tmp_path / "elsewhere.ndjson")})
        await anchor_newest(factory, anchor_places(settings))
        assert known_anchors(settings) == []
        await owner.execute("INSERT INTO tags (name) SELECT 'tag ' || n FROM generate_series(1, 10001) AS n")
        await seal(factory, key)
        await anchor_newest(factory, anchor_places(settings))
        newest = await owner.fetchrow("SELECT * FROM audit_seals WHERE number = 2")
        kept = Anchor(2, newest["hash"], newest["sealed_at"], key.key_id, newest["signature"])
        assert known_anchors(settings) == [kept, kept]
        assert kept.is_signed(KeyRing([key.public]))

    async def test_that_fail_do_not_keep_it_from_others(
        self,
        settings: Settings,
        factory: SessionFactory,
        key: SigningKey,
        owner: asyncpg.Connection,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        await owner.execute("INSERT INTO tags (name) VALUES ('vip')")
        await seal(factory, key)
        with receiving() as received:
            received.answers.append(503)
            settings = settings.model_copy(update={"audit_anchor": received.url})
            settings.var_dir.mkdir(parents=True)
            (settings.var_dir / "audit-anchors.ndjson").mkdir()
            places = anchor_places(settings)
            await anchor_newest(factory, places)
            await anchor_newest(factory, places)
        assert [Anchor.from_line(body).number for body in received.bodies] == [1, 1]
        assert [record.getMessage().partition(": ")[0] for record in caplog.records] == [
            f"Seal 1 was not anchored in {settings.var_dir / 'audit-anchors.ndjson'}",
            "Seal 1 was not anchored in the URL of BACKOFFICE_AUDIT_ANCHOR",
            f"Seal 1 was not anchored in {settings.var_dir / 'audit-anchors.ndjson'}",
        ]
