"""The demo does what it says: everything arrives, and it fails when something does not."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from examples.demo.__main__ import judge
from examples.demo.compare import Result
from examples.demo.evidence import Evidence, Log, Point, Span
from examples.demo.screen import Screen
from examples.demo.traffic import Tally

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.needs("fastapi", "uvicorn", "httpx"), pytest.mark.timeout(120)]
PLAIN = Screen(width=100, colour=False, fine=True)


def start_demo(*options):
    """Return a running demo."""
    return subprocess.Popen(
        [sys.executable, "-m", "examples.demo", "--requests=24", *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "COLUMNS": "80"},
    )


def sent(spans, logs=1, points=1):
    """Return what one process says that it sent."""
    return {"traces": spans, "logs": logs, "metrics": points}


def result(*, spans_sent, **tally):
    """Return a run of which one span, one log line and one point arrived."""
    span = Span("api", "POST /generate", "a" * 32, "b" * 16, "", 0, 5, failed=False)
    got = Evidence(
        [span], [Log("api", "a" * 32, 1, "INFO", "hi")], [Point("api", "m", {}, 1)], 1, 1
    )
    return Result(got, Tally(**tally), [sent(spans_sent)])


def test_送ったものはすべて届き画面に現れる():
    """The demo ends by itself, shows a trace through both processes, and lost nothing."""
    demo = start_demo()

    out, err = demo.communicate(timeout=100)

    assert demo.returncode == 0, out + err
    assert "lost: 0" in out
    assert re.search(r"call POST /generate.*█", out)
    assert re.search(r"model call .*✗", out)
    assert "model overloaded, asking again" in out
    assert re.search(r"^    1, success +\d+$", out, re.MULTILINE)
    assert max(map(len, out.splitlines())) <= 80


def test_使われている港なら理由を言って終わる():
    """A port in use is named, the status is not 0, and nothing is left running."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        demo = start_demo(f"--port={port}")
        _, err = demo.communicate(timeout=60)

    assert demo.returncode == 1
    assert f"port {port} cannot be used" in err
    assert "Traceback" not in err


def test_中断されれば子も片付けて終わる():
    """Ctrl-C ends the demo and its processes, without a traceback."""
    demo = start_demo()
    lines = iter(demo.stdout.readline, "")
    url = next(
        re.search(r"service +http://127.0.0.1:(\d+)", line) for line in lines if "service " in line
    )

    demo.send_signal(signal.SIGINT)
    _, err = demo.communicate(timeout=60)

    assert "stopped; its processes have ended" in err
    assert "Traceback" not in err
    # "python -m" ends by SIGINT, which a shell calls 130 too, if a KeyboardInterrupt ever left an
    # exec(), as in the middle of an import of dataclasses, even one that was caught later.
    assert demo.returncode in {130, -signal.SIGINT}
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(url[1])), timeout=1)


def test_数が合えば成功である(capsys):
    """When both sides agree the demo succeeds and says what to do next."""
    assert judge(PLAIN, result(spans_sent=1, requests=Counter({"POST /generate": 1}))) == 0
    assert "what next" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("spans_sent", "tally"),
    [
        (2, {}),
        (1, {"requests": Counter({"POST /generate": 2})}),
        (1, {"generated": Counter({"success": 1})}),
        (1, {"surprises": ["POST /generate answered 500, expected 200"]}),
    ],
    ids=["スパン", "要求", "計測", "応答"],
)
def test_数が合わなければ失敗である(capsys, spans_sent, tally):
    """One span, request or number that differs, or an unexpected answer, makes the demo fail."""
    assert judge(PLAIN, result(spans_sent=spans_sent, **tally)) == 1
    assert "the demo failed" in capsys.readouterr().out
