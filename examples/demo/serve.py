"""The service's process: serves until stdin closes, then says what it recorded and delivered."""

import argparse
import socket
import sys
import tempfile
import threading
from pathlib import Path

import uvicorn

import testpilot_obs as obs
from examples.demo.child import tell
from examples.demo.compare import recorded
from examples.demo.service import create_app

HOST = "127.0.0.1"


def main() -> int:
    """Serve on the port asked for; 0 is any free one."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    port = parser.parse_args().port
    handle = obs.init(service_name="testpilot-api")
    # asyncio turns Nagle's algorithm off only where the protocol is spelt out.
    with (
        socket.socket(proto=socket.IPPROTO_TCP) as listener,
        tempfile.TemporaryDirectory() as folder,
    ):
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError as error:
            print(f"port {port} cannot be used: {error.strerror}", file=sys.stderr)
            return 1
        listener.listen()
        app = create_app(Path(folder) / "testpilot.sqlite")
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        threading.Thread(target=_stop_at_end_of_stdin, args=(server,), daemon=True).start()
        tell({"url": f"http://{HOST}:{listener.getsockname()[1]}"})
        server.run(sockets=[listener])
    tell(recorded(handle.shutdown(timeout_s=5.0)))
    return 0


def _stop_at_end_of_stdin(server: uvicorn.Server) -> None:
    sys.stdin.read()
    server.should_exit = True


if __name__ == "__main__":
    sys.exit(main())
