"""What importing the settings may load."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

# The front door imports much; a bare package in its place shows what the settings alone need.
PROGRAM = """
import dataclasses, json, sys, types
sys.modules["testpilot_obs"] = types.ModuleType("testpilot_obs")
sys.modules["testpilot_obs"].__path__ = [sys.argv[1]]
before = set(sys.modules)
{}
print(json.dumps(sorted(set(sys.modules) - before)))
"""
PACKAGE = Path(__file__).parents[2] / "src" / "testpilot_obs"
SLOW = {"tomllib", "tomli", "difflib", "socket", "asyncio", "ssl", "http", "email", "decimal"}
LOAD = "import testpilot_obs.config as c; c.load({}, environ={})"


def modules_loaded_by(code, folder):
    """Return the modules that *code* loads in an interpreter without site-packages."""
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-c", PROGRAM.format(code), str(PACKAGE)],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
    )
    return set(json.loads(result.stdout))


@pytest.mark.parametrize("code", ["import testpilot_obs.config", LOAD])
def test_読み込みは標準ライブラリの軽いものだけを使う(code, tmp_path):
    """Importing and loading need the standard library alone, and of that nothing slow."""
    loaded = modules_loaded_by(code, tmp_path)

    foreign = {name for name in loaded if name.partition(".")[0] not in sys.stdlib_module_names}
    rooms = {name.split(".")[1] for name in foreign if name.startswith("testpilot_obs.")}
    assert {name.partition(".")[0] for name in foreign} == {"testpilot_obs"}
    assert rooms == {"config", "_core", "errors", "protocols"}
    assert "testpilot_obs.config._docs" not in loaded
    assert not SLOW & loaded


def test_設定のあるファイルだけが解析される(tmp_path):
    """A pyproject.toml that does not mention us is not parsed; one that does is."""
    if sys.version_info < (3, 11):
        pytest.skip("tomli is no part of the standard library")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shop"\n')
    without = modules_loaded_by(LOAD, tmp_path)
    (tmp_path / "pyproject.toml").write_text("[tool.testpilot_obs]\n")
    with_ours = modules_loaded_by(LOAD, tmp_path)

    assert "tomllib" not in without
    assert "tomllib" in with_ours
