"""`testpilot-obs doctor`: instrumentation, optional parts, folders and permissions."""

import json
import os
import shutil
from importlib import metadata

import pytest
from opentelemetry import context as otel_context

from testpilot_obs.cli import _doctor_folders, _doctor_parts, main
from testpilot_obs.config import load
from tests.exporters.servers import closed_port


@pytest.fixture(autouse=True)
def _service(tmp_path, monkeypatch):
    """Look for no settings in the folder of this repository, and give the service a name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")


@pytest.fixture
def found(capsys):
    """Return a function that runs ``doctor --offline``: its checks of a section, by name."""

    def run(section):
        main(["doctor", "--json", "--offline"])
        report = json.loads(capsys.readouterr().out)
        return {one["name"]: one for one in report["checks"] if one["section"] == section}

    return run


def parts(**settings):
    """Return the checks of the parts, by name."""
    return {one.name: one for one in _doctor_parts.check_parts(load(settings, environ={}))}


def test_文脈の置き場所が言われる(found):
    """Where the current span is kept."""
    check = found("instrumentation")["context storage"]

    assert check["status"] == "ok"
    assert check["facts"]["is_ours"] is True


def test_他の置き場所を選んだ人にはそう言われる(monkeypatch):
    """Another storage that the user has chosen stays, and is named."""

    class Chosen:
        """Somebody else's storage."""

    monkeypatch.setattr(otel_context, "_RUNTIME_CONTEXT", Chosen())
    check = parts()["context storage"]

    assert check.facts["is_ours"] is False
    assert "Chosen" in check.message


def test_伝播がなければそう言われる():
    """Without propagators traces end at the process, and that is said."""
    assert parts(propagators="none")["propagators"].status == "info"


def test_名を挙げたロガーも言われる():
    """Loggers that are taken as well are named."""
    assert "uvicorn" in parts(log_loggers=("uvicorn",))["logs"].message


@pytest.mark.parametrize("providers", ["auto", "join", "own"])
def test_提供者の扱いが言われる(providers):
    """What happens to a provider of the application."""
    assert parts(providers=providers)["providers"].message.startswith(providers)


def test_入っている計装は他人が入れると言われる(monkeypatch):
    """An instrumentation that is installed is listed, and who has to switch it on."""
    entry = metadata.EntryPoint(
        "redis", "redis_instrumentation:Redis", "opentelemetry_instrumentor"
    )
    monkeypatch.setattr(_doctor_parts.metadata, "entry_points", lambda **_: [entry])

    assert "does not switch it on" in parts()["redis"].message


@pytest.mark.needs("orjson")
def test_任意の部品は何をするかも言われる():
    """An optional part: whether it is here, and what it brings."""
    check = parts()["optional orjson"]

    assert check.facts["installed"] is True
    assert "JSON" in check.message


def test_部品のない伝播は失敗である(monkeypatch):
    """A propagator whose package is missing fails, with the command that installs it."""
    monkeypatch.setattr(_doctor_parts, "_is_here", lambda _module: False)
    found = parts(propagators=("tracecontext", "b3"))

    assert found["propagator tracecontext"].status == "ok"
    assert found["propagator b3"].status == "failed"
    assert "testpilot-obs[b3]" in found["propagator b3"].remedy


def test_ファイルがなければそう言われる(found):
    """With no file to write there is nothing to look at."""
    assert found("folders")["files"]["status"] == "info"


def test_書ける場所は良い(found, monkeypatch, tmp_path):
    """A folder that is private and can be written, and a file to come, are well."""
    folder = tmp_path / "logs"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("TESTPILOT_OBS_LOG_DIR", str(folder))
    monkeypatch.setenv("TESTPILOT_OBS_OTLP_FILE", str(tmp_path / "new" / "deep" / "spans.jsonl"))
    checks = found("folders")

    assert {name: one["status"] for name, one in checks.items()} == {
        "log files": "ok",
        "OTLP file": "ok",
    }
    assert str(tmp_path) in checks["OTLP file"]["message"]
    assert checks["log files"]["facts"]["free_bytes"] > 0
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("kind", ["below a file", "a folder"])
def test_書けない場所は失敗である(found, monkeypatch, tmp_path, kind):
    """What cannot be written fails, with the setting to change."""
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "spans.jsonl" if kind == "below a file" else tmp_path
    monkeypatch.setenv("TESTPILOT_OBS_OTLP_FILE", str(path))
    check = found("folders")["OTLP file"]

    assert check["status"] == "failed"
    assert "otlp_file" in check["remedy"]


@pytest.mark.needs("/proc")
def test_許しのない場所は失敗である(found, monkeypatch):
    """A folder in which nobody may write, not even root, fails."""
    monkeypatch.setenv("TESTPILOT_OBS_LOG_DIR", "/proc/logs")

    assert found("folders")["log files"]["status"] == "failed"


@pytest.mark.parametrize(("setting", "is_shown"), [("on", True), ("off", False)])
def test_届かないものを置く場所も見る(found, monkeypatch, tmp_path, setting, is_shown):
    """The folder for what cannot be sent is looked at where something may be kept there."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("TESTPILOT_OBS_SPOOL", setting)

    folders = found("folders")

    assert ("spool" in folders) is is_shown
    assert not is_shown or str(tmp_path) in str(folders["spool"]["about"])


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
@pytest.mark.parametrize(
    ("setting", "mode", "status"),
    [
        ("LOG_DIR", 0o755, "ok"),
        ("LOG_DIR", 0o777, "warning"),
        ("MULTIPROCESS_DIR", 0o700, "ok"),
        ("MULTIPROCESS_DIR", 0o755, "warning"),
    ],
)
def test_他人に開かれた場所は警告である(found, monkeypatch, tmp_path, setting, mode, status):
    """A folder that others may write, or look into if that is private, is a warning."""
    folder = tmp_path / "folder"
    folder.mkdir()
    folder.chmod(mode)
    monkeypatch.setenv(f"TESTPILOT_OBS_{setting}", str(folder))
    (check,) = found("folders").values()

    assert check["status"] == status


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
def test_他人に読まれるファイルは警告である(found, monkeypatch, tmp_path):
    """A file that others may read is a warning, and is not changed."""
    path = tmp_path / "spans.jsonl"
    path.write_text("{}\n")
    path.chmod(0o644)
    monkeypatch.setenv("TESTPILOT_OBS_OTLP_FILE", str(path))

    assert "chmod 600" in found("folders")["OTLP file"]["message"]
    assert path.read_text() == "{}\n"


def test_残りが少なければ警告である(monkeypatch, tmp_path):
    """A disk that is nearly full is a warning."""
    nearly_full = shutil.disk_usage(tmp_path)._replace(free=1 << 20)
    monkeypatch.setattr(_doctor_folders.shutil, "disk_usage", lambda _path: nearly_full)
    kept = _doctor_folders.Kept("log files", "log_dir")

    assert _doctor_folders.look_at(kept, tmp_path).status == "warning"


def test_取られた口は警告である(found, monkeypatch):
    """The address that serves the metrics is tried, too: the service may run already."""
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "prometheus")
    monkeypatch.setenv("OTEL_EXPORTER_PROMETHEUS_PORT", str(closed_port()))
    free = found("destinations")["prometheus"]["status"]
    monkeypatch.setenv("OTEL_EXPORTER_PROMETHEUS_HOST", "192.0.2.1")

    assert (free, found("destinations")["prometheus"]["status"]) == ("ok", "warning")
