"""A receiver of OTLP that misbehaves as told, in a process of its own.

It can be killed and come back on the same ports; what it accepted is in a file. As another
process it shares no lock of the interpreter with the program under test.

    with Receiver(tmp_path) as receiver:
        receiver.set_mode("http", "503", headers={"Retry-After": "1"})
        ...
        receiver.set_mode("http", "well")
        receiver.accepted.refresh().numbers("run-1", "traces")
"""

import contextlib
import json
import os
import random
import socket
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Below the ports that the system gives to whoever asks for any.
_PORTS = range(20_000, 32_000)


class Receiver:
    """A receiver in another process; ends with its ``with`` block.

    Args:
        folder: Where its journal, and certificates if there are any, are.
        protocols: Of "http" and "grpc", which to speak.
    """

    def __init__(self, folder, protocols=("http",)):
        from tests.faults.journal import Accepted

        self._folder = Path(folder)
        self._ports = {protocol: free_port() for protocol in protocols}
        self._modes = {protocol: ("well", {}) for protocol in protocols}
        self._process = None
        self.accepted = Accepted(self._folder / "journal")

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_exception):
        self.kill()

    def endpoint(self, protocol="http", *, tls=False):
        """Return the URL for ``OTEL_EXPORTER_OTLP_ENDPOINT``."""
        return f"http{'s' if tls else ''}://127.0.0.1:{self._ports[protocol]}"

    def start(self):
        """Run, on the same ports as ever, in the modes it was in."""
        arguments = [f"{protocol}={port}" for protocol, port in self._ports.items()]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.receiver", str(self._folder), *arguments],
            cwd=ROOT,
            env={name: text for name, text in os.environ.items() if "COVERAGE" not in name},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for protocol, (mode, options) in self._modes.items():
            self._tell(protocol, mode, options)

    def set_mode(self, protocol, mode, **options):
        """Misbehave as *mode* from now on; "well" is well."""
        self._modes[protocol] = (mode, options)
        self._tell(protocol, mode, options)

    def kill(self):
        """Die as if by a power loss; what was accepted stays accepted."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _tell(self, protocol, mode, options):
        self._process.stdin.write(json.dumps([protocol, mode, options]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if answer != "done\n":
            raise RuntimeError(f"the receiver says {answer!r} to {mode}")


def free_port():
    """Return a port that nobody uses, and that nobody is given by chance."""
    while True:
        port = random.choice(_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def main(folder, *ports):
    """Receive until the input ends; each line of it is ``[protocol, mode, options]``."""
    from tests.faults.journal import Journal

    journal = Journal(Path(folder) / "journal")
    halves = {}
    for protocol, port in (one.split("=") for one in ports):
        if protocol == "http":
            from tests.faults.receiver_http import HttpReceiver

            halves[protocol] = HttpReceiver(int(port), journal, folder)
        else:
            from tests.faults.receiver_grpc import GrpcReceiver

            halves[protocol] = GrpcReceiver(int(port), journal)
    for line in sys.stdin:
        protocol, mode, options = json.loads(line)
        halves[protocol].set_mode(mode, **options)
        sys.stdout.write("done\n")
        sys.stdout.flush()
    # Connections that hang would hold the interpreter up.
    os._exit(0)


if __name__ == "__main__":
    threading.stack_size(256 * 1024)
    main(*sys.argv[1:])
