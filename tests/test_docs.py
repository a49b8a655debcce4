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
OUTPUT = re.compile(r"(?:```)?\s*```text\n((?!\$ ).*?)```", re.DOTALL)
VOLATILE = {
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z": "TIME",
    r"\b[0-9a-f]{32}\b": "TRACE",
    r"\b[0-9a-f]{16}\b": "SPAN",
    r"(duration_s|cpu_s)=\S+": r"\1=SECONDS",
    r'/[\w/.-]+(\\?", ?"?line"?)[ :]\d+': r"FILE\1 LINE",
    r"\\n +[~^]+(?=\\n)": "",  # not in Python 3.10
    r"memory_delta_bytes=-?\d+": "memory_delta_bytes=BYTES",
}
FILE = re.compile(r"[\w/]+\.py\b")
TESTS = (ROOT / "tests").glob("*.py")
WITH_DOCTESTS = sorted(
    path for path in (ROOT / "src").rglob("*.py") if ">>> " in path.read_text(encoding="utf-8")
)


def relative(path):
    """Return the path as a person would write it."""
    return str(path.relative_to(ROOT))


def same(output):
    """Return what a block printed, without what differs from one run to the next."""
    for pattern, name in VOLATILE.items():
        output = re.sub(pattern, name, output)
    return output.rstrip().splitlines()


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_文書のPythonは動き_示された出力を出す(page, monkeypatch, tmp_path, capsys):
    """The Python blocks of a page run one after the other, and print what stands below them."""
    monkeypatch.chdir(tmp_path)
    document = Sybil(parsers=[PythonCodeBlockParser()]).parse(page)

    for example in document.examples():
        capsys.readouterr()
        example.evaluate()
        printed = "".join(capsys.readouterr())
        shown = OUTPUT.match(document.text, example.region.end)
        if shown:
            assert same(printed) == same(shown[1])


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
