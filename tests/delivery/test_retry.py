"""How long to wait between tries."""

import doctest

import pytest

from testpilot_obs.delivery import _retry
from testpilot_obs.delivery._retry import CAP_S, LONGEST_ASKED_S, backoff_s, pause_s


def test_待ち時間は上限まで倍になる():
    """Each wait is twice the one before, up to a minute, however often it failed."""
    assert [backoff_s(n) for n in (1, 2, 3, 6, 7, 100_000)] == [1, 2, 4, 32, CAP_S, CAP_S]


@pytest.mark.parametrize(("chance", "expected"), [(0.0, 2.0), (1.0, 4.0)])
def test_待ち時間は半分まで散らばる(chance, expected):
    """Jitter takes away up to half of a wait."""
    assert pause_s(3, asked_s=None, chance=chance) == expected


@pytest.mark.parametrize(("asked", "expected"), [(30.0, 30.0), (-5.0, 0.0), (1e9, LONGEST_ASKED_S)])
def test_受け手の頼みは守られる(asked, expected):
    """What the receiver asks for is waited for, within reason, and never less."""
    assert pause_s(1, asked_s=asked, chance=0.0) == expected
    assert pause_s(1, asked_s=asked, chance=1.0) == pytest.approx(expected + 0.1)


def test_説明の例は正しい():
    """The examples in the docstrings hold."""
    assert doctest.testmod(_retry).failed == 0
