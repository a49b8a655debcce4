"""The page docs/configuration.md is made from the tables."""

import importlib.util
from pathlib import Path

import pytest

from testpilot_obs.config import known_names
from testpilot_obs.config._docs import render
from testpilot_obs.config._env import NOT_USED
from testpilot_obs.config._schema import RULES

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script():
    """Return the script that writes the page."""
    path = ROOT / "scripts" / "generate_config_docs.py"
    spec = importlib.util.spec_from_file_location("generate_config_docs", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_設定の頁は最新である(script):
    """The page is what the tables make of it."""
    assert script.main(["--check"]) == 0


def test_古い頁は見つけられる(script, tmp_path, capsys):
    """A page that is missing or outdated fails the check and is mended without it."""
    page = tmp_path / "docs" / "configuration.md"
    assert script.main(["--check", f"--page={page}"]) == 1
    assert script.main([f"--page={page}"]) == 0
    assert script.main(["--check", f"--page={page}"]) == 0

    page.write_text("old", encoding="utf-8")

    assert script.main(["--check", f"--page={page}"]) == 1
    assert "outdated" in capsys.readouterr().out


def test_頁はすべての設定と変数を載せる():
    """Every setting has a sentence and every variable is on the page, once in a table."""
    page = render()

    for name in RULES:
        [line] = [line for line in page.splitlines() if line.startswith(f"| `{name}` |")]
        assert line.split("|")[3].strip().endswith("."), line
    assert not [name for name in (*known_names(), *NOT_USED) if f"`{name}`" not in page]
