"""What importing the settings may load."""

import json
import subprocess
import sys

import pytest

SHOW = "import sys, json; {}; print(json.dumps(sorted(sys.modules)))"
HEAVY = {"opentelemetry", "tomllib", "tomli", "difflib", "ast", "inspect", "structlog", "socket"}


def modules_after(code, folder):
    """Return the names of the modules that a new interpreter has after *code*."""
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-c", SHOW.format(f"sys.path[:0] = {sys.path!r}; {code}")],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
    )
    return set(json.loads(result.stdout))


@pytest.mark.parametrize("code", ["import {}", "import {} as c; c.load({{}}, environ={{}})"])
def test_読み込みは軽いものだけを使う(code, tmp_path):
    """Neither importing nor loading imports anything heavy, beyond what dataclasses needs."""
    before = modules_after("import dataclasses, testpilot_obs", tmp_path)

    loaded = modules_after(code.format("testpilot_obs.config"), tmp_path) - before

    assert not HEAVY & loaded
    ours = {name for name in loaded if name.startswith("testpilot_obs.")}
    allowed = ("testpilot_obs.config", "testpilot_obs._core", "testpilot_obs.errors")
    assert not [name for name in ours if not name.startswith((*allowed, "testpilot_obs.protocols"))]
    assert "testpilot_obs.config._docs" not in ours


def test_設定のあるファイルだけが解析される(tmp_path):
    """A pyproject.toml that does not mention us is not parsed; one that does is."""
    load = "import testpilot_obs.config as c; c.load({}, environ={})"
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shop"\n')

    without = modules_after(load, tmp_path)
    (tmp_path / "pyproject.toml").write_text("[tool.testpilot_obs]\n")
    with_ours = modules_after(load, tmp_path)

    assert not {"tomllib", "tomli"} & without
    assert {"tomllib", "tomli"} & with_ours
