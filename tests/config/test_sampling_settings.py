"""How rules, shares and networks are written."""

import pytest

from testpilot_obs.config import Config, SampleRule, load, sample_rule
from testpilot_obs.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("GET /health*: 0", SampleRule(0.0, "GET /health*")),
        ("*: 10%", SampleRule(0.1, "*")),
        ("http://x/*: 1", SampleRule(1.0, "http://x/*")),
        ("kind=SERVER: 1/2", SampleRule(0.5, "*", "server")),
        (
            "pay, kind=client, peer.service=bank*: 1",
            SampleRule(1.0, "pay", "client", (("peer.service", "bank*"),)),
        ),
        ("name=a%2Cb%3Dc: .5", SampleRule(0.5, "a,b=c")),
    ],
)
def test_規則の書き方(text, rule):
    """Conditions between commas, a colon, a share; a pattern without a key is for the name."""
    assert sample_rule(text) == rule


@pytest.mark.parametrize(
    "text",
    ["", ":", "x", "x: 2", "x: -1", "x: nan", "x: 1/0", ": 1", "kind=web: 1", "a, b: 1", "x=: 1"],
)
def test_規則でないものは断られる(text):
    """What is no rule is an error of the setting, with its name."""
    with pytest.raises(ConfigError, match="sample_rules"):
        load({"sample_rules": [text]}, environ={})


def test_表でも書ける(tmp_path):
    """In TOML a rule may be a table, with any text as it is."""
    (tmp_path / "pyproject.toml").write_text(
        """
[[tool.testpilot_obs.sample_rules]]
name = "a,b=c;d%"
ratio = 0
[[tool.testpilot_obs.sample_rules]]
kind = "server"
attributes = { "http.route" = "/admin/*", "retry" = true }
ratio = "1/4"
"""
    )

    config = load({}, environ={}, cwd=tmp_path)

    assert [sample_rule(text) for text in config.sample_rules] == [
        SampleRule(0.0, "a,b=c;d%"),
        SampleRule(0.25, "*", "server", (("http.route", "/admin/*"), ("retry", "true"))),
    ]


@pytest.mark.parametrize(
    "table", [{"name": "x"}, {"ratio": 1}, {"title": "x", "ratio": 1}, {"name": ["x"], "ratio": 1}]
)
def test_表の間違いも断られる(table):
    """A table without a ratio or a condition, or with anything unknown, is refused."""
    with pytest.raises(ConfigError, match="sample_rules"):
        load({"sample_rules": [table]}, environ={})


@pytest.mark.parametrize("value", ["all", "none", "sampled-off", "private", "::1, sampled-off"])
def test_信じる相手の書き方(value):
    """Words stand alone; networks and what is done about others may be combined."""
    assert load({"trust_inbound": value}, environ={}).trust_inbound != Config().trust_inbound or (
        value == "all"
    )


@pytest.mark.parametrize("value", ["all,none", "10.0.0.0/8,none", "example.com", ","])
def test_信じる相手の間違いは断られる(value):
    """Contradictions and names of hosts are refused."""
    with pytest.raises(ConfigError, match="trust_inbound"):
        load({"trust_inbound": value}, environ={})
