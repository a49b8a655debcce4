"""`testpilot-obs doctor` as a person sees it, and how every command ends early."""

import io
import os
import signal
import subprocess
import sys
import threading

import pytest

from testpilot_obs.cli import _doctor_print
from testpilot_obs.cli._doctor_report import Check, Report
from tests.exporters.servers import RawServer

COMMANDS = ["config", "doctor --offline", "metrics list", "--help", "doctor --help"]
GONE = Check(
    "destinations",
    "connect",
    "failed",
    "Connection refused",
    about="http://bücher:4318",
    remedy="is it running?",
    facts={"signals": ["traces", "logs"], "protocol": "grpc"},
)
FINE = Check("settings", "settings", "ok", "1 set")


class Terminal(io.StringIO):
    """A stream that a person reads."""

    encoding = "utf-8"

    def isatty(self):
        """Say so."""
        return True


class Ascii(io.StringIO):
    """A stream that takes ASCII only."""

    encoding = "ascii"


@pytest.fixture(autouse=True)
def _no_wishes(monkeypatch):
    """Forget what the person who runs the tests wants of colours."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


def page(*checks, stream=None):
    """Return what is printed of *checks*."""
    stream = stream or io.StringIO()
    settings = {"otlp_endpoint": {"value": "'http://b:1'", "source": "environment"}}
    settings["strict"] = {"value": "False", "source": "default"}
    _doctor_print.Page(stream).write(Report("1.0", "3.11", "shop", settings, checks))
    return stream.getvalue()


def test_端末では色と印が付く():
    """At a terminal marks are coloured: green for what is well, red for what is wrong."""
    printed = page(FINE, GONE, stream=Terminal())

    assert "\x1b[32m✓\x1b[0m" in printed
    assert "\x1b[31m✗\x1b[0m" in printed


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_色を望まない人には付かない(monkeypatch, name, value):
    """NO_COLOR and a dumb terminal are respected."""
    monkeypatch.setenv(name, value)

    assert "\x1b" not in page(FINE, stream=Terminal())


def test_書けない字は置き換えられる():
    """Where the encoding has no ✓ there is ASCII, and the page comes to its end."""
    printed = page(FINE, GONE, stream=Ascii())

    assert printed.isascii()
    assert "+ settings" in printed
    assert printed.endswith("x something is wrong\n")


def test_行き先と処方が並ぶ():
    """The heading says which signals go there and how; the remedy follows the failure."""
    lines = page(GONE, GONE).splitlines()

    assert "  http://bücher:4318 (grpc): traces, logs" in lines
    assert len([line for line in lines if "do: is it running?" in line]) == 1


def test_変えた設定だけが並ぶ():
    """Settings that somebody set are listed with their source."""
    printed = page(FINE)

    assert "otlp_endpoint  'http://b:1'  environment" in printed
    assert "strict" not in printed


def run(command, **options):
    """Run ``testpilot-obs`` in a shell's way; return the finished process."""
    environ = {name: text for name, text in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(
        ["sh", "-c", f"'{sys.executable}' -m testpilot_obs {command}"],
        stderr=subprocess.PIPE,
        env=environ,
        text=True,
        timeout=50,
        **options,
    )


@pytest.mark.needs("/dev/full")
@pytest.mark.parametrize("command", COMMANDS)
def test_書けなくても乱れない(command):
    """When the output cannot be written that is said in one line, with status 1."""
    done = run(f"{command} >/dev/full")

    assert (done.returncode, done.stderr) == (1, "testpilot-obs: No space left on device\n")


@pytest.mark.parametrize("command", ["doctor --offline", "--help"])
def test_読み手が先に終わっても乱れない(command):
    """When the reader of a pipe has gone nothing is said."""
    assert run(f"{command} | true").stderr == ""


def test_出力が閉じていても乱れない():
    """A command that is started without an output does its work."""
    done = run("doctor --offline >&-")

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(os.name != "posix", reason="signals are of POSIX")
def test_途中で止められる():
    """Ctrl-C while a destination does not answer ends at once, quietly."""
    connected = threading.Event()

    def hang(connection, _number):
        connection.recv(1)
        connected.set()
        threading.Event().wait(30)

    with RawServer(hang) as server:
        command = [sys.executable, "-m", "testpilot_obs", "doctor", "--timeout", "40"]
        environ = {**os.environ, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": server.url}
        process = subprocess.Popen(
            command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert connected.wait(30)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)

    assert (process.returncode, said) == (130, "")
