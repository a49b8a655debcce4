"""One record of a spool file: a header of 30 bytes, then OTLP bytes, compressed or encrypted.

Records follow each other without gaps. What was delivered is marked in its header by the change
of one byte, which no crash can leave half done; everything else is covered by a checksum, so a
torn or damaged record is known as such and its neighbours are still found.
"""

import struct
import zlib
from typing import NamedTuple

MAGIC = b"TPO1"
"""How a record begins; a later layout would have another."""
WAITING, SETTLED = 0x57, 0x53
"""States of a record: still to be sent; delivered or given up."""
COMPRESSED, ENCRYPTED = 1, 2
"""Flags: raw deflate with zlib's header; AES-GCM."""
ORIGIN_BYTES = 8
STATE_AT = len(MAGIC)
"""Where in a record its state is."""
MAX_PAYLOAD_BYTES = 256 * 1024 * 1024
"""A longer one was never written: the header is damaged."""

_HEADER = struct.Struct("<4sBB8sIIII")
HEADER_BYTES = _HEADER.size
_COVERED = struct.Struct("<B8sIII")
_MAX_32_BITS = 0xFFFF_FFFF


class Header(NamedTuple):
    """What is known of a record without reading its payload."""

    state: int
    flags: int
    origin: bytes
    """Which process recorded it: 8 random bytes."""
    records: int
    """How many spans, lines or points it holds."""
    time_s: int
    """When it was written, in seconds since the epoch."""
    length: int
    """Bytes of the payload."""
    checksum: int

    def fits(self, payload: bytes) -> bool:
        """Return whether header and *payload* are as they were written."""
        return self.checksum == _checksum(self, payload)

    def covered(self) -> bytes:
        """Return the fields that never change after writing."""
        return _COVERED.pack(self.flags, self.origin, self.records, self.time_s, self.length)


def pack(payload: bytes, *, flags: int, origin: bytes, count: int, time_s: int) -> bytes:
    """Return a waiting record, ready to be appended."""
    header = Header(WAITING, flags, origin, count, time_s & _MAX_32_BITS, len(payload), 0)
    header = header._replace(checksum=_checksum(header, payload))
    return _HEADER.pack(MAGIC, *header) + payload


def gap(length: int) -> bytes:
    """Return the header of *length* bytes that hold nothing: a record that could not be written."""
    header = Header(SETTLED, 0, bytes(ORIGIN_BYTES), 0, 0, length - HEADER_BYTES, 0)
    return _HEADER.pack(MAGIC, *header)


def read_header(data: bytes) -> Header | None:
    """Return the header at the beginning of *data*, None if there is none."""
    if len(data) < HEADER_BYTES:
        return None
    magic, *values = _HEADER.unpack_from(data)
    header = Header(*values)
    is_sane = (
        magic == MAGIC and header.state in {WAITING, SETTLED} and header.length <= MAX_PAYLOAD_BYTES
    )
    return header if is_sane else None


def _checksum(header: Header, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(header.covered()))
