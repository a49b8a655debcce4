"""`testpilot-obs config` shows what is in effect, where it is from, and no secret."""

import json

import pytest

from testpilot_obs.cli import main


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path, monkeypatch):
    """Look for no settings in the folder of this repository."""
    monkeypatch.chdir(tmp_path)


def settings(capsys, *options):
    """Return what ``config --json`` prints, as a dict."""
    assert main(["config", "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)


def test_設定値とその出所を表示する(capsys, monkeypatch):
    """A setting from the environment is shown with its value and source."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")

    assert settings(capsys)["service_name"] == {"value": "'shop'", "source": "environment"}


def test_ファイルの設定はその場所とともに表示する(capsys, tmp_path):
    """A setting from a file is shown with the path of the file."""
    path = tmp_path / "pyproject.toml"
    path.write_text("[tool.testpilot_obs]\nservice_name = 'shop'\n")

    assert settings(capsys)["service_name"]["source"] == str(path)


def test_既定値も表示する(capsys):
    """A setting that nobody set is shown as a default."""
    assert settings(capsys)["bsp_max_export_batch_size"] == {"value": "512", "source": "default"}


def test_変えた設定だけを表示できる(capsys, monkeypatch):
    """--changed leaves out what has its default."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")

    assert list(settings(capsys, "--changed")) == ["service_name"]


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_秘密は表示しない(capsys, monkeypatch, form):
    """The value of a header and the password in a URL are masked."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=canary1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:canary2@collector:4318")

    main(["config", *form])

    printed = capsys.readouterr()
    assert "canary" not in printed.out + printed.err
    assert "api-key" in printed.out


def test_表は揃っている(capsys):
    """The table has a heading, and its columns begin at the same place."""
    assert main(["config"]) == 0

    heading, *rows = capsys.readouterr().out.splitlines()
    assert heading.split() == ["setting", "value", "from"]
    assert {row[heading.index("value") - 1] for row in rows} == {" "}


def test_厳格なら使えない設定は失敗になる(capsys, monkeypatch):
    """--strict reports a setting that cannot be used and fails."""
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "many")

    assert main(["config", "--strict"]) == 1
    assert "OTEL_BSP_MAX_QUEUE_SIZE = 'many'" in capsys.readouterr().err


def test_使えない設定は既定値になる(capsys, monkeypatch):
    """Without --strict a setting that cannot be used has its default."""
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "many")

    assert settings(capsys)["bsp_max_queue_size"]["source"] == "default"
