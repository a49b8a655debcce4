"""Any value, made into one that can be exported."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testpilot_obs._core import values
from testpilot_obs._core.values import MAX_DEPTH, MAX_ITEMS, MAX_TEXT, freeze, repair, text

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.binary()
    | st.decimals()
    | st.datetimes()
    | st.uuids()
    | st.complex_numbers(),
    lambda inner: st.lists(inner) | st.sets(st.integers()) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def is_exportable(value):
    """Return whether *value* is what OTLP can carry, all the way down."""
    if isinstance(value, dict):
        return all(type(k) is str and is_exportable(v) for k, v in value.items())
    if isinstance(value, tuple):
        return all(map(is_exportable, value))
    if isinstance(value, str):
        return type(value) is str and value.encode() is not None
    if type(value) is int:
        return -(2**63) <= value < 2**63
    return value is None or type(value) in {bool, float, bytes}


@given(ANYTHING)
def test_何からでも輸出できる値になる(value):
    """Whatever comes in, what goes out can be exported."""
    assert is_exportable(freeze(value))


@given(ANYTHING)
def test_輸出できる値はもう変わらない(value):
    """What is exportable is its own copy."""
    frozen = freeze(value)

    assert repr(freeze(frozen)) == repr(frozen)


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 0])
def test_64ビットの整数はそのまま残る(number):
    """Integers of 64 bits stay integers, also within others."""
    assert freeze([number]) == (number,)


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1])
def test_大きすぎる整数は文字になる(number):
    """Larger integers become text."""
    assert freeze(number) == str(number)


def test_長い文字は切られて印が付く():
    """Text over the limit is cut, and says how long it was."""
    made = text("x" * (MAX_TEXT + 1))

    assert made == "x" * MAX_TEXT + f"… [cut, {MAX_TEXT + 1} characters]"
    assert text("x" * MAX_TEXT) == "x" * MAX_TEXT


def test_長いバイト列も切られる():
    """Bytes over the limit are cut, views of memory too."""
    mark = b"... [cut, %d bytes]" % (MAX_TEXT * 2)
    data = b"x" * (MAX_TEXT * 2)

    for value in (data, bytearray(data), memoryview(data), memoryview(data * 2)[::2]):
        assert freeze(value) == b"x" * MAX_TEXT + mark


def test_孤立サロゲートだけが置き換わる():
    """Only a lone surrogate is replaced; text that is well is the same object."""
    good = "文😀"

    assert repair(good) is good
    assert repair("a\ud800b\udfff") == "a�b�"
    assert repair("\ud83d\ude00") == "😀"


def test_入れ子は深さを限られる():
    """Nesting is kept to a depth."""
    value = found = []
    for _ in range(20):
        value.append([])
        value = value[0]

    frozen, depth = freeze(found), 0
    while isinstance(frozen, tuple):
        frozen, depth = frozen[0], depth + 1
    assert (frozen, depth) == ("[too deep]", MAX_DEPTH)


def test_全体の個数も限られる():
    """Items are counted over all levels."""
    frozen = freeze([[0] * 600 for _ in range(5)])

    assert sum(map(len, frozen[:-1])) <= MAX_ITEMS + 5
    assert frozen[-1].startswith("… [cut")
    assert len(freeze(dict.fromkeys(range(5000)))) <= MAX_ITEMS + 1


@pytest.mark.parametrize(
    "value",
    [
        ["x" * 60_000] * 100,
        {f"{n:0>1000}": "x" * 60_000 for n in range(1_000)},
        [[b"x" * 60_000] * 9] * 9,
    ],
    ids=["list", "dict", "nested"],
)
def test_入れ子の値も全体の長さで切られる(value):
    """All texts of one value together are cut as one long text is, and the cut is marked."""
    frozen = freeze(value)

    assert len(str(frozen)) < MAX_TEXT + 2_000
    assert "[cut, " in str(frozen)


def test_輪は切られる():
    """What contains itself is cut there."""
    loop = {"a": 1}
    loop["loop"] = [loop]

    assert freeze(loop) == {"a": 1, "loop": ("[circular]",)}


def test_同じ物が二度あっても輪ではない():
    """The same object twice side by side is no circle."""
    inner = [1]

    assert freeze([inner, inner]) == ((1,), (1,))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([1, "a"], "[1, 'a']"),
        ({"a": 1.5}, "{'a': 1.5}"),
        ([[1]], "((1,),)"),
        (b"x", "b'x'"),
        (None, "None"),
        (5, "5"),
    ],
)
def test_名前にも何でも使える(value, expected):
    """Anything has a text for where a name belongs."""
    assert text(value) == expected


def test_巨大な容れ物の文字も短い():
    """The text of a huge container is made of its beginning."""
    assert len(text([0] * 1_000_000)) < 10_000
    assert len(text(dict.fromkeys(range(1_000_000), "x"))) < 20_000
    assert len(text(["x" * 10_000_000])) < 70_000
    assert len(text(b"x" * 10_000_000)) < 70_000


def test_壊れた値は自分の代わりの言葉になる(caplog):
    """A value that cannot be read is told by its class, and warned about once."""

    class Broken(list):
        def __iter__(self):
            raise RuntimeError("broken")

    assert [freeze(Broken([1])), freeze(Broken([1]))] == ["<Broken: no text>"] * 2
    assert len(caplog.records) == 1


def test_文字は長さを限れる():
    """A shorter limit can be asked for."""
    assert text("abcdef", 3) == "abc… [cut, 6 characters]"
    assert values.unreadable(5) == "<int: no text>"
