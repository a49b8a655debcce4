"""The gRPC half of the receiver."""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from testpilot_obs.testing._receiver_grpc import _SERVICES, _retry_details
from tests.faults.modes import FOREVER_S

MODES = {"well", "closed", "refuse", "hang", "partial", "cut_off"}


class GrpcReceiver:
    """Listens on a port, in a mode that can be changed at any moment; see ``HttpReceiver``."""

    def __init__(self, port, journal):
        self._journal = journal
        self._port = port
        self._mode, self._options = "well", {}
        self._ended = threading.Event()
        self._server = self._start()

    def set_mode(self, mode, **options):
        """Behave as *mode* from now on.

        Args:
            mode: One of `MODES`.
            options: ``code`` and ``retry_delay_s`` for "refuse"; ``times`` goes back to "well"
                after so many calls.
        """
        self._mode, self._options = mode, options
        self._ended.set()
        self._ended = threading.Event()
        if mode == "closed" and self._server is not None:
            self._server.stop(None).wait()
            self._server = None
        elif mode != "closed" and self._server is None:
            self._server = self._start()

    def _start(self):
        # Without this two receivers would share a port.
        options = [("grpc.so_reuseport", 0)]
        server = grpc.server(ThreadPoolExecutor(32), options=options)
        for signal, service in _SERVICES.items():
            call = partial(self._answer, signal)
            handler = grpc.unary_unary_rpc_method_handler(call)
            server.add_generic_rpc_handlers(
                (grpc.method_handlers_generic_handler(service, {"Export": handler}),)
            )
        server.add_insecure_port(f"127.0.0.1:{self._port}")
        server.start()
        return server

    def _answer(self, signal, data, context):
        mode, options = self._mode, self._options
        self._use_up()
        if mode == "hang":
            self._ended.wait(FOREVER_S)
            return context.abort(grpc.StatusCode.CANCELLED, "hung")
        if mode == "refuse":
            return _refuse(context, **options)
        rejected = self._journal.accept(signal, data, share=2 / 3 if mode == "partial" else 1.0)
        if mode == "cut_off":
            return context.abort(grpc.StatusCode.UNAVAILABLE, "lost its answer")
        return _partly(rejected) if rejected else b""

    def _use_up(self):
        left = self._options.get("times")
        if left == 1:
            self._mode, self._options = "well", {}
        elif left is not None:
            self._options = {**self._options, "times": left - 1}


def _refuse(context, *, code, retry_delay_s=None, **_options):
    if retry_delay_s is not None:
        details = _retry_details(retry_delay_s)
        context.set_trailing_metadata([("grpc-status-details-bin", details)])
    return context.abort(grpc.StatusCode[code], "no")


def _partly(rejected):
    said = ExportTraceServiceResponse()
    said.partial_success.rejected_spans = rejected
    said.partial_success.error_message = "no room for more"
    return said.SerializeToString()
