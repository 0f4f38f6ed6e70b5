"""A picture that a browser can show, made of nothing."""

import struct
import zlib


def a_picture(width: int = 64, height: int = 48) -> bytes:
    """A PNG of one colour."""
    rows = b"".join(b"\x00" + b"\x2f\x5b\xd7" * width for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
