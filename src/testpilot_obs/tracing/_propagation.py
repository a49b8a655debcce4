"""Carrying the context to other processes, in headers, and to other threads, in a function."""

import inspect
import sys
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from functools import update_wrapper
from itertools import islice
from typing import Any, ParamSpec, TypeVar

from opentelemetry.context.context import Context

from testpilot_obs._core import context, current, diagnostics
from testpilot_obs._core.import_hook import AfterImport
from testpilot_obs._core.values import text
from testpilot_obs._core.wrapping import Around, decorate
from testpilot_obs.errors import MissingExtraError
from testpilot_obs.tracing import _trust

P = ParamSpec("P")
R = TypeVar("R")

_in_use: tuple[str, ...] = ("tracecontext", "baggage")
_own: Any = None
"""Our composite propagator where ``opentelemetry.propagate`` cannot be imported."""
_waiting: list[AfterImport] = []
_MAX_HEADERS = 1_000


def inject(headers: MutableMapping[str, str] | None = None) -> MutableMapping[str, str]:
    """Write the current trace context into *headers* (``traceparent`` and so on).

    Args:
        headers: Any mutable mapping; a new dict if left out.

    Returns:
        The same mapping.
    """
    carrier: MutableMapping[str, str] = {} if headers is None else headers
    with diagnostics.guard("inject the trace context"):
        _textmap().inject(carrier)
    return carrier


def extract(headers: Any, peer: Any = None) -> Context:
    """Return the trace context that *headers* carry, to be given as ``parent=``.

    Args:
        headers: A mapping, or pairs as ASGI has them (``[(b"traceparent", b"00-…")]``). Names
            are compared without regard to case.
        peer: Address of who sent them, or a pair of address and port, for the setting
            ``trust_inbound``.

    Returns:
        An OpenTelemetry context; an empty one if there is nothing valid in *headers*.
    """
    with diagnostics.guard("extract the trace context"):
        extracted: Context = _textmap().extract(_lower(headers), context=Context())
        rule = _trust.rule
        return extracted if rule is None else rule.screen_headers(extracted, peer)
    return Context()


def wrap(function: Callable[P, R]) -> Callable[P, R]:
    """Return *function* such that it runs in the context of now, in whatever thread it is called.

    Span, transaction and bound fields are carried; other context variables are not.
    """
    snapshot = Snapshot()
    around = Around(lambda _name: snapshot.entered())
    if inspect.isclass(function):
        return update_wrapper(around.sync(function, ""), function)
    wrapped: Callable[P, R] = decorate(function, "", around)
    return wrapped


class Snapshot:
    """What is current now, to be made current elsewhere."""

    __slots__ = ("_fields", "_transaction", "_value")

    def __init__(self) -> None:
        self._value = context.here()
        self._transaction = current.transaction()
        self._fields = current.bound_fields()

    def is_empty(self) -> bool:
        """Return whether nothing is current at all."""
        return self._value is context.EMPTY and not self._transaction and not self._fields

    def entered(self) -> "_Entered":
        """Return a context manager in which this is current; it may be entered by many threads."""
        return _Entered(self._value, self._transaction, self._fields)


class _Entered:
    """One use of a `Snapshot`."""

    __slots__ = ("_before", "_now")

    def __init__(self, *now: Any) -> None:
        self._now = now

    def __enter__(self) -> None:
        self._before = (context.here(), current.transaction(), current.bound_fields())
        _put(*self._now)

    def __exit__(self, *_exception: object) -> None:
        _put(*self._before)


def _put(value: Any, transaction: Any, fields: Mapping[str, Any]) -> None:
    context.use(value)
    current.put_transaction(transaction)
    current.put_bound(fields)


def use_propagators(chosen: Sequence[str]) -> None:
    """Make *chosen* (names as in ``OTEL_PROPAGATORS``) OpenTelemetry's global propagators.

    Raises:
        MissingExtraError: If the package of one of them is not installed.
    """
    if tuple(chosen) != _in_use:
        _adopt(chosen)
    elif "opentelemetry.propagate" in sys.modules:
        _bound_baggage()
    elif not _waiting:
        # Whoever imports it later, an instrumentation for example, gets the limits too.
        _waiting.append(AfterImport("opentelemetry.propagate", _bound_baggage))
        _waiting[0].install()


def _bound_baggage() -> None:
    from testpilot_obs.tracing import _baggage

    _baggage.replace_global()


def _textmap() -> Any:
    if _own is None:
        try:
            from opentelemetry import propagate  # reads entry points: 20 ms
        except ValueError:
            _adopt(_in_use)
        else:
            return propagate.get_global_textmap()
    return _own


def _adopt(chosen: Sequence[str]) -> None:
    from opentelemetry.propagators.composite import CompositePropagator

    composite = CompositePropagator([_propagator(name) for name in chosen if name != "none"])
    try:
        from opentelemetry import propagate
    except ValueError:
        # It raises while it is imported if OTEL_PROPAGATORS has a name that no package offers.
        globals()["_own"] = composite
    else:
        propagate.set_global_textmap(composite)
    globals()["_in_use"] = tuple(chosen)


def _propagator(name: str) -> Any:
    if name == "tracecontext":
        from opentelemetry.trace.propagation import tracecontext

        return tracecontext.TraceContextTextMapPropagator()
    if name == "baggage":
        from testpilot_obs.tracing._baggage import BoundedBaggage

        return BoundedBaggage()
    try:
        from opentelemetry.propagators import b3
    except ImportError as error:
        feature = f"the propagator {name!r}"
        package = "opentelemetry-propagator-b3"
        raise MissingExtraError(feature, package=package, extra="b3") from error
    return b3.B3SingleFormat() if name == "b3" else b3.B3MultiFormat()


def _lower(headers: Any) -> dict[str, str]:
    """Return *headers* as a dict of lower-case texts, however they came."""
    pairs = headers.items() if hasattr(headers, "items") else headers
    lowered: dict[str, str] = {}
    for key, value in islice(pairs or (), _MAX_HEADERS):
        name = _header_text(key).lower()
        if name not in lowered:
            lowered[name] = _header_text(value)
        else:
            # The same header twice is one list (RFC 9110); invalid for traceparent, as it must be.
            lowered[name] += f",{_header_text(value)}"
    return lowered


def _header_text(word: Any) -> str:
    return word.decode("latin-1") if isinstance(word, bytes) else text(word)
