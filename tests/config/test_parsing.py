"""The notations of durations, sizes, lists and pairs."""

import doctest
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testpilot_obs.config import Config, _otlp, _parse, _rules, load
from testpilot_obs.config._env import VARIABLES
from testpilot_obs.errors import ConfigError


@pytest.mark.parametrize("module", [_parse, _otlp, _rules])
def test_説明の例は正しい(module):
    """The examples in the docstrings are true."""
    failed, tried = doctest.testmod(module)

    assert (failed, tried > 0) == (0, True)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("2s", 2.0), ("5m", 300.0), ("1h", 3600.0), (" 1.5 S ", 1.5), ("0", 0.0)],
)
def test_時間が読まれる(text, seconds):
    """Durations have ms, s, m or h, or no unit."""
    assert _parse.duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "-1", "1d", "1 2", "s", "1e3", "nan", "٣s", "0x1"])
def test_時間でないものは断られる(text):
    """What is no duration is refused."""
    with pytest.raises(ValueError, match="not a duration"):
        _parse.duration_s(text)


@pytest.mark.parametrize(
    ("text", "size"), [("1", 1), ("1b", 1), ("64kb", 65536), ("2 MiB", 2 << 20), ("1.5g", 3 << 29)]
)
def test_大きさが読まれる(text, size):
    """Sizes have powers of 1024."""
    assert _parse.size_bytes(text) == size


@pytest.mark.parametrize("text", ["", "-1kb", "kb", "1tb"])
def test_大きさでないものは断られる(text):
    """What is no size is refused."""
    with pytest.raises(ValueError, match="not a size"):
        _parse.size_bytes(text)


def test_プラスは空白にならない():
    """Values are percent-decoded, and a plus sign is a plus sign."""
    assert _parse.pairs("k=a+b%20c%3D,e=,, l = x ") == {"k": "a+b c=", "e": "", "l": "x"}


def test_対の誤りは位置だけを言う():
    """A malformed pair is named by its position, never by its text."""
    with pytest.raises(ValueError, match=r"^pair 2 of 3 is not key=value$"):
        _parse.pairs("a=1,secret,b=2")


@given(st.sampled_from(sorted(VARIABLES)), st.text(max_size=40))
def test_どんな値でも読み込みは失敗しない(name, value):
    """No text in any variable makes loading raise, nor a repr of the settings."""
    config = load({}, environ={name: value, "TESTPILOT_OBS_CONFIG_FILE": os.devnull})

    assert repr(config).startswith("Config(")
    for signal in ("traces", "metrics", "logs"):
        assert config.otlp(signal).endpoint


@given(
    st.sampled_from(sorted(VARIABLES.values())),
    st.one_of(
        st.integers(), st.floats(), st.binary(max_size=4), st.lists(st.integers(), max_size=3)
    ),
)
def test_どんな引数でも誤りは一種類だけ(name, value):
    """An argument of any type is used or refused with ConfigError, nothing else."""
    try:
        config = load({name: value}, environ={"TESTPILOT_OBS_CONFIG_FILE": os.devnull})
    except ConfigError:
        return
    assert isinstance(config, Config)
