"""The pytest plugin: a fixture that is there by itself, and costs nothing until used."""

import subprocess
import sys

import testpilot_obs as obs


def test_fixtureは記録を集める(obs_capture):
    """`obs_capture` collects what the test records."""
    with obs.span("work"):
        pass

    assert obs_capture.span("work").trace_id == 1


def test_plugin自体は軽い():
    """Loading the plugin, as pytest does everywhere, loads no part that works."""
    program = "import sys, testpilot_obs.testing.plugin; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    loaded = set(done.stdout.split())
    rooms = {f"testpilot_obs.{room}" for room in ("delivery", "exporters", "logs", "_lifecycle")}
    assert loaded & rooms == set()
