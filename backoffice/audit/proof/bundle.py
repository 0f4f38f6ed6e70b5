"""Bundles: a range of the history in a file, with all that proves it to somebody without the database."""

import base64
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from sqlalchemy import ColumnElement, case, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from backoffice.audit.leaf import CANONICAL_TEXT, PERSONAL_PART
from backoffice.audit.proof import archive
from backoffice.audit.proof.beside import Beside
from backoffice.audit.proof.bundle_check import verify_bundle
from backoffice.audit.proof.keys import KeyRing, SigningKey
from backoffice.audit.proof.positions import (
    Stretch,
    begin_reading,
    count_sealed,
    entries_of_stretch,
    is_between,
    seals_of,
    stretch_of,
)
from backoffice.audit.proof.progress import Progress, nobody_looks
from backoffice.audit.record import record_event
from models import AuditAction, AuditLog, AuditRemoval, AuditSeal

__all__ = ["Exported", "bundle_chunks", "export_bundle", "record_export", "verify_bundle"]


@dataclass
class Exported:
    """What a bundle has: entries of the range, others that the same seals have, and seals."""

    since: datetime | None
    until: datetime | None
    entries: int = 0
    beside: int = 0
    seals: int = 0
    first_seal: int | None = None
    last_seal: int | None = None
    is_open: bool = True

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "since": _iso(self.since), "until": _iso(self.until)}


async def export_bundle(
    factory: async_sessionmaker[AsyncSession],
    path: Path,
    keys: KeyRing,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    key: SigningKey | None = None,
    progress: Progress = nobody_looks,
) -> Exported:
    """Write the entries from `since` until before `until` to `path`; see `bundle_chunks`."""
    exported = Exported(since, until)
    with path.open("wb") as file:
        async for chunk in bundle_chunks(factory, keys, exported, key=key, progress=progress):
            file.write(chunk)
    return exported


async def bundle_chunks(
    factory: async_sessionmaker[AsyncSession],
    keys: KeyRing,
    exported: Exported,
    *,
    key: SigningKey | None = None,
    progress: Progress = nobody_looks,
) -> AsyncGenerator[bytes, None]:
    """The bundle of the range that `exported` names, as it is made, in flat memory; `exported` is filled in.

    It has the whole seals that cover the range. Of entries around it that these seals have, the personal
    values are left out. `key` signs that this is all; `keys` are put in, for who trusts the file's own.
    """
    made = archive.Archive()
    try:
        async with factory() as session, aclosing(_pieces(session, keys, exported, progress)) as pieces:
            async for name, piece in pieces:
                # Packing takes longer than reading: others wait for the event loop.
                await Beside().run(made.write, name, piece)
                yield made.taken()
        _write_manifest(made, exported, key)
    finally:
        made.close()
    yield made.taken()


async def record_export(session: AsyncSession, exported: Exported) -> None:
    """Put on record that a bundle was made; the caller's operation says by whom."""
    facts = {"from": _iso(exported.since), "to": _iso(exported.until), "entries": exported.entries}
    await record_event(
        session, AuditAction.EXPORT, table_name=AuditLog.__tablename__, record_id=None, facts=facts
    )


async def _pieces(
    session: AsyncSession, keys: KeyRing, exported: Exported, progress: Progress
) -> AsyncGenerator[tuple[str, bytes], None]:
    """What goes into the files, each by its name, one file after the other."""
    await begin_reading(session)
    stretch = await stretch_of(session, exported.since, exported.until)
    exported.is_open = stretch.is_open
    yield archive.README, files(__package__ or "").joinpath("BUNDLE.txt").read_bytes()
    yield archive.KEYS, archive.as_json({key.key_id: key.text for key in keys.keys.values()})
    for name, lines in (
        (archive.REMOVALS, _removals(session)),
        (archive.SEALS, _seals(session, stretch, exported)),
        (archive.ENTRIES, _entries(session, stretch, exported, progress)),
    ):
        # A file without a line is a file all the same.
        yield name, b""
        async for line in lines:
            yield name, line


async def _removals(session: AsyncSession) -> AsyncIterator[bytes]:
    for removal in await session.scalars(select(AuditRemoval).order_by(AuditRemoval.id)):
        yield archive.as_line(
            {
                "id": removal.id,
                "kind": removal.kind.value,
                "statement": removal.statement,
                "key_id": removal.key_id,
                "signature": _base64(removal.signature),
            }
        )


async def _seals(session: AsyncSession, stretch: Stretch, exported: Exported) -> AsyncIterator[bytes]:
    if stretch.start is not None:
        yield archive.as_line(_seal(stretch.start, with_entries=False))
    async for seals in seals_of(session, stretch):
        for seal in seals:
            exported.seals += 1
            exported.first_seal = exported.first_seal or seal.number
            exported.last_seal = seal.number
            yield archive.as_line(_seal(seal, with_entries=True))


def _seal(seal: AuditSeal, *, with_entries: bool) -> dict[str, Any]:
    return {
        "number": seal.number,
        "sealed_at": _iso(seal.sealed_at),
        "horizon_xid": seal.horizon_xid,
        "next_xid": seal.next_xid,
        "through_xid": seal.through_xid,
        "through_id": seal.through_id,
        "entry_count": seal.entry_count,
        "root": seal.root.hex(),
        "previous_hash": seal.previous_hash.hex(),
        "hash": seal.hash.hex(),
        "key_id": seal.key_id,
        "signature": _base64(seal.signature),
        "entries": _base64(seal.entries) if with_entries else None,
    }


# The database writes the lines, so that what was hashed is in them to the byte.
_LINE: Final[ColumnElement[str]] = literal_column(
    f"""'{{"entry": ' || {CANONICAL_TEXT} || ', "personal": ' ||"""
    f""" CASE WHEN entry.salt IS NULL THEN 'null' ELSE {PERSONAL_PART} END || ', "salt": ' ||"""
    """ coalesce('"' || entry.salt || '"', 'null') || '}'"""
)
_BESIDE: Final[ColumnElement[str]] = literal_column(f"""'{{"entry": ' || {CANONICAL_TEXT} || '}}'""")


async def _entries(
    session: AsyncSession, stretch: Stretch, exported: Exported, progress: Progress
) -> AsyncIterator[bytes]:
    is_of_range = is_between(exported.since, exported.until)
    line = case((is_of_range, _LINE), else_=_BESIDE)
    total, done = await count_sealed(session, stretch), 0
    async for rows in entries_of_stretch(session, stretch, is_of_range, line):
        of_range = sum(is_one for is_one, _ in rows)
        exported.entries += of_range
        exported.beside += len(rows) - of_range
        yield "".join(f"{text}\n" for _, text in rows).encode()
        done += len(rows)
        progress(done, max(done, total))


def _write_manifest(made: archive.Archive, exported: Exported, key: SigningKey | None) -> None:
    made.finish()
    manifest = archive.as_json(
        {
            "format": archive.FORMAT,
            "product": "backoffice",
            "version": version("backoffice"),
            "made_at": _iso(datetime.now(UTC)),
            **exported.as_json(),
            "sha256": {name: made.hashes[name] for name in archive.CONTENTS},
            "how_to_verify": f"backoffice audit verify --bundle FILE --key PUBLIC_KEY; see {archive.README}",
        }
    )
    made.write(archive.MANIFEST, manifest)
    if key is not None:
        made.write(archive.SIGNATURE, archive.signature_of(manifest, key))


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()
