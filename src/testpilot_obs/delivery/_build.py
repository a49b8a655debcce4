"""What is delivered where: the walk of a record, as a list.

::

    span.end() → SignalQueue.append                  _queue.py    the caller's thread: one append
    ── the worker ──                                 _worker.py
    drain, 128 at a time, log records 8              _stages.py
    → keep or leave out                              _keep.py, _rules.py, _cap.py, _pressure.py
    → encode once, for all destinations, redacting   _parcel.py, exporters/, _core/redaction/
      (redact first, if a destination wants records)
    → console, file, memory: export at once          _outlets.py
    → network: put into the outbox                   _outbox.py
    ── a sender for each destination and signal ──   _sender.py
    export → settle in the books                     _gate.py, _ledger.py
    not sent? wait and try again                     _retry.py
    too large? in halves
    nobody there, no time left, no room? to disk     spool/
    from there again, by this process or the next
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple

from testpilot_obs import exporters
from testpilot_obs._core import diagnostics, redaction
from testpilot_obs.config import Config
from testpilot_obs.delivery._delivery import Delivery
from testpilot_obs.delivery._gate import Gate, OnExport
from testpilot_obs.delivery._keep import Keeper, Policy
from testpilot_obs.delivery._outlets import DirectOutlet
from testpilot_obs.delivery._parcel import Encoding
from testpilot_obs.delivery._pressure import Valve
from testpilot_obs.delivery._queue import SignalQueue
from testpilot_obs.delivery._sender import Sender
from testpilot_obs.delivery._source import MetricSource
from testpilot_obs.delivery._spools import open_spool
from testpilot_obs.delivery._stages import Intake, Line
from testpilot_obs.protocols import SIGNALS, Exporter, MetricFamily, Signal

_SOON_S = 0.1
"""How long a record waits for an exporter on this machine, a person may be watching, or for the
disk if every one is to be there soon."""
_OWNERS: dict[Signal, str] = {"traces": "tracer", "logs": "logger", "metrics": "scope_name"}
"""Which attribute of a record tells its scope, by identity."""


class Destination(NamedTuple):
    """An exporter, and which signals it gets."""

    name: str
    """For people and counters, e.g. ``"otlp"``."""
    exporter: Exporter
    signals: Sequence[Signal] = SIGNALS
    timeout_s: float = 10.0
    """Longest time for one try, in seconds."""


class Schedule(NamedTuple):
    """How much of a signal waits, and how long."""

    delay_s: float
    """Longest time that a record waits for the worker, in seconds."""
    batch: int = 512
    """Most records in one batch."""
    max_items: int = 32_768
    """Most records that wait for the worker."""
    max_bytes: int = 16 * 1024 * 1024
    """Most bytes that wait, for the worker and again for each sender."""
    timeout_s: float = math.inf
    """Longest time for one try, whatever the destination allows, in seconds."""


def build(
    config: Config,
    resource: Mapping[str, Any],
    destinations: Sequence[Destination],
    *,
    collect: Callable[[], Sequence[MetricFamily]] | None = None,
    on_export: OnExport | None = None,
    uses_threads: bool = True,
) -> Delivery:
    """Return a delivery to *destinations*.

    Args:
        config: The limits.
        resource: Attributes of this process.
        destinations: Where records go.
        collect: Returns the metrics as they are.
        on_export: Told the signal and the seconds of each try to export a batch.
        uses_threads: False to do all work in `flush` and `shutdown`.
    """
    delivery = Delivery(resource, uses_threads=uses_threads)
    schedules = schedules_of(config)
    gates = {
        id(one): Gate(one.exporter, name=one.name, users=len(one.signals), on_export=on_export)
        for one in destinations
    }

    def line(signal: Signal, intake: Intake) -> Line:
        routes = [(one, gates[id(one)]) for one in destinations if signal in one.signals]
        made = _line(delivery, intake, signal=signal, config=config, routes=routes)
        if isinstance(intake, SignalQueue) and signal == "traces":
            limits = schedules[signal]
            made.choose_with(_keeper(config, intake, senders=made.senders, limits=limits))
        elif isinstance(intake, SignalQueue):
            intake.takes_entries = not made.direct
        return made

    intakes = _intakes(delivery, schedules, collect)
    wanted = {signal for one in destinations for signal in one.signals}
    lines = [line(signal, intakes[signal]) for signal in SIGNALS if signal in wanted & set(intakes)]
    delivery.install(lines, list(gates.values()))
    return delivery


def schedules_of(config: Config) -> Mapping[Signal, Schedule]:
    """Return the limits of each signal as they are set."""
    size = config.queue_bytes
    return {
        "traces": Schedule(
            config.bsp_schedule_delay_s,
            config.bsp_max_export_batch_size,
            config.bsp_max_queue_size,
            size,
            config.bsp_export_timeout_s,
        ),
        "logs": Schedule(
            config.blrp_schedule_delay_s,
            config.blrp_max_export_batch_size,
            config.blrp_max_queue_size,
            size,
            config.blrp_export_timeout_s,
        ),
        "metrics": Schedule(
            config.metric_export_interval_s,
            max_bytes=size,
            timeout_s=config.metric_export_timeout_s,
        ),
    }


def encoding_of(signal: Signal, redactor: redaction.Redactor | None = None) -> Encoding:
    """Return how records of *signal* become OTLP; spans without what *redactor* finds in them."""
    encode: dict[Signal, Callable[[Any], bytes]] = {
        "traces": exporters.span_encoder(redactor) if redactor else exporters.encode_span,
        "logs": exporters.encode_log,
        "metrics": exporters.encode_metric,
    }
    return Encoding(
        signal,
        encode=encode[signal],
        scope_key=partial(exporters.scope_key, signal),
        assemble=partial(exporters.assemble, signal),
        owner=attrgetter(_OWNERS[signal]),
        points=_points if signal == "metrics" else None,
    )


def _intakes(
    delivery: Delivery,
    schedules: Mapping[Signal, Schedule],
    collect: Callable[[], Sequence[MetricFamily]] | None,
) -> dict[Signal, Intake]:
    intakes: dict[Signal, Intake] = {}
    for signal in ("traces", "logs"):
        limits = schedules[signal]
        intakes[signal] = SignalQueue(
            max_items=limits.max_items,
            max_bytes=limits.max_bytes,
            batch=limits.batch,
            wake=delivery.wake,
        )
    if collect is not None:
        intakes["metrics"] = MetricSource(collect)
    return intakes


def _line(
    delivery: Delivery,
    intake: Intake,
    *,
    signal: Signal,
    config: Config,
    routes: Sequence[tuple[Destination, Gate]],
) -> Line:
    limits = schedules_of(config)[signal]
    direct = [
        DirectOutlet(gate, timeout_s=min(to.timeout_s, limits.timeout_s))
        for to, gate in routes
        if gate.wants_records
    ]
    senders = [
        Sender(
            gate,
            limits.max_bytes,
            timeout_s=min(to.timeout_s, limits.timeout_s),
            on_progress=delivery.progress,
            spool=open_spool(config, to.name, signal),
            spills_early=config.spool == "on",
        )
        for to, gate in routes
        if not gate.wants_records
    ]
    is_near = (bool(direct) or config.durability == "always") and isinstance(intake, SignalQueue)
    redactor = redaction.active()
    # An encoder redacts what it has not seen before, so it is no use where the records themselves
    # are given away, or where the user wants to be asked about each match.
    is_encoder_enough = signal == "traces" and not direct and not (redactor and redactor.asks)
    return Line(
        intake,
        encoding_of(signal, redactor if is_encoder_enough else None),
        direct=direct,
        senders=senders,
        batch=limits.batch,
        delay_s=min(limits.delay_s, _SOON_S) if is_near else limits.delay_s,
        resource=delivery.resource,
        redact=None if is_encoder_enough else _redaction_of(signal, redactor),
    )


def _keeper(
    config: Config, queue: SignalQueue, *, senders: Sequence[Sender], limits: Schedule
) -> Keeper | None:
    """Return what chooses among the spans; ``None`` if all are kept whatever happens."""
    slow_s = config.slow_transaction_s
    policy = Policy(
        config.sample_ratio,
        config.sample_rules,
        config.sample_traces_per_second,
        config.sample_keep_errors,
        config.sample_keep_slow_s,
        slow_s=math.inf if slow_s is None else slow_s,
        hold_s=config.sample_hold_s,
        max_spans=limits.max_items,
        max_bytes=limits.max_bytes,
        pause_s=limits.delay_s,
    )
    if policy.is_off and not config.backpressure:
        return None
    if not policy.is_off and config.traces_sampler.endswith("traceidratio"):
        diagnostics.warn_once(
            "two samplers",
            "OTEL_TRACES_SAMPLER=%s chooses before TESTPILOT_OBS_SAMPLE_* does, and the count that"
            " a span stands for knows only of the latter: use one of the two",
            config.traces_sampler,
        )
    valve = Valve(queue.fill, [sender.fill for sender in senders]) if config.backpressure else None
    return Keeper(policy, valve)


def _redaction_of(
    signal: Signal, redactor: redaction.Redactor | None
) -> Callable[[Any], Any] | None:
    """Return the last stage; log lines come redacted, as they are printed before they get here."""
    if redactor is None or signal == "logs":
        return None
    redact = redaction.redact_span if signal == "traces" else redaction.redact_family
    return partial(redact, redactor)


def _points(family: MetricFamily) -> int:
    return len(family.points)
