"""Where this user's programs keep what must outlive a process."""

import sys

import pytest

from testpilot_obs.config import state_folder

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems, other folders")


def test_XDGの場所を使う(tmp_path):
    """``XDG_STATE_HOME`` is where state goes."""
    assert state_folder({"XDG_STATE_HOME": str(tmp_path)}) == str(tmp_path / "testpilot_obs")


def test_systemdの場所が先である(tmp_path):
    """The folder that systemd made for the service comes first; of several, the first."""
    environ = {"STATE_DIRECTORY": f"{tmp_path}:/x", "XDG_STATE_HOME": "/elsewhere"}

    assert state_folder(environ) == str(tmp_path / "testpilot_obs")


def test_相対の場所は無視される(monkeypatch, tmp_path):
    """A relative ``XDG_STATE_HOME`` is ignored, as its specification says."""
    monkeypatch.setenv("HOME", str(tmp_path))

    assert state_folder({"XDG_STATE_HOME": "state"}) == str(
        tmp_path / ".local" / "state" / "testpilot_obs"
    )


def test_書けない家なら一時の場所に置く(monkeypatch, tmp_path):
    """Without a home that can be written to it is a folder of the user's among temporary files."""
    monkeypatch.setenv("HOME", "/proc/nowhere")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("os.access", lambda path, _: not path.startswith("/proc"))

    assert state_folder({}).startswith(str(tmp_path))
