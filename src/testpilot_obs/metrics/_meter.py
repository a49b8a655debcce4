"""``opentelemetry.metrics`` with our instruments behind it: what instrumentations record.

The numbers are ours, so they are scraped and pushed with all others, have the same budget and are
shared between processes. A scrape shows names and labels as Prometheus spells them, the push has
the original ones.

Source:
    OpenTelemetry specification, "Metrics API", and "Prometheus and OpenMetrics Compatibility" for
    names and units
"""

import re
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import Any

from opentelemetry import metrics as api
from opentelemetry.metrics import CallbackOptions, Observation

from testpilot_obs._core import diagnostics
from testpilot_obs._core.values import text
from testpilot_obs.errors import MetricError
from testpilot_obs.metrics import _registry
from testpilot_obs.metrics._instruments import Counter, Gauge, Histogram, Shape
from testpilot_obs.protocols import Labels, MetricKind

_SECONDS_BUCKETS = _registry.BUCKETS
_OTHER_BUCKETS = (0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1e3, 2.5e3, 5e3,
                  7.5e3, 1e4)  # fmt: skip
_UNITS = {
    "s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds",
    "min": "minutes", "h": "hours", "d": "days", "By": "bytes", "KiBy": "kibibytes",
    "MiBy": "mebibytes", "GiBy": "gibibytes", "m": "meters", "V": "volts", "A": "amperes",
    "J": "joules", "W": "watts", "g": "grams", "Cel": "celsius", "Hz": "hertz", "%": "percent",
}  # fmt: skip
_ANNOTATION = re.compile(r"\{[^}]*\}")
_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_:]+")
_NOT_IN_A_LABEL = re.compile(r"[^a-zA-Z0-9_]")

Pairs = tuple[tuple[str, Any], ...]
Callbacks = Sequence[
    Callable[[CallbackOptions], Iterable[Observation]]
    | Generator[Iterable[Observation], CallbackOptions, None]
]


class _Open:
    """An instrument whose series have whatever attributes they are given."""

    is_open = True
    shape: Shape
    series: dict[Any, Any]

    def of(self, attributes: Mapping[str, Any] | None) -> Any:
        """Return the series with these attributes."""
        try:
            key = tuple(sorted(attributes.items())) if attributes else ()
            found = self.series.get(key)
        except TypeError:
            # A key that is no text, or a value that cannot be hashed.
            key = tuple(sorted((text(k), text(v)) for k, v in dict(attributes or {}).items()))
            found = self.series.get(key)
        return self.get(key) if found is None else found  # type: ignore[attr-defined]

    def key_of(self, values: Any) -> Any:
        return values

    def _new(self, key: Any) -> Any:
        pairs = (
            (label_name(name), self._clean(value, name))  # type: ignore[attr-defined]
            for name, value in key
        )
        made = self._fill(Labels(pairs))  # type: ignore[attr-defined]
        made.attributes = Labels(key)
        return made


class OpenCounter(_Open, Counter):
    """A counter behind the API."""


class OpenGauge(_Open, Gauge):
    """A gauge behind the API."""


class OpenHistogram(_Open, Histogram):
    """A histogram behind the API."""


def full_name(kind: MetricKind, name: str, unit: str) -> str:
    """Return a name as it is scraped.

    >>> full_name(MetricKind.HISTOGRAM, "http.server.request.duration", "s")
    'http_server_request_duration_seconds'
    >>> full_name(MetricKind.COUNTER, "jobs", "{job}")
    'jobs_total'
    """
    base = _NOT_IN_A_NAME.sub("_", name).strip("_") or "unnamed"
    if base[0].isdigit():
        base = f"_{base}"
    if kind is MetricKind.COUNTER:
        base = base.removesuffix("_total")
    word = _unit(unit)
    if unit == "1" and kind is MetricKind.GAUGE:
        word = "ratio"
    if word and not base.endswith(f"_{word}"):
        base = f"{base}_{word}"
    return f"{base}_total" if kind is MetricKind.COUNTER else base


def _unit(unit: str) -> str:
    plain = _ANNOTATION.sub("", unit)
    if plain in {"", "1"}:
        return ""
    above, slash, below = plain.partition("/")
    words = _UNITS.get(above, _NOT_IN_A_NAME.sub("", above))
    if slash:
        per = _UNITS.get(below, _NOT_IN_A_NAME.sub("", below)).removesuffix("s")
        words = f"{words}_per_{per}".strip("_")
    return words


def label_name(name: object) -> str:
    """Return an attribute's key as Prometheus spells it: ``http.route`` is ``http_route``."""
    cleaned = _NOT_IN_A_LABEL.sub("_", text(name)) or "_"
    return f"key_{cleaned}" if cleaned[0].isdigit() else cleaned


class MeterProvider(api.MeterProvider):
    """Gives out meters whose instruments are ours."""

    def get_meter(
        self,
        name: str,
        version: str | None = None,
        schema_url: str | None = None,
        attributes: Any = None,
    ) -> "Meter":
        """Return a meter; its name is the scope under which its metrics are pushed."""
        return Meter(text(name), version, schema_url)


class Meter(api.Meter):
    """Makes instruments of OpenTelemetry's API."""

    def create_counter(self, name: str, unit: str = "", description: str = "") -> Any:
        """Return a counter."""
        return self._made(_Adder, OpenCounter, MetricKind.COUNTER, (name, unit, description))

    def create_up_down_counter(self, name: str, unit: str = "", description: str = "") -> Any:
        """Return a gauge that is added to."""
        return self._made(_UpDown, OpenGauge, MetricKind.GAUGE, (name, unit, description))

    def create_gauge(self, name: str, unit: str = "", description: str = "") -> Any:
        """Return a gauge."""
        return self._made(_Setter, OpenGauge, MetricKind.GAUGE, (name, unit, description))

    def create_histogram(
        self,
        name: str,
        unit: str = "",
        description: str = "",
        *,
        explicit_bucket_boundaries_advisory: Sequence[float] | None = None,
    ) -> Any:
        """Return a histogram, with the buckets that are advised."""
        default = _SECONDS_BUCKETS if unit == "s" else _OTHER_BUCKETS
        bounds = tuple(map(float, explicit_bucket_boundaries_advisory or default))
        about = (name, unit, description)
        return self._made(_Recorder, OpenHistogram, MetricKind.HISTOGRAM, about, bounds=bounds)

    def create_observable_counter(
        self,
        name: str,
        callbacks: Callbacks | None = None,
        unit: str = "",
        description: str = "",
    ) -> Any:
        """Return a counter that is asked for its total."""
        about = (name, unit, description)
        return self._made(_Observed, OpenCounter, MetricKind.COUNTER, about, callbacks=callbacks)

    def create_observable_gauge(
        self,
        name: str,
        callbacks: Callbacks | None = None,
        unit: str = "",
        description: str = "",
    ) -> Any:
        """Return a gauge that is asked for its value."""
        about = (name, unit, description)
        return self._made(_ObservedGauge, OpenGauge, MetricKind.GAUGE, about, callbacks=callbacks)

    def create_observable_up_down_counter(
        self,
        name: str,
        callbacks: Callbacks | None = None,
        unit: str = "",
        description: str = "",
    ) -> Any:
        """Return a gauge that is asked for its value."""
        about = (name, unit, description)
        return self._made(_ObservedUpDown, OpenGauge, MetricKind.GAUGE, about, callbacks=callbacks)

    def _made(
        self,
        surface: Any,
        instrument: Any,
        kind: MetricKind,
        about: tuple[str, str, str],
        *,
        bounds: tuple[float, ...] = (),
        callbacks: Callbacks | None = None,
    ) -> Any:
        name, unit, description = (text(part) for part in about)
        whole = full_name(kind, name, unit)
        rule = "sum" if kind is MetricKind.GAUGE else ""
        word = _unit(unit)
        shown = word if whole.removesuffix("_total").endswith(f"_{word}") else ""
        shape = Shape(kind, whole, (), shown, bounds, processes=rule)
        try:
            made = _registry.declare(instrument, shape, description)
        except MetricError as error:
            # An instrumentation cannot be asked to choose another name.
            diagnostics.warn_once(f"meter:{whole}", "not recorded: %s", error)
            made = instrument(shape, description, place=self.name)
        made.pushed_as = (name, unit, self.name)
        if callbacks:
            made.callback = _asking([*_earlier(made), *callbacks])
        return surface(made)


def _earlier(made: Any) -> list[Any]:
    return list(getattr(made.callback, "asked", ()))


def _asking(callbacks: Callbacks) -> Any:
    def ask() -> dict[Pairs, float]:
        return {
            tuple(sorted((one.attributes or {}).items())): one.value
            for callback in callbacks
            for one in _call(callback)
        }

    ask.asked = callbacks  # type: ignore[attr-defined]
    return ask


def _call(callback: Any) -> Iterable[Any]:
    if isinstance(callback, Generator):
        # OpenTelemetry's other form of a callback: each value it yields is one answer.
        answer: Iterable[Any] = next(callback)
        return answer
    given: Iterable[Any] = callback(CallbackOptions())
    return given


class _Surface:
    """What the API's user holds."""

    def __init__(self, instrument: Any) -> None:
        self._of = instrument.of


class _Adder(_Surface, api.Counter):
    def add(self, amount: float, attributes: Any = None, context: Any = None) -> None:
        self._of(attributes).inc(amount)


class _UpDown(_Surface, api.UpDownCounter):
    def add(self, amount: float, attributes: Any = None, context: Any = None) -> None:
        self._of(attributes).inc(amount)


class _Setter(_Surface, api._Gauge):  # noqa: SLF001  # its name in the versions before 1.27
    def set(self, amount: float, attributes: Any = None, context: Any = None) -> None:
        self._of(attributes).set(amount)


class _Recorder(_Surface, api.Histogram):
    def record(self, amount: float, attributes: Any = None, context: Any = None) -> None:
        self._of(attributes).observe(amount)


class _Observed(_Surface, api.ObservableCounter):
    pass


class _ObservedGauge(_Surface, api.ObservableGauge):
    pass


class _ObservedUpDown(_Surface, api.ObservableUpDownCounter):
    pass
