"""What the documentation shows is true: its Python runs, its links lead somewhere."""

import doctest
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
QUICKSTART = ROOT / "examples" / "quickstart.py"
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)")
FILE = re.compile(r"[\w/]+\.py\b")
TESTS = (ROOT / "tests").glob("*.py")
WITH_DOCTESTS = sorted(
    path for path in (ROOT / "src").rglob("*.py") if ">>> " in path.read_text(encoding="utf-8")
)


def relative(path):
    """Return the path as a person would write it."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_文書のPythonは動く(page, monkeypatch, tmp_path):
    """The Python blocks of a page run one after the other in one namespace."""
    monkeypatch.chdir(tmp_path)
    document = Sybil(parsers=[PythonCodeBlockParser()]).parse(page)

    for example in document.examples():
        example.evaluate()


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_文書のリンク先は存在する(page):
    """A link to a file leads to a file that exists."""
    targets = LINK.findall(page.read_text(encoding="utf-8"))

    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_設計の文書に出てくるファイルは存在する():
    """Each file that docs/architecture.md names is there, where it says."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    there = [f"/{path.relative_to(ROOT)}" for path in (*ROOT.glob("src/**/*.py"), *TESTS)]
    missing = [n for n in set(FILE.findall(page)) if not any(t.endswith(f"/{n}") for t in there)]

    assert missing == []


@pytest.mark.parametrize("path", WITH_DOCTESTS, ids=relative)
def test_説明文の例は動く(path):
    """The examples in the docstrings of a module give what they show."""
    name = ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)

    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_最初の例は短い():
    """The quickstart is shorter than 20 lines."""
    assert len(QUICKSTART.read_text(encoding="utf-8").splitlines()) < 20


def test_最初の例は網なしで動く(tmp_path):
    """The quickstart ends by itself, shows its spans and its log line, and opens no socket."""
    guard = "import sys; sys.addaudithook(lambda e, a: e != 'socket.connect' or sys.exit('net'))\n"
    program = f"{guard}import runpy; runpy.run_path({str(QUICKSTART)!r}, run_name='__main__')"
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "TESTPILOT_OBS_"))}

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=plain, capture_output=True, timeout=30
    )

    assert done.returncode == 0, done.stderr.decode()
    assert b"checkout" in done.stderr
