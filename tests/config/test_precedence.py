"""Argument, environment, file, default: who wins, and who is said to have won."""

import pytest

from testpilot_obs.config import load
from testpilot_obs.errors import ConfigError

NAME = "OTEL_SERVICE_NAME"


@pytest.fixture
def folder(tmp_path):
    """Return a folder whose pyproject.toml names the service `file`."""
    (tmp_path / "pyproject.toml").write_text('[tool.testpilot_obs]\nservice_name = "file"\n')
    return tmp_path


def test_引数は環境に勝つ(folder):
    """An argument wins over everything."""
    config = load({"service_name": "argument"}, environ={NAME: "environment"}, cwd=folder)

    assert config.service_name == "argument"
    assert config.source_of("service_name") == "argument"


def test_環境はファイルに勝つ(folder):
    """The environment wins over the file."""
    config = load({"service_name": None}, environ={NAME: "environment"}, cwd=folder)

    assert config.service_name == "environment"
    assert config.source_of("service_name") == "environment"


def test_ファイルは既定値に勝つ(folder):
    """The file wins over the default, and is named as the source."""
    config = load({}, environ={NAME: ""}, cwd=folder)

    assert config.service_name == "file"
    assert config.source_of("service_name") == str(folder / "pyproject.toml")


def test_何もなければ既定値になる(tmp_path):
    """The default service is called after the program, as the specification says."""
    config = load({}, environ={}, cwd=tmp_path)

    assert config.service_name.startswith("unknown_service:python")
    assert config.source_of("service_name") == "default"


def test_誤った環境の値はファイルの値を消さない(folder):
    """A bad value counts as not set, so the file's is used."""
    (folder / "pyproject.toml").write_text('[tool.testpilot_obs]\nlog_level = "DEBUG"\n')

    config = load({}, environ={"LOG_LEVEL": "loud"}, cwd=folder)

    assert config.log_level == "DEBUG"


def test_サービス名の変数は資源属性に勝つ(tmp_path):
    """OTEL_SERVICE_NAME wins over service.name in OTEL_RESOURCE_ATTRIBUTES."""
    environ = {NAME: "variable", "OTEL_RESOURCE_ATTRIBUTES": "service.name=attribute,team=core"}

    config = load({}, environ=environ, cwd=tmp_path)

    assert config.service_name == "variable"
    assert dict(config.resource_attributes) == {"team": "core"}


def test_資源属性は専用の設定になる(tmp_path):
    """Attributes that have a setting of their own become that setting."""
    attributes = "service.name=shop,service.version=1.2,deployment.environment.name=staging"

    config = load({}, environ={"OTEL_RESOURCE_ATTRIBUTES": attributes}, cwd=tmp_path)

    assert (config.service_name, config.service_version) == ("shop", "1.2")
    assert config.environment == "staging"
    assert config.source_of("environment") == "environment"
    assert not config.resource_attributes


def test_資源属性は併合される(folder):
    """Resource attributes of all sources are merged, the stronger source wins each key."""
    (folder / "pyproject.toml").write_text(
        "[tool.testpilot_obs.resource_attributes]\n"
        'a = "file"\nb = "file"\nc = "file"\ncloud.region = "eu"\n"service.name" = "shop"\n'
    )

    config = load(
        {"resource_attributes": {"a": "argument", "cpus": 4, "spot": True}},
        environ={"OTEL_RESOURCE_ATTRIBUTES": "a=environment,b=environment"},
        cwd=folder,
    )

    assert dict(config.resource_attributes) == {
        "a": "argument",
        "b": "environment",
        "c": "file",
        "cloud.region": "eu",
        "cpus": "4",
        "spot": "true",
    }
    assert config.service_name == "shop"


def test_誤りはすべて一度に示される(tmp_path):
    """One ConfigError lists the problems of all sources, arguments first."""
    with pytest.raises(ConfigError) as raised:
        load(
            {"memory": "all", "bsp_max_queue_size": 2.5, "strict": "maybe"},
            environ={"LOG_LEVEL": "loud"},
            cwd=tmp_path,
        )

    found = [(problem.setting, problem.source) for problem in raised.value.problems]
    assert found == [
        ("memory", "argument"),
        ("bsp_max_queue_size", "argument"),
        ("strict", "argument"),
        ("LOG_LEVEL", "environment"),
    ]
    assert "memory = 'all' (from argument): expected one of rss, alloc, off" in str(raised.value)


def test_引数の数は秒を意味する(tmp_path):
    """A bare number is in seconds for an argument, in milliseconds in an OTEL_* variable."""
    arguments = {"bsp_schedule_delay_s": 2, "blrp_schedule_delay_s": "2"}

    config = load(arguments, environ={"OTEL_METRIC_EXPORT_INTERVAL": "2"}, cwd=tmp_path)

    assert config.bsp_schedule_delay_s == config.blrp_schedule_delay_s == 2.0
    assert config.metric_export_interval_s == 0.002


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("traces_exporter", ["otlp", "console"], ("otlp", "console")),
        ("traces_exporter", "otlp,console", ("otlp", "console")),
        ("transaction_buckets", (0.1, 1), (0.1, 1.0)),
        ("otlp_headers", {"Api-Key": "x"}, {"api-key": "x"}),
        ("log_level", 30, "WARNING"),
        ("disabled", True, True),
        ("queue_bytes", "1.5mb", 1_572_864),
        ("traces_sampler_arg", 0.5, "0.5"),
        ("exit_timeout_s", 0, 0.0),
    ],
)
def test_引数は型のある値でもよい(tmp_path, name, value, accepted):
    """An argument may be text in the notation of the environment, or have its type."""
    config = load({name: value}, environ={}, cwd=tmp_path)

    assert getattr(config, name) == accepted


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("log_level", 35),
        ("log_level", True),
        ("disabled", 1),
        ("bsp_max_queue_size", True),
        ("bsp_max_queue_size", 2**31),
        ("bsp_schedule_delay_s", float("nan")),
        ("bsp_schedule_delay_s", float("inf")),
        ("bsp_schedule_delay_s", 10**400),
        ("bsp_schedule_delay_s", "9" * 400),
        ("queue_bytes", "9" * 400 + "gb"),
        ("queue_bytes", 1.5),
        ("traces_exporter", []),
        ("traces_exporter", ["otlp", 5]),
        ("transaction_buckets", [1, 1]),
        ("transaction_buckets", []),
        ("resource_attributes", {"a": object()}),
        ("resource_attributes", {5: "a"}),
        ("otlp_headers", {"a b": "c"}),
        ("otlp_headers", {"a": "line\r\nInjected: yes"}),
        ("otlp_headers", "a=line%0d%0aInjected: yes"),
        ("otlp_headers", {"a": "carriage\rreturn"}),
        ("otlp_headers", {"a": "日本"}),
        ("otlp_headers", "=x"),
        ("otlp_endpoint", "http://host:4318/a b"),
        ("service_name", "  "),
    ],
)
def test_使えない引数は断られる(tmp_path, name, value):
    """A wrong type, an unusable number or an unsafe header is refused."""
    with pytest.raises(ConfigError):
        load({name: value}, environ={}, cwd=tmp_path)


def test_再帰する値は断られる(tmp_path):
    """A mapping that contains itself is refused like any other bad value."""
    loop = {}
    loop["a"] = loop

    with pytest.raises(ConfigError, match="resource_attributes"):
        load({"resource_attributes": loop}, environ={}, cwd=tmp_path)


def test_実際の環境も読まれる(monkeypatch, tmp_path):
    """Without a mapping the environment of the process is read."""
    monkeypatch.setenv(NAME, "real")
    monkeypatch.chdir(tmp_path)

    assert load({}).service_name == "real"
