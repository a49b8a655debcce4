"""Settings in pyproject.toml or in a file of their own."""

import os

import pytest

from testpilot_obs.config import load
from testpilot_obs.errors import ConfigError

FILE = "TESTPILOT_OBS_CONFIG_FILE"


def test_上の階層の設定も見つかる(tmp_path):
    """The nearest pyproject.toml is looked for upwards."""
    (tmp_path / "pyproject.toml").write_text('[tool.testpilot_obs]\nservice_name = "shop"\n')
    below = tmp_path / "src" / "shop"
    below.mkdir(parents=True)

    assert load({}, environ={}, cwd=below).service_name == "shop"


def test_最も近いファイルだけが読まれる(tmp_path):
    """A nearer pyproject.toml hides those above, even if it says nothing."""
    (tmp_path / "pyproject.toml").write_text('[tool.testpilot_obs]\nservice_name = "above"\n')
    below = tmp_path / "below"
    below.mkdir()
    (below / "pyproject.toml").write_text('[project]\nname = "testpilot_obs_user"\n')

    assert load({}, environ={}, cwd=below).source_of("service_name") == "default"


def test_型のある値が読まれる(tmp_path):
    """A file has numbers in seconds and bytes, booleans, lists and tables."""
    (tmp_path / "pyproject.toml").write_text(
        "[tool.testpilot_obs]\n"
        'disabled = true\nexit_timeout_s = 0.5\nqueue_bytes = "1mb"\n'
        'traces_exporter = ["otlp", "console"]\nslow_transaction_s = "off"\n'
        'otlp_headers = { Api-Key = "x" }\n'
    )

    config = load({}, environ={}, cwd=tmp_path)

    assert (config.disabled, config.exit_timeout_s, config.queue_bytes) == (True, 0.5, 1 << 20)
    assert config.traces_exporter == ("otlp", "console")
    assert config.slow_transaction_s is None
    assert dict(config.otlp_headers) == {"api-key": "x"}


@pytest.mark.parametrize("head", ["", "[tool.testpilot_obs]\n"])
def test_名指されたファイルが読まれる(tmp_path, head):
    """A named file may have the settings at its top level; no other file is read then."""
    (tmp_path / "pyproject.toml").write_text('[tool.testpilot_obs]\nlog_level = "DEBUG"\n')
    file = tmp_path / "設定 file.toml"
    file.write_bytes(b"\xef\xbb\xbf" + f'{head}service_name = "shop"\r\n'.encode())

    config = load({}, environ={FILE: str(file)}, cwd=tmp_path)

    assert (config.service_name, config.log_level) == ("shop", "INFO")
    assert config.source_of("service_name") == str(file)


def test_ホームの印は展開される(tmp_path, monkeypatch):
    """The path may begin with ~."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "obs.toml").write_text('service_name = "home"\n')

    assert load({}, environ={FILE: "~/obs.toml"}).service_name == "home"


def test_知らない利用者のホームは読めないファイルになる(caplog):
    """A ~ that cannot be expanded is a file that is not there."""
    load({}, environ={FILE: "~nobody-of-this-name/obs.toml"})

    assert "expected a file that can be read" in caplog.text


def test_名指されたpyprojectに設定がなくてもよい(tmp_path, caplog):
    """A pyproject.toml that says nothing to us is no problem."""
    file = tmp_path / "pyproject.toml"
    file.write_text("[project]\n")

    load({}, environ={FILE: str(file)})

    assert not caplog.records


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"[tool.testpilot_obs\n", "valid TOML"),
        (b'[tool.testpilot_obs]\nlog_level = "DEBUG" "INFO"\n', "valid TOML (see line 2"),
        (b"# testpilot_obs \xff\n", "a file in UTF-8"),
        (b"testpilot_obs = " + b"[" * 100_000, "valid TOML"),
        (b"[tool]\ntestpilot_obs = 5\n", "a table [tool.testpilot_obs]"),
    ],
)
def test_壊れたファイルは警告される(tmp_path, caplog, content, expected):
    """A malformed file is one warning that names it; with strict=True it raises."""
    file = tmp_path / "pyproject.toml"
    file.write_bytes(content)

    load({}, environ={}, cwd=tmp_path)

    [record] = caplog.records
    assert str(file) in record.getMessage()
    assert f"expected {expected}" in record.getMessage()
    with pytest.raises(ConfigError):
        load({"strict": True}, environ={}, cwd=tmp_path)


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_読めないファイルは警告される(tmp_path, caplog, name):
    """A named file that cannot be read is one warning; with strict=True it raises."""
    file = str(tmp_path / name)

    load({}, environ={FILE: file})

    [record] = caplog.records
    assert "expected a file that can be read" in record.getMessage()
    with pytest.raises(ConfigError):
        load({"strict": True}, environ={FILE: file})


def test_知らない項目は近い名が示される(tmp_path, caplog):
    """An unknown key is a warning with the name that was probably meant."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.testpilot_obs]\nservice-name = "s3cr3t"\nOTEL_LOG_LEVEL = "x"\nstrict = true\n'
    )

    load({}, environ={}, cwd=tmp_path)

    assert "did you mean service_name?" in caplog.text
    assert "did you mean otel_log_level?" in caplog.text
    assert "expected init(strict=True) instead" in caplog.text
    assert "s3cr3t" not in caplog.text


def test_消えた作業場所でも読み込める(tmp_path, monkeypatch):
    """A current directory that was deleted means that there is no file."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    assert load({}, environ={}).source_of("service_name") == "default"


def test_誰でも書ける場所のファイルは信用されない(tmp_path, caplog):
    """A pyproject.toml that anyone may have planted is not used, unless it is named."""
    if os.name != "posix":
        pytest.skip("folders have no such mode")
    file = tmp_path / "pyproject.toml"
    file.write_text('[tool.testpilot_obs]\nservice_name = "planted"\n')
    tmp_path.chmod(0o1777)

    assert load({}, environ={}, cwd=tmp_path).source_of("service_name") == "default"
    assert "expected a folder that not everyone can write to" in caplog.text
    assert load({}, environ={FILE: str(file)}).service_name == "planted"
