"""init → run → flush → shutdown: the only module that knows every part.

::

    init(service_name="shop")
     1 load(arguments, environment, file) → Config    config/_load.py
     2 describe(config) → resource                    _core/identity.py, _core/redaction/
     3 open destinations → Delivery                   delivery/_open.py, exporters/_table.py,
                                                      delivery/_build.py
     4 connect tracing, metrics, logs                 tracing/_connect.py, metrics/_connect.py,
                                                      logs/_connect.py
     5 exit and fork hooks                            _core/exits.py, _core/fork.py
     6 return Handle                                  .flush()  .shutdown()
"""

import _thread
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TextIO

from testpilot_obs import logs, metrics, tracing
from testpilot_obs._core import clock, diagnostics, fork, identity, redaction
from testpilot_obs._core.exits import Exits
from testpilot_obs.config import Config, load
from testpilot_obs.delivery import (
    Delivery,
    DeliveryReport,
    Destination,
    SignalStats,
    Stats,
    build,
    open_destinations,
)
from testpilot_obs.protocols import Exporter, Signal, TransactionRecord

_TIMEOUT_S = 2.0
_HEX = 16


class Parts(NamedTuple):
    """The arguments of `init` that are objects, not settings."""

    exporters: tuple[Exporter, ...] = ()
    span_processors: tuple[Any, ...] = ()
    sampler: Any = None
    id_generator: Any = None
    console_stream: TextIO | None = None
    redact: Callable[[Any], Any] | None = None


class HandleStats(dict[Signal, SignalStats]):
    """The books of each signal, and which metrics are largest."""

    def __init__(self, books: Stats, largest_metrics: list[metrics.Size]) -> None:
        super().__init__(books)
        self.largest_metrics = largest_metrics
        """Those with most label sets, the largest first."""


class Handle:
    """What `init` returns: flush it, shut it down, or leave its ``with`` block."""

    def __init__(self, run: "Run") -> None:
        self._run = run

    @property
    def config(self) -> Config:
        """The settings in effect; secrets are hidden in its ``repr``."""
        return self._run.config

    def flush(self, timeout_s: float = _TIMEOUT_S) -> bool:
        """Deliver everything recorded so far; return whether all of it was accepted.

        Returns as soon as that is known, after *timeout_s* seconds at most.
        """
        return self._run.flush(timeout_s)

    def shutdown(self, timeout_s: float = _TIMEOUT_S) -> DeliveryReport:
        """Deliver what waits within *timeout_s* seconds and stop; say what was lost.

        What is recorded later is counted as lost. A second call returns the same report.
        """
        return self._run.shutdown(timeout_s)

    def stats(self) -> HandleStats:
        """Return what was recorded, delivered, lost and is waiting, for each signal.

        For example ``handle.stats()["traces"].dropped`` is ``{"queue_full": 12}``, and
        ``handle.stats().largest_metrics[0].label_sets`` is ``2000``. A signal that goes nowhere
        has no entry.
        """
        return HandleStats(self._run.delivery.stats(), metrics.top())

    def __enter__(self) -> "Handle":
        """Return the handle itself."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Shut down within the time that the settings allow at exit."""
        self.shutdown(self.config.exit_timeout_s)

    def __repr__(self) -> str:
        state = "running" if self._run.is_running else "shut down"
        return f"<Handle of {self.config.service_name!r}, {state}>"


class Run:
    """Everything that one `init` made, from its settings to its exporters."""

    def __init__(self, config: Config, parts: Parts, delivery: Delivery) -> None:
        self.config = config
        self.parts = parts
        self.delivery = delivery
        self.handle: Handle = Handle(self)
        self.server: Any = None
        """What serves the metrics over HTTP, if that was asked for."""
        self._processors: Any = None

    @property
    def is_running(self) -> bool:
        """Whether it was not shut down."""
        return not self.delivery.is_shut_down

    def is_like(self, config: Config, parts: Parts) -> bool:
        """Return whether `init` with these arguments would change nothing."""
        return self.is_running and (self.config, self.parts) == (config, parts)

    def connect(self) -> None:
        """Let all signals record into this delivery."""
        is_set = self.config.source_of("otel_log_level") != "default"
        diagnostics.use_level(self.config.otel_log_level if is_set else None)
        if self.config.disabled:
            tracing.disconnect()
        else:
            self._connect_tracing()
        metrics.connect(self.config, self.delivery.stats)
        if self.server is None:
            self.server = metrics.open_server(self.config)
        queue = self.delivery.queue("logs") if "logs" in self.delivery.signals else None
        logs.connect(self.config, queue, stream=self.parts.console_stream)
        self.delivery.start_if_needed()

    def flush(self, timeout_s: float) -> bool:
        """Flush the delivery, and the user's span processors beside it."""
        deadline = clock.monotonic() + timeout_s
        logs.settle()
        flushed = _Aside(self._processors, "force_flush", int(timeout_s * 1000))
        is_delivered = self.delivery.flush(timeout_s)
        return flushed.is_done_by(deadline) and is_delivered

    def shutdown(self, timeout_s: float) -> DeliveryReport:
        """Shut the delivery down, and the user's span processors beside it."""
        deadline = clock.monotonic() + timeout_s
        logs.settle(is_last=True)
        self.close_server()
        processors, self._processors = self._processors, None
        ended = _Aside(processors, "shutdown")
        report = self.delivery.shutdown(timeout_s)
        ended.is_done_by(deadline)
        return report

    def close_server(self) -> None:
        """Serve the metrics no more."""
        server, self.server = self.server, None
        if server is not None:
            server.close()

    def make_way(self, successor: "Run") -> None:
        """Deliver what waits; what still comes here goes to *successor*."""
        self.delivery.keep_open(successor.parts.exporters)
        self.delivery.forward(successor.delivery)
        self.delivery.shutdown(self.config.exit_timeout_s)

    def after_fork(self) -> None:
        """Begin anew in a forked child."""
        self.delivery.after_fork()
        tracing.update_resource(self.delivery.resource)

    def _connect_tracing(self) -> None:
        parts = self.parts
        provider = tracing.connect(
            self.config,
            self.delivery.queue("traces"),
            self.delivery.resource,
            sampler=parts.sampler,
            id_generator=parts.id_generator,
            span_processors=parts.span_processors,
        )
        slow_s = self.config.slow_transaction_s
        tracing.set_transaction_hooks(
            metrics.red.transaction_started,
            metrics.red.transaction_ended,
            _note,
            slow=float("inf") if slow_s is None else slow_s,
        )
        if self.config.log_debug_buffer:
            tracing.on_transaction_end(_settle_held_back)
        if parts.span_processors and isinstance(provider, tracing.TracerProvider):
            self._processors = provider


class _Life:
    """What is running in this process; one object, `_life`."""

    def __init__(self) -> None:
        # Reentrant, as init() may be interrupted by a signal handler that calls it.
        self.changing = threading.RLock()
        self.run: Run | None = None
        self.is_fixed = False
        """Whether `init` may change nothing, as a test captures what is recorded."""
        self.exits: Exits | None = None

    def start(self, config: Config, parts: Parts) -> Run:
        """Make a new run and let it replace the one before."""
        destinations = open_destinations(
            config, extra=parts.exporters, console_stream=parts.console_stream
        )
        run = make_run(config, parts, destinations)
        previous, self.run = self.run, run
        if previous is not None:
            previous.close_server()
        try:
            run.connect()
        except BaseException:
            # A package of a propagator is missing, or Ctrl-C was pressed: as if nobody had called.
            run.close_server()
            self.go_back_to(previous)
            run.delivery.keep_open(previous.parts.exporters if previous else ())
            run.shutdown(0.0)
            raise
        if previous is not None:
            previous.make_way(run)
        self._hook()
        return run

    def go_back_to(self, run: Run | None) -> None:
        """Let everything be recorded into *run* again, or nowhere."""
        self.run = run
        if run is None:
            tracing.disconnect()
            logs.disconnect()
        else:
            run.connect()

    def end(self, timeout_s: float) -> None:
        """Shut down because the process ends, what is open included; never raises."""
        run = self.run
        if run is not None:
            with diagnostics.guard("deliver at exit"):
                if run.is_running:
                    tracing.end_unfinished()
                run.shutdown(timeout_s)

    def exit_timeout_s(self) -> float:
        """Return how long the end of the process may take, in seconds."""
        return _TIMEOUT_S if self.run is None else self.run.config.exit_timeout_s

    def _hook(self) -> None:
        if self.exits is None:
            self.exits = Exits(self.end, self.exit_timeout_s)
            fork.after_in_child(self._after_fork)
        else:
            self.exits.termination.watch()

    def _after_fork(self) -> None:
        self.changing = threading.RLock()
        if self.run is not None:
            self.run.after_fork()
        if self.exits is not None:
            self.exits.after_fork()


_life = _Life()


def init(
    service_name: str | None = None,
    *,
    exporters: Sequence[Exporter] = (),
    span_processors: Sequence[Any] = (),
    sampler: Any = None,
    id_generator: Any = None,
    console_stream: TextIO | None = None,
    redact: Callable[[Any], Any] | None = None,
    **settings: Any,
) -> Handle:
    """Wire traces, logs and metrics to where the settings say; once, or anew with other settings.

    With the same arguments as before nothing changes. With others what waits is delivered, and
    spans, loggers and instruments made before go on with the new settings.

    Args:
        service_name: The service, as people know it.
        exporters: More destinations for all signals.
        span_processors: OpenTelemetry ``SpanProcessor`` objects, told of every span.
        sampler: An OpenTelemetry ``Sampler`` instead of the one in the settings.
        id_generator: An OpenTelemetry ``IdGenerator``.
        console_stream: Where to print, instead of stderr.
        redact: Asked about each secret that is found, a `testpilot_obs.logs.Match`; returns
            ``None`` to let it be redacted, anything else to stand in its place.
        **settings: Any field of `testpilot_obs.config.Config`, by name.

    Raises:
        ConfigError: If arguments cannot be used; lists all of them. A value from the environment
            or a file is warned about and ignored, unless ``strict=True`` is given.
        MissingExtraError: If a propagator needs a package that is not installed.
    """
    config = load({"service_name": service_name, **settings})
    parts = Parts(
        tuple(exporters), tuple(span_processors), sampler, id_generator, console_stream, redact
    )
    with _life.changing:
        run = _life.run
        if run is None or not (_life.is_fixed or run.is_like(config, parts)):
            run = _life.start(config, parts)
        return run.handle


def is_initialized() -> bool:
    """Return whether `init` was called and nothing was shut down since."""
    return _life.run is not None and _life.run.is_running


def flush(timeout_s: float = _TIMEOUT_S) -> bool:
    """Deliver everything recorded so far; see `Handle.flush`. True if `init` was never called."""
    return _life.run is None or _life.run.flush(timeout_s)


def shutdown(timeout_s: float = _TIMEOUT_S) -> DeliveryReport:
    """Deliver what waits and stop; see `Handle.shutdown`."""
    return DeliveryReport({}, 0.0) if _life.run is None else _life.run.shutdown(timeout_s)


def watch_signals() -> None:
    """Watch for SIGTERM again where somebody took our handler away."""
    if _life.exits is not None:
        _life.exits.termination.watch()


def deliver_at_exit() -> None:
    """Deliver what waits, as at the end of this process, which is about to come."""
    if _life.exits is not None:
        _life.exits.end_in_time()


def make_run(
    config: Config,
    parts: Parts,
    destinations: Sequence[Destination],
    *,
    uses_threads: bool = True,
) -> Run:
    """Return a run that is not connected yet."""
    redactor = redaction.setup(config, parts.redact)
    resource = identity.describe(config)
    if redactor is not None:
        resource = dict(redactor.attributes(resource))
    delivery = build(
        config,
        resource,
        destinations,
        collect=metrics.collector(config),
        on_export=metrics.observe_export,
        uses_threads=uses_threads,
    )
    return Run(config, parts, delivery)


@contextmanager
def instead(run: Run) -> Iterator[None]:
    """Let everything be recorded into *run* while the block lasts; for tests."""
    with _life.changing:
        before = _life.run, _life.is_fixed
        _life.run, _life.is_fixed = run, True
        run.connect()
    try:
        yield
    finally:
        with _life.changing:
            previous, _life.is_fixed = before
            _life.go_back_to(previous)
        run.shutdown(_TIMEOUT_S)


class _Aside:
    """A call of a tracer provider whose span processors may take their time, or for ever."""

    def __init__(self, provider: Any, method: str, *arguments: object) -> None:
        self._is_good = provider is None
        # Thread.start() takes a lock of its module, which a signal handler may find taken.
        self._running = _thread.allocate_lock()
        if provider is None:
            return

        def call() -> None:
            try:
                with diagnostics.guard(f"{method} span processors"):
                    self._is_good = getattr(provider, method)(*arguments) is not False
            finally:
                self._running.release()

        self._running.acquire()
        try:
            _thread.start_new_thread(call, ())
        except RuntimeError:
            # No threads are to be had at the end of the interpreter, from Python 3.12 on.
            call()

    def is_done_by(self, deadline: float) -> bool:
        """Wait until *deadline* (monotonic seconds) at most; return whether it succeeded."""
        if self._running.acquire(timeout=max(deadline - clock.monotonic(), 0.0)):
            self._running.release()
        return self._is_good


def _settle_held_back(record: TransactionRecord) -> None:
    trace_id = int(record.trace_id, _HEX)
    logs.transaction_ended(trace_id, has_failed=record.status == "error")


def _note(transaction: Any) -> None:
    """Count why a transaction failed, keep the trace of it or of a slow one, and log a line."""
    # A transaction that fails ends while its exception is on its way.
    error = sys.exc_info()[1]
    metrics.red.transaction_noted(
        transaction.name,
        transaction.status,
        transaction.duration_s,
        ids=transaction.span.get_span_context(),
        error=error,
    )
    logs.transaction_line(transaction.record, error if transaction.logs_errors else None)
