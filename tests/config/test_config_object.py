"""The frozen object that holds all settings."""

import copy
import dataclasses
import pickle

import pytest

from testpilot_obs.config import Config, OtlpSettings, Pairs, SecretPairs, load
from testpilot_obs.errors import ConfigError


@pytest.fixture
def config(tmp_path):
    """Return settings from several sources."""
    environ = {
        "OTEL_EXPORTER_OTLP_HEADERS": "api-key=x",
        "OTEL_RESOURCE_ATTRIBUTES": "team=core",
        "OTEL_BSP_MAX_QUEUE_SIZE": "1000",
    }
    return load({"service_name": "shop"}, environ=environ, cwd=tmp_path)


@pytest.mark.parametrize(
    "clone", [copy.copy, copy.deepcopy, lambda made: pickle.loads(pickle.dumps(made))]
)
def test_写しは等しく出所も同じになる(config, clone):
    """A copy is equal, hashes the same, hides the same and knows the same sources."""
    twin = clone(config)

    assert twin == config
    assert hash(twin) == hash(config)
    assert repr(twin) == repr(config)
    assert twin.source_of("service_name") == "argument"
    assert type(twin.otlp_headers) is SecretPairs
    assert twin.otlp("traces") == config.otlp("traces")


def test_設定は変えられない(config):
    """Nothing can be assigned, neither a setting nor a pair."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.service_name = "other"
    with pytest.raises(TypeError):
        config.resource_attributes["team"] = "other"


def test_表示は変えられたものだけを示す(config):
    """The repr shows what differs from the defaults, without secrets."""
    assert repr(config) == (
        "Config(service_name='shop', resource_attributes={'team': 'core'}, "
        "otlp_headers={'api-key': '***'}, bsp_max_queue_size=1000)"
    )


def test_一覧は値と出所を示す(config):
    """The description has each setting with its value, without secrets, and its source."""
    rows = {name: (value, source) for name, value, source in config.describe()}

    assert rows["service_name"] == ("'shop'", "argument")
    assert rows["otlp_headers"] == ("{'api-key': '***'}", "environment")
    assert rows["exit_timeout_s"] == ("2.0", "default")


def test_変更は写しを返す(config):
    """with_ changes a copy, whose source is an argument; the rest keeps its source."""
    changed = config.with_(exit_timeout_s="500ms", resource_attributes={"tier": "1"})

    assert (config.exit_timeout_s, changed.exit_timeout_s) == (2.0, 0.5)
    assert changed.source_of("exit_timeout_s") == "argument"
    assert changed.source_of("bsp_max_queue_size") == "environment"
    assert changed.source_of("bsp_max_export_batch_size") == "default"
    assert dict(changed.resource_attributes) == {"team": "core", "tier": "1"}
    assert changed.service_name == "shop"


def test_既定のサービス名は変更後も既定のまま():
    """with_ leaves a default a default."""
    changed = Config().with_(memory="off")

    assert changed.source_of("service_name") == "default"
    assert changed.service_name == Config().service_name


def test_変更も検査される(config):
    """with_ raises for what init() would raise for, all problems at once."""
    with pytest.raises(ConfigError) as raised:
        config.with_(memory="all", nonsense=1, bsp_max_export_batch_size=1001)

    found = {problem.setting for problem in raised.value.problems}
    assert found == {"memory", "nonsense", "bsp_max_export_batch_size"}


def test_手で作った値の出所は引数になる():
    """Settings made by hand are arguments, the rest defaults."""
    made = Config(memory="off")

    assert made.source_of("memory") == "argument"
    assert made.source_of("log_level") == "default"
    assert made.with_(log_level="DEBUG").memory == "off"


def test_手で渡した辞書は変えられない対になる():
    """Plain dicts become pairs, which cannot be changed and keep the secrets."""
    made = Config(otlp_headers={"api-key": "s3cr3t"}, resource_attributes={"team": "core"})

    assert type(made.otlp_headers) is SecretPairs
    assert type(made.resource_attributes) is Pairs
    assert "s3cr3t" not in repr(dataclasses.asdict(made))
    assert hash(made) == hash(copy.deepcopy(made))


def test_ない設定の出所は尋ねられない():
    """The source of what is no setting is a KeyError."""
    with pytest.raises(KeyError):
        Config().source_of("nonsense")


def test_違う設定は等しくない(config):
    """Settings with one difference are not equal, nor to something else."""
    assert config != config.with_(memory="off")
    assert config != "config"


def test_対は読むだけの写像である():
    """Pairs compare and hash as what they hold."""
    one, two = Pairs({"a": "1", "b": "2"}), Pairs([("b", "2"), ("a", "1")])

    assert one == two == {"a": "1", "b": "2"}
    assert hash(one) == hash(two)
    assert (len(one), list(one), one["a"]) == (2, ["a", "b"], "1")


def test_出力の設定は手でも作れる():
    """OtlpSettings need only an endpoint."""
    settings = OtlpSettings("http://c/v1/traces")

    assert (settings.protocol, settings.timeout_s, settings.compression) == (
        "http/protobuf",
        10.0,
        "none",
    )
    assert settings == pickle.loads(pickle.dumps(settings))
