"""The wire format of Protocol Buffers, as far as OTLP needs it: written fast, read carefully.

Source:
    https://protobuf.dev/programming-guides/encoding/
"""

import struct
from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""Wire types: how the value of a field is laid out."""
MAX_UINT32 = 0xFFFF_FFFF
MAX_UINT64 = 0xFFFF_FFFF_FFFF_FFFF

_ONE_BYTE = [bytes((n,)) for n in range(128)]
SHORT_MAX = 1 << 11
TWO_BYTES_MAX, THREE_BYTES_MAX = 1 << 14, 1 << 21
_MAX_VARINT_BITS = 70

SHORT = _ONE_BYTE + [bytes((n & 127 | 128, n >> 7)) for n in range(128, SHORT_MAX)]
"""The varints of 0 to 2,047, ready made: nearly all lengths are among them."""

pack_double = struct.Struct("<d").pack
unpack_double = struct.Struct("<d").unpack_from
unpack_fixed64 = struct.Struct("<Q").unpack_from
unpack_fixed32 = struct.Struct("<I").unpack_from


def varint(number: int) -> bytes:
    """Return a number of 0 to 2**64 - 1 as a varint.

    >>> varint(300).hex()
    'ac02'
    """
    if number < SHORT_MAX:
        return SHORT[number]
    if number < TWO_BYTES_MAX:
        return bytes((number & 127 | 128, number >> 7))
    if number < THREE_BYTES_MAX:
        return bytes((number & 127 | 128, number >> 7 & 127 | 128, number >> 14))
    out = bytearray()
    while number > 127:  # noqa: PLR2004  # seven bits a byte
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def tag(number: int, wire_type: int) -> bytes:
    r"""Return the bytes that begin field *number*.

    >>> tag(1, BYTES), tag(16, FIXED32)
    (b'\n', b'\x85\x01')
    """
    return varint(number << 3 | wire_type)


def delimited(tag_bytes: bytes, body: bytes) -> bytes:
    """Return a field that carries its length: text, bytes or a message."""
    length = len(body)
    return tag_bytes + (SHORT[length] if length < SHORT_MAX else varint(length)) + body


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield (number, value) for each field of a message.

    Values are ints for varints, the raw 4 or 8 bytes for fixed fields, and the body otherwise.

    Raises:
        ValueError: If *data* ends within a field or has a wire type that OTLP does not use.
    """
    position, end = 0, len(data)
    while position < end:
        key, position = read_varint(data, position)
        number, wire_type = key >> 3, key & 7
        if wire_type == VARINT:
            value, position = read_varint(data, position)
            yield number, value
            continue
        if wire_type == BYTES:
            size, position = read_varint(data, position)
        elif wire_type in {FIXED64, FIXED32}:
            size = 8 if wire_type == FIXED64 else 4
        else:
            msg = f"unknown wire type {wire_type}"
            raise ValueError(msg)
        if position + size > end:
            msg = "the message ends within a field"
            raise ValueError(msg)
        yield number, data[position : position + size]
        position += size


def read_varint(data: bytes, position: int) -> tuple[int, int]:
    """Return the varint at *position* and the position after it.

    Raises:
        ValueError: If *data* ends within it, or it is longer than ten bytes.
    """
    number = shift = 0
    while position < len(data) and shift < _MAX_VARINT_BITS:
        byte = data[position]
        position += 1
        number |= (byte & 127) << shift
        if byte < 128:  # noqa: PLR2004  # the top bit says that more follows
            return number & MAX_UINT64, position
        shift += 7
    msg = "the message ends within a number"
    raise ValueError(msg)


def signed(number: int) -> int:
    """Return a varint's value read as int64.

    >>> signed(2**64 - 1)
    -1
    """
    return number - (1 << 64) if number >> 63 else number
