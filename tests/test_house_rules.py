"""The rules of this test suite hold: what is missing is skipped, listed, and fails in CI."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROBE = """
import os
import pytest
from testpilot_obs._core import diagnostics

@pytest.mark.needs("no-such-program")
def test_missing():
    pass

@pytest.mark.needs("pytest")
def test_present():
    assert "OTEL_SERVICE_NAME" not in os.environ

@pytest.mark.xfail(strict=True, raises=ValueError)
def test_heard():
    with diagnostics.guard("probe"):
        raise ValueError

@pytest.mark.guarded
def test_guarded():
    with diagnostics.guard("probe"):
        raise ValueError
"""


@pytest.fixture
def run_probe(tmp_path):
    """Return a function that runs the probe under our own conftest and returns what it printed."""
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_probe.py").write_text(PROBE)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)

    def run(**environ):
        options = ["-q", "-rA", "-p", "no:cacheprovider", "--skipped-to", "skipped.txt"]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, "test_probe.py"],
            cwd=tmp_path,
            env={**os.environ, "CI": "", "OTEL_SERVICE_NAME": "mine", **environ},
            capture_output=True,
            text=True,
            timeout=50,
        )
        return done.stdout, (tmp_path / "skipped.txt").read_text()

    return run


def test_足りない部品の試験は飛ばされて一覧に載る(run_probe):
    """A test whose part is missing is skipped, and named in the list with its reason."""
    out, skipped = run_probe()

    assert "2 passed, 1 skipped, 1 xfailed" in out
    assert skipped.startswith("skipped: 1\n")
    assert "test_probe.py::test_missing" in skipped
    assert "needs no-such-program" in skipped


def test_CIでは足りない部品は失敗である(run_probe):
    """In CI the same test fails."""
    out, skipped = run_probe(CI="true")

    assert "2 passed, 1 xfailed, 1 error" in out
    assert "missing in CI: no-such-program" in out
    assert skipped == "skipped: nothing\n"
