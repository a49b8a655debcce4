"""The audit log: complete, chained, and checked by a command."""

import json
import os
import stat
import subprocess
import sys

import pytest

from testpilot_obs import logs
from testpilot_obs.cli import main
from testpilot_obs.logs import _audit

WRITER = """
import sys
import testpilot_obs as obs
from testpilot_obs import logs

obs.init(service_name="w", audit_file=sys.argv[1], log_format="none", traces_exporter="none")
audit = logs.get_audit_logger(worker=sys.argv[2])
for number in range(100):
    audit.info("did", number_=number)
"""


@pytest.fixture
def written(wire, tmp_path):
    """Return an audit log of five lines."""
    wire(log_dir=str(tmp_path), log_level="CRITICAL")
    audit = logs.get_audit_logger(user="jo")
    audit.info("logged in", password="canary")
    audit.warning("wrong code", tries=3)
    audit.bind(role="admin").error("role changed")
    audit.info("long", note="x" * 100_000)
    audit.info("logged out")
    return tmp_path / "audit.log"


def test_監査の行は水準によらず鎖になる(written):
    """Each line has a number, the hash of the line before, and its own; none is left out."""
    lines = [json.loads(line) for line in written.read_bytes().splitlines()]

    assert [line["event"] for line in lines] == [
        "logged in",
        "wrong code",
        "role changed",
        "long",
        "logged out",
    ]
    assert [line["number"] for line in lines] == [1, 2, 3, 4, 5]
    assert lines[0]["previous"] == "0" * 64
    assert (lines[2]["role"], lines[2]["user"], lines[2]["level"]) == ("admin", "jo", "error")
    assert "canary" not in written.read_text()
    assert stat.S_IMODE(written.stat().st_mode) == 0o600


def test_鎖と同じ名の項目も残る(wire, tmp_path):
    """Fields that are called like those of the chain are kept, under another name."""
    wire(log_dir=str(tmp_path))

    logs.get_audit_logger().info("did", number=7, hash="x")

    (line,) = map(json.loads, (tmp_path / "audit.log").read_text().splitlines())
    assert (line["number"], line["number_"], line["hash_"]) == (1, 7, "x")
    assert _audit.verify(tmp_path / "audit.log").problems == ()


def test_監査の行は他の場所にも届く(wire, tmp_path):
    """Audit lines go to the console, the other files and OTLP as well."""
    wired = wire(log_dir=str(tmp_path), log_level="CRITICAL", log_rate_limit=1)

    for _ in range(3):
        logs.get_audit_logger().info("did")
    logs.get_logger("x").critical("not audited")

    assert [line["event"] for line in wired.lines] == ["did"] * 3 + ["not audited"]
    assert len((tmp_path / "combined.log").read_text().splitlines()) == 4
    assert len((tmp_path / "audit.log").read_text().splitlines()) == 3


def test_手を触れていない監査記録は正しい(written, capsys):
    """The command says how many lines there are, and the hash of the last."""
    assert main(["audit", "verify", str(written)]) == 0

    out = capsys.readouterr().out
    assert out.startswith("5 lines, nothing wrong; last hash ")
    assert main(["audit", "verify", str(written), "--last", out.split()[-1]]) == 0


@pytest.mark.parametrize(
    ("tamper", "expected"),
    [
        (lambda lines: [lines[0], lines[1].replace(b"3", b"4", 1), *lines[2:]], "line 2: was chan"),
        (lambda lines: [*lines[:1], *lines[2:]], "line 2: has number 3 and should have 2"),
        (lambda lines: lines[1:], "line 1: has number 2 and should have 1"),
        (lambda lines: [lines[1], lines[0], *lines[2:]], "line 1: has number 2"),
        (lambda lines: [*lines[:2], b"{}", *lines[2:]], "line 3: is no audit line"),
        (lambda lines: [*lines[:2], lines[1], *lines[2:]], "line 3: has number 2"),
        (lambda lines: [*lines[:4], lines[4][:-20]], "line 5: is no audit line"),
        (lambda lines: [*lines[:4], lines[4].replace(b"out", b"off")], "line 5: was changed"),
    ],
    ids=["changed", "removed", "first", "reordered", "added", "repeated", "torn", "last changed"],
)
def test_手を加えた監査記録は見つかる(written, capsys, tamper, expected):
    """A changed, removed, added, repeated or reordered line is found, with its number."""
    lines = tamper(written.read_bytes().splitlines())
    written.write_bytes(b"\n".join(lines) + b"\n")

    assert main(["audit", "verify", str(written)]) == 1
    assert expected in capsys.readouterr().out


def test_偽の行は前の行と合わない(written, capsys):
    """A line that was made anew, with a right hash of its own, breaks the chain after it."""
    lines = written.read_bytes().splitlines()
    body = lines[1].rpartition(b',"hash":"')[0].replace(b"wrong code", b"right code") + b"}"
    lines[1] = body[:-1] + f',"hash":"{_audit._hash(body)}"}}'.encode()
    written.write_bytes(b"\n".join(lines) + b"\n")

    assert main(["audit", "verify", str(written)]) == 1
    assert "line 3: does not follow the line before it" in capsys.readouterr().out


def test_切り落とされた終わりは控えた値で見つかる(written, capsys):
    """A removed end shows against a hash that was noted elsewhere."""
    last = _audit.verify(written).last
    lines = written.read_bytes().splitlines()
    written.write_bytes(b"\n".join(lines[:-1]) + b"\n")

    assert main(["audit", "verify", str(written)]) == 0
    assert main(["audit", "verify", str(written), "--last", last]) == 1
    assert "the last line is not" in capsys.readouterr().out


def test_ないファイルは失敗である(tmp_path, capsys):
    """A file that cannot be read is told in one line."""
    assert main(["audit", "verify", str(tmp_path / "none")]) == 1
    assert "No such file" in capsys.readouterr().err


def test_幾つもの過程が一つの鎖を書く(tmp_path):
    """Three processes write one unbroken chain."""
    path = str(tmp_path / "audit.log")
    command = [sys.executable, "-c", WRITER, path]
    running = [subprocess.Popen([*command, str(worker)]) for worker in range(3)]

    assert [one.wait(50) for one in running] == [0] * 3
    found = _audit.verify(path)
    assert (found.lines, found.problems) == (300, ())


@pytest.mark.needs("fcntl")
def test_書けない出来事は数えられる(wire, tmp_path, monkeypatch):
    """A lock that never comes free, or a full disk, loses the event, counted; the file is whole."""
    monkeypatch.setattr(_audit, "_LONGEST_WAIT_S", 0.01)
    wire(audit_file=str(tmp_path / "a.log"))
    audit = logs.get_audit_logger()
    audit.info("one")

    with (tmp_path / "a.log").open("rb") as held:
        _audit.lock(held.fileno(), exclusive=True)
        audit.info("two")
    with monkeypatch.context() as patched:
        patched.setattr(_audit.os, "write", lambda fd, data, write=os.write: write(fd, data[:5]))
        audit.info("three")
    audit.info("four")

    assert logs.lost() == {"audit.log": 2}
    assert _audit.verify(tmp_path / "a.log").problems == ()
    assert _audit.verify(tmp_path / "a.log").lines == 2


def test_壊れた終わりの後も書かれる(wire, tmp_path):
    """After a damaged line events are written on; the damage is found."""
    path = tmp_path / "audit.log"
    path.write_bytes(b"not ours\n")
    wire(log_dir=str(tmp_path))

    logs.get_audit_logger().info("did")

    assert _audit.verify(path).problems == ("line 1: is no audit line",)


def test_場所がなければ普通の行である(wire):
    """Without a file audit lines are lines like others."""
    wired = wire()

    logs.get_audit_logger().info("did")

    assert [line["logger"] for line in wired.lines] == ["audit"]
