"""What runs in each measured process: ``python -m benchmarks._worker PEER MODULE:RUN ROW,ROW N``.

The last line of its output is a JSON object: row → figure → number.
"""

import importlib
import json
import os
import socket
import sys
from typing import Any

from benchmarks import _turns
from benchmarks.peers import UnsupportedError, load


def stay_here() -> None:
    """Let no library reach anything but this machine; Python's sockets refuse other addresses."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> Any:
        inet = self.family in {socket.AF_INET, socket.AF_INET6}
        if inet and address[0] not in {"127.0.0.1", "::1", "localhost"}:
            raise ConnectionRefusedError
        return connect(self, address)

    socket.socket.connect = guarded  # type: ignore[method-assign,assignment]


def main() -> None:
    """Measure and print."""
    peer, where, rows, repeats = sys.argv[1:]
    stay_here()
    _turns.await_first()
    module, _, run = where.partition(":")
    try:
        measure = getattr(importlib.import_module(module), run)
        values = measure(load(peer), rows.split(","), int(repeats))
    except UnsupportedError as reason:
        values = {row: {"unsupported": str(reason)} for row in rows.split(",")}
    print("\n" + json.dumps(values), flush=True)
    # Some libraries wait for a server when the interpreter ends; that is not measured here.
    os._exit(0)


if __name__ == "__main__":
    main()
