"""The command `testpilot-obs` as a person starts it."""

import subprocess
import sys
from importlib import metadata

import pytest

from testpilot_obs.cli import main


def test_命令なしなら使い方を表示する(capsys):
    """Without a command the help is printed, and the status says that something is missing."""
    assert main([]) == 2
    assert "config" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_説明と版を表示できる(capsys, option):
    """--help and --version print and succeed."""
    with pytest.raises(SystemExit) as ended:
        main([option])

    assert ended.value.code == 0
    assert "testpilot-obs" in capsys.readouterr().out


def test_知らない命令は誤りである(capsys):
    """An unknown command is refused with the list of those that exist."""
    with pytest.raises(SystemExit) as ended:
        main(["conjure"])

    assert ended.value.code == 2
    assert "config" in capsys.readouterr().err


def test_モジュールとしても動く():
    """`python -m testpilot_obs` is the same command."""
    done = subprocess.run(
        [sys.executable, "-m", "testpilot_obs", "--version"], capture_output=True, text=True
    )

    assert done.stdout.strip() == f"testpilot-obs {metadata.version('testpilot-obs')}"


def test_読み手が先に終わっても苦情を言わない():
    """When the reader of a pipe has gone, nothing is written to stderr."""
    done = subprocess.run(
        ["sh", "-c", f"'{sys.executable}' -m testpilot_obs config | true"],
        capture_output=True,
        text=True,
    )

    assert done.stderr == ""


@pytest.mark.needs("/dev/full")
@pytest.mark.parametrize("command", ["config", "metrics list"])
def test_満杯の出力先は一行で告げられる(command):
    """When the output cannot be written, one line says why, and the status is 1."""
    done = subprocess.run(
        ["sh", "-c", f"'{sys.executable}' -m testpilot_obs {command} > /dev/full"],
        capture_output=True,
        text=True,
    )

    assert (done.stderr, done.returncode) == ("testpilot-obs: No space left on device\n", 1)
