"""What is secret is shown nowhere: not in a repr, a log line, an error or a dump."""

import dataclasses
import traceback

import pytest

from testpilot_obs.config import Config, OtlpSettings, load
from testpilot_obs.errors import ConfigError

CANARY = "s3cr3t-canary"


@pytest.mark.parametrize(
    "environ",
    [
        {"OTEL_EXPORTER_OTLP_HEADERS": f"api-key={CANARY}"},
        {"OTEL_EXPORTER_OTLP_HEADERS": f"api-key=ok,{CANARY}"},
        {"OTEL_EXPORTER_OTLP_HEADERS": CANARY},
        {"OTEL_EXPORTER_OTLP_HEADERS": f"api key={CANARY}"},
        {"OTEL_EXPORTER_OTLP_TRACES_HEADERS": f"={CANARY}"},
        {"OTEL_EXPORTER_OTLP_LOGS_HEADERS": f"a=%0a{CANARY}"},
        {"OTEL_EXPORTER_OTLP_HEADER": f"api-key={CANARY}"},
        {"TESTPILOT_OBS_HEADERS": f"api-key={CANARY}"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": f"https://me:{CANARY}@host:4318/x"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": f"https://host:4318/x?token={CANARY}"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": f"me:{CANARY}@host:4318"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": f"ftp://me:{CANARY}/@host:4318?{CANARY}"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": f"https://me:{CANARY} x@host:4318"},
    ],
)
def test_環境の秘密は現れない(environ, tmp_path, caplog):
    """A secret in the environment, well-formed or not, is in no text that we make."""
    config = load({}, environ=environ, cwd=tmp_path)

    texts = [repr(config), str(config), caplog.text]
    texts += [repr(config.otlp(signal)) for signal in ("traces", "metrics", "logs")]
    try:
        load({"strict": True}, environ=environ, cwd=tmp_path)
    except ConfigError as error:
        texts += [repr(error), "".join(traceback.format_exception(error)), repr(error.problems)]
    assert not [text for text in texts if CANARY in text]


@pytest.mark.parametrize(
    "arguments",
    [
        {"otlp_headers": f"nonsense {CANARY}"},
        {"otlp_headers": {"a b": CANARY}},
        {"otlp_header": f"a={CANARY}"},
        {"otlp_headers": [CANARY]},
        {"api_key": CANARY},
    ],
)
def test_引数の秘密は例外に現れない(arguments, tmp_path):
    """A secret in an argument that is refused is not in the error."""
    with pytest.raises(ConfigError) as raised:
        load(arguments, environ={}, cwd=tmp_path)

    shown = "".join(traceback.format_exception(raised.value)) + repr(raised.value.problems)
    assert CANARY not in shown.replace(repr(arguments), "")


def test_辞書に写しても秘密は現れない(tmp_path):
    """dataclasses.asdict of the settings shows the names of headers only."""
    environ = {
        "OTEL_EXPORTER_OTLP_HEADERS": f"api-key={CANARY}",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"https://me:{CANARY}@host",
    }

    shown = repr(dataclasses.asdict(load({}, environ=environ, cwd=tmp_path)))

    assert CANARY not in shown
    assert "{'api-key': '***'}" in shown


def test_秘密は送る者には見える(tmp_path):
    """Who sends the headers can read them."""
    environ = {"OTEL_EXPORTER_OTLP_HEADERS": f"api-key={CANARY}"}

    settings = load({}, environ=environ, cwd=tmp_path).otlp("logs")

    assert dict(settings.headers) == {"api-key": CANARY}


def test_手で作った設定も秘密を隠す():
    """Settings that were made by hand, with a plain dict, hide the values too."""
    settings = OtlpSettings("http://me:pw@h/?key=1", headers={"api-key": CANARY})

    assert CANARY not in repr(settings)
    assert settings.shown_endpoint == "http://***@h/?***"
    assert CANARY not in repr(Config(otlp_headers={"api-key": CANARY}))


def test_宛先の合言葉はヘッダーになる(tmp_path):
    """User and password of an endpoint are sent as a header, and leave the URL."""
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "https://me:p%40ss@host:4318",
        "OTEL_EXPORTER_OTLP_HEADERS": "tenant=7",
        "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "https://token@logs",
    }

    config = load({}, environ=environ, cwd=tmp_path)

    traces, logs = config.otlp("traces"), config.otlp("logs")
    assert traces.endpoint == "https://host:4318/v1/traces"
    assert dict(traces.headers) == {"authorization": "Basic bWU6cEBzcw==", "tenant": "7"}
    assert logs.endpoint == "https://logs/"
    assert dict(logs.headers) == {"authorization": "Basic dG9rZW46", "tenant": "7"}


def test_明示したヘッダーが宛先の合言葉に勝つ(tmp_path):
    """An Authorization header that was set is not replaced."""
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "https://me:pw@host",
        "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer%20x",
    }

    settings = load({}, environ=environ, cwd=tmp_path).otlp("traces")

    assert dict(settings.headers) == {"authorization": "Bearer x"}


def test_使えない鍵なら何もディスクに残さない(caplog):
    """Who wanted encryption and mistyped the key gets no plain file, and no key in the log."""
    config = load({}, environ={"TESTPILOT_OBS_SPOOL_KEY": CANARY})

    assert config.spool == "off"
    assert CANARY not in caplog.text
    assert CANARY not in repr(config)
