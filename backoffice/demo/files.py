"""The attachments of the demo data: small pictures, logs and documents, drawn here and now."""

import struct
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from backoffice.attachments import clean_filename

_WIDTH, _HEIGHT = 320, 200
_INK, _PAPER, _LINE = (30, 41, 59), (248, 250, 252), (203, 213, 225)
_BANDS = ((220, 38, 38), (217, 119, 6), (37, 99, 235), (13, 148, 136))

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class DrawnFile:
    """A file by name and content."""

    filename: str
    content: bytes


def draw_file(random: Random, tags: Collection[str], title: str, at: datetime) -> DrawnFile:
    """What somebody would attach to a ticket with these tags: a document, a log, or a screenshot."""
    if {"billing", "refund", "compliance", "delivery"} & set(tags):
        number = random.randint(1000, 9999)
        return DrawnFile(
            f"R-{at.year}-{number:05}.pdf", _pdf([f"R-{at.year}-{number:05}", *_invoice(random)])
        )
    if {"api", "app", "sync"} & set(tags):
        return DrawnFile(f"till-{at:%Y-%m-%d}.log", _log(random, at).encode())
    name = random.choice((f"IMG_{random.randint(1000, 9999)}.png", f"Screenshot {at:%Y-%m-%d %H.%M}.png"))
    return DrawnFile(name if title.isascii() else clean_filename(f"{title[:40]}.png"), _screenshot(random))


def _screenshot(random: Random) -> bytes:
    """A till's screen: a header, articles, keys, and in the middle a dialogue about some trouble."""
    canvas = [bytearray(_PAPER * _WIDTH) for _ in range(_HEIGHT)]
    _fill(canvas, 0, 0, _WIDTH, 24, _INK)
    for row in range(random.randint(3, 7)):
        top = 36 + row * 22
        _fill(canvas, 12, top, random.randint(60, 150), 8, _LINE)
        _fill(canvas, 170, top, random.randint(16, 34), 8, _LINE)
    for column in range(3):
        for row in range(4):
            _fill(canvas, 222 + column * 31, 36 + row * 38, 27, 32, random.choice(((226, 232, 240), _LINE)))
    band = random.choice(_BANDS)
    _fill(canvas, 60, 70, 200, 70, (255, 255, 255))
    _fill(canvas, 60, 70, 200, 14, band)
    _fill(canvas, 72, 94, random.randint(90, 170), 6, _INK)
    _fill(canvas, 72, 106, random.randint(60, 150), 6, _INK)
    _fill(canvas, 206, 120, 44, 14, band)
    return _png(canvas)


def _fill(canvas: Sequence[bytearray], left: int, top: int, width: int, height: int, colour: Colour) -> None:
    stroke = bytes(colour * width)
    for row in canvas[top : top + height]:
        row[3 * left : 3 * left + len(stroke)] = stroke


def _png(canvas: Sequence[bytearray]) -> bytes:
    # Eight bits each of red, green and blue; every row begins with the number of its filter: none.
    header = struct.pack(">IIBBBBB", len(canvas[0]) // 3, len(canvas), 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in canvas), 9)
    chunks = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(kind, data) for kind, data in chunks)


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _log(random: Random, at: datetime) -> str:
    moment = at - timedelta(minutes=40)
    lines = []
    for _ in range(random.randint(25, 80)):
        moment += timedelta(seconds=random.expovariate(1 / 20))
        stamp = f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03}"
        lines.append(f"{stamp} {_log_entry(random)}")
    return "\n".join(lines) + "\n"


def _log_entry(random: Random) -> str:
    sale, milliseconds = random.randint(4000, 9999), random.randint(12, 900)
    return random.choice(
        (
            f"INFO  sale {sale} stored, {random.randint(1, 9)} lines",
            f"INFO  sale {sale} sent in {milliseconds} ms",
            f"INFO  reader FNC-{random.randint(10000, 99999)} connected (rssi -{random.randint(40, 88)})",
            f"WARN  no answer after {milliseconds} ms, retry {random.randint(1, 5)}",
            f"WARN  price list is {random.randint(25, 90)} h old",
            f"ERROR E-{random.randint(1001, 1999)}: queue is not empty ({random.randint(2, 240)} waiting)",
        )
    )


def _invoice(random: Random) -> list[str]:
    prices = [random.randint(900, 24900) for _ in range(random.randint(2, 5))]
    names = random.sample(
        ("Till licence", "Finch rental", "Support plan", "Paper rolls", "Heron rental"), len(prices)
    )
    items = [f"{name:<24}{cents / 100:>10.2f}" for name, cents in zip(names, prices, strict=True)]
    return ["Fernhill - Invoice", "", *items, "-" * 34, f"{'Total EUR':<24}{sum(prices) / 100:>10.2f}"]


def _pdf(lines: Sequence[str]) -> bytes:
    """One page with these lines, which must be plain ASCII without brackets, in a typewriter's font."""
    shown = "\n".join(f"({line}) Tj T*" for line in lines)
    stream = f"BT /F1 12 Tf 16 TL 60 780 Td\n{shown}\nET".encode("ascii")
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R /Resources 6 0 R >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Courier >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Font << /F1 4 0 R >> >>",
    )
    body, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    return (
        body
        + b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, table)
        + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, len(body))
    )
