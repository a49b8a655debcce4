"""The protobuf wire format, written and read."""

import pytest
from google.protobuf.internal.encoder import _VarintBytes as official_varint
from hypothesis import example, given
from hypothesis import strategies as st

from testpilot_obs.exporters import _wire
from testpilot_obs.exporters._otlp_values import MAX_CACHED, remember
from tests.exporters.strategies import UINT64


@given(UINT64)
@example(127)
@example(128)
@example(2047)
@example(2048)
@example(16_383)
@example(16_384)
@example(2**64 - 1)
def test_可変長整数は公式と同じで読み戻せる(number):
    """Each varint is Google's, and reads back as the same number."""
    assert _wire.varint(number) == official_varint(number)
    assert _wire.read_varint(_wire.varint(number), 0) == (number, len(_wire.varint(number)))


@given(st.binary(max_size=60))
def test_でたらめなバイト列は値の誤りになる(data):
    """Garbage is read to its end or refused with a ValueError, nothing else."""
    try:
        read = list(_wire.fields(data))
    except ValueError:
        return
    assert len(read) <= len(data)


@pytest.mark.parametrize(
    "data",
    [b"\x0a\x05abc", b"\x09abc", b"\xff" * 12, b"\x0a", b"\x0b\x00", b"\x80"],
    ids=["short bytes", "short fixed", "endless", "no length", "group", "cut varint"],
)
def test_途中で切れた伝言は断られる(data):
    """A message that ends within a field is refused."""
    with pytest.raises(ValueError, match=r"ends within|wire type"):
        list(_wire.fields(data))


def test_符号付きの数は負にもなる():
    """The upper half of the varints are negative int64."""
    assert [_wire.signed(n) for n in (0, 2**63 - 1, 2**63, 2**64 - 1)] == [
        0,
        2**63 - 1,
        -(2**63),
        -1,
    ]


def test_覚える組の数には限りがある():
    """Encoded pairs are kept for when they come again, a bounded number of them."""
    cache, most = {}, 0
    for number in range(3 * MAX_CACHED):
        remember(cache, ("key", number), b"")
        most = max(most, len(cache))

    assert most == MAX_CACHED
