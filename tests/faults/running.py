"""Runs programs under test and reads what they say."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.faults.certificates import AUTHORITY
from tests.faults.journal import RUN

_POLL_S = 0.005

ROOT = Path(__file__).parents[2]

METRICS_EVERY_S = 0.3
# Soon enough that the collector's trouble is met while the program lives.
_SOON = {
    "OTEL_BSP_SCHEDULE_DELAY": "200",
    "OTEL_BLRP_SCHEDULE_DELAY": "200",
    "OTEL_METRIC_EXPORT_INTERVAL": f"{METRICS_EVERY_S * 1000:.0f}",
}


class Program:
    """A Python module in a process of its own, that says JSON lines.

    Args:
        module: For example ``tests.faults.program``.
        plan: Its argument.
        environ: Its environment, besides what every program needs.
        folder: Gets what it writes to stderr.
    """

    def __init__(self, module, plan, *, environ, folder):
        self._errors = Path(folder) / f"{environ['run']}.err"
        with self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, json.dumps(plan)],
                cwd=ROOT,
                env=environ["variables"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self.said = {}
        self.peak_bytes = 0
        """The most memory that it was seen to have, when it ended."""

    def wait_for(self, step):
        """Return what the program says at *step*.

        Raises:
            RuntimeError: If it ends before.
        """
        while step not in self.said:
            line = self.process.stdout.readline()
            if not line:
                self.process.wait()
                how = f"with status {self.process.returncode} before {step!r}"
                raise RuntimeError(f"ended {how}: {self.errors()}")
            self._hear(line)
        return self.said[step]

    def go_on(self, word="go"):
        """Tell the program to go on."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(word + "\n")
            self.process.stdin.flush()

    def send(self, name):
        """Send a signal; return when that was (monotonic seconds)."""
        at = time.monotonic()
        self.process.send_signal(getattr(signal, name))
        return at

    def ended_after(self, began, *, timeout_s):
        """Return the seconds from *began* to the end of the process, which is killed if need be."""
        while self.process.poll() is None:
            self.peak_bytes = max(self.peak_bytes, peak_bytes(self.process.pid))
            if time.monotonic() - began > timeout_s:
                self.process.kill()
                self.process.wait()
            time.sleep(_POLL_S)
        took_s = time.monotonic() - began
        for line in self.process.stdout:
            self._hear(line)
        return took_s

    def close(self):
        """Leave nothing behind."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()

    def errors(self):
        """Return what it wrote to stderr."""
        return self._errors.read_text(errors="replace")

    def _hear(self, line):
        said = json.loads(line)
        self.said[said["step"]] = said


def environment(run, *, service, endpoint, folder, protocol="http", **more):
    """Return the environment of a program under test.

    Args:
        run: Goes with each record, to tell the programs of a folder apart.
        service: Programs of one service share a spool.
        endpoint: Of the receiver.
        folder: Where the spool and the certificates are.
        protocol: "http" or "grpc".
        more: Further variables.
    """
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    cover = {name: text for name, text in os.environ.items() if name.startswith("COVERAGE_")}
    ours = {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "OTEL_SERVICE_NAME": service,
        "OTEL_RESOURCE_ATTRIBUTES": f"{RUN}={run}",
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc" if protocol == "grpc" else "http/protobuf",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": str(Path(folder) / AUTHORITY),
        "TESTPILOT_OBS_SPOOL_DIR": str(spool_of(folder)),
        "TESTPILOT_OBS_LOG_FORMAT": "none",
    }
    return {"run": run, "variables": {**kept, **cover, **ours, **_SOON, **more}}


def spool_of(folder):
    """Return the folder of the spool for tests in *folder*."""
    return Path(folder) / "spool"


def peak_bytes(pid):
    """Return the most memory that a process ever had; 0 if it is gone."""
    return _status(pid, "VmHWM")


def resident_bytes(pid):
    """Return the memory that a process has; 0 if it is gone."""
    return _status(pid, "VmRSS")


def _status(pid, field):
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    lines = [line for line in text.splitlines() if line.startswith(field)]
    return int(lines[0].split()[1]) * 1024 if lines else 0


def is_spooled(folder, service):
    """Return whether the command line finds anything of *service* in the spool."""
    variables = environment("cli", service=service, endpoint="", folder=folder)["variables"]
    done = subprocess.run(
        [sys.executable, "-m", "testpilot_obs", "spool", "list", "--json"],
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        timeout=30,
    )
    return done.returncode == 0 and bool(json.loads(done.stdout or "[]"))
