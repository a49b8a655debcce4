"""A transaction: one unit of work, measured whole, whether its trace is sampled or not."""

from collections.abc import Callable, Sequence
from threading import get_ident
from typing import TYPE_CHECKING, Any, Literal, cast

from opentelemetry.trace import SpanKind, StatusCode

from testpilot_obs import names
from testpilot_obs._core import clock, current, diagnostics
from testpilot_obs._core.values import text
from testpilot_obs.tracing import _live as live
from testpilot_obs.tracing._nothing import NO_TRANSACTION, check_status
from testpilot_obs.tracing._span import CurrentSpan, Span
from testpilot_obs.tracing._tracer import INTERNAL, NO_LINKS, Entry, parent_context

if TYPE_CHECKING:
    from testpilot_obs.protocols import TransactionRecord

_KINDS = {kind.name.lower(): kind for kind in SpanKind}
_INTERNAL = "internal"
_RECORDING = (True, True, True)
_NAME, _STATUS = names.TRANSACTION, names.TRANSACTION_STATUS
_CPU_TIME, _MEMORY_DELTA = names.CPU_TIME, names.MEMORY_DELTA

Status = Literal["success", "error"]


class Transaction:
    """A running unit of work; use it with ``with``, ``async with``, or by hand with `end`.

    It is current from the moment it is made, so that spans begun later are its children.
    """

    __slots__ = (
        "_cpu_ns",
        "_has_failed",
        "_memory",
        "_outer",
        "_read_memory",
        "_scope",
        "_start",
        "_tally",
        "_thread",
        "cpu_s",
        "duration_s",
        "logs_errors",
        "memory_delta_bytes",
        "name",
        "span",
        "status",
        "timestamp",
    )

    _cpu_ns: int
    _has_failed: bool
    _memory: int
    _outer: "Transaction | None"
    _read_memory: Callable[[float], int] | None
    _scope: Any
    _start: float
    _tally: list[Any] | None
    _thread: int
    name: str
    status: Status | None
    duration_s: float
    cpu_s: float
    memory_delta_bytes: int
    timestamp: int
    span: Any
    logs_errors: bool
    """Whether an error line is logged if it fails, as `monitored` asks."""

    def set_attribute(self, key: str, value: Any) -> None:
        """Set one attribute of the transaction's span."""
        self.span.set_attribute(key, value)

    def set_attributes(self, attributes: Any) -> None:
        """Set each attribute of a mapping."""
        self.span.set_attributes(attributes)

    def add_event(self, name: str, attributes: Any = None) -> None:
        """Note that something happened now."""
        self.span.add_event(name, attributes)

    def set_status(self, status: Any, description: str | None = None) -> None:
        """Set the span's status; with an error the transaction fails, unless `end` says not."""
        self.span.set_status(status, description)
        if not self.span.is_recording():
            self._note(status)

    def record_exception(self, exception: BaseException) -> None:
        """Add an ``exception`` event; the transaction goes on."""
        self.span.record_exception(exception)

    def end(self, status: Status | None = None) -> None:
        """End the transaction; what it was is in `record` from now on.

        Args:
            status: ``"success"`` or ``"error"``; ``None`` means success unless the span's
                status was set to an error.

        Raises:
            InvalidStatusError: If *status* is anything else; the transaction goes on.
        """
        check_status(status)
        if self.status is not None:
            diagnostics.warn_once("tx", "end() was called on a transaction that has ended")
            return
        self._finish(status, None)

    @property
    def record(self) -> "TransactionRecord | None":
        """What the transaction was; ``None`` until it has ended."""
        if self.status is None:
            return None
        from testpilot_obs.protocols import TransactionRecord  # 4 ms

        ids = self.span.get_span_context()
        return TransactionRecord(
            name=self.name,
            status=self.status,
            duration_s=self.duration_s,
            cpu_s=self.cpu_s,
            memory_delta_bytes=self.memory_delta_bytes,
            timestamp=self.timestamp,
            trace_id=f"{ids.trace_id:032x}",
            span_id=f"{ids.span_id:016x}",
            attributes=dict(getattr(self.span, "attributes", None) or {}),
        )

    def __enter__(self) -> "Transaction":
        """Return the transaction, which has begun already."""
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """End; with an error if one left the block."""
        if self.status is None:
            self._finish("error" if error is not None and _is_failure(error) else None, error)

    async def __aenter__(self) -> "Transaction":
        """Return the transaction, which has begun already."""
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Do as ``with`` does."""
        self.__exit__(kind, error, trace)

    def _finish(self, status: Status | None, error: BaseException | None) -> None:
        now = clock.monotonic()
        duration_s = self.duration_s = now - self._start
        # In another thread it is another clock, which says nothing about this transaction.
        same_thread = get_ident() == self._thread
        self.cpu_s = (clock.thread_time_ns() - self._cpu_ns) / 1e9 if same_thread else 0.0
        read = self._read_memory
        # One that is too short for another reading would get that of its beginning again.
        is_read = read is not None and duration_s >= live.fresh_s
        self.memory_delta_bytes = read(now) - self._memory if read and is_read else 0
        span = self.span
        if type(span) is CurrentSpan and span.extra is None and status is None:
            # Nothing but attributes was ever said about it: no status, so no error.
            self.status = "success"
        else:
            has_failed = self._has_failed or _has_error(span)
            self.status = status or ("error" if has_failed else "success")
            self._set_status(status, error)
        attrs = span.attrs if type(span) is CurrentSpan and span.end_ns is None else None
        if attrs:
            # These are exportable as they are, and not what a limit is for.
            attrs[_NAME] = self.name
            attrs[_STATUS] = self.status
            attrs[_CPU_TIME] = self.cpu_s
            attrs[_MEMORY_DELTA] = self.memory_delta_bytes
        else:
            self._set_measures(span)
        self._scope.__exit__(None if error is None else type(error), error, None)
        outer = self._outer
        if (outer is None or outer.status is None) and current.transaction() is self:
            current.put_transaction(outer)
        else:
            self._leave()
        tally = self._tally
        if tally is not None:
            outcome = (self.status, duration_s)
            tally.append(outcome)
        if (tally is None or tally[0] is not outcome) and live.ended is not None:
            try:
                live.ended(self.name, self.status, duration_s)
            except Exception:
                diagnostics.swallow("count a transaction")
        if self.status == "error" or duration_s >= live.slow_s or live.callbacks:
            self._tell()

    def _set_measures(self, span: Any) -> None:
        """Give what was measured to a span that has no attributes yet, or is not ours."""
        measured = {
            _NAME: self.name,
            _STATUS: self.status,
            _CPU_TIME: self.cpu_s,
            _MEMORY_DELTA: self.memory_delta_bytes,
        }
        if type(span) is CurrentSpan and span.end_ns is None:
            span.attrs = measured
        else:
            span.set_attributes(measured)

    def _tell(self) -> None:
        """Tell of a transaction that failed or was slow, and whoever wants to hear of all."""
        if live.notable is not None and (self.status == "error" or self.duration_s >= live.slow_s):
            with diagnostics.guard("tell of a failed or slow transaction"):
                live.notable(self)
        for callback in tuple(live.callbacks):
            with diagnostics.guard("call a callback of on_transaction_end"):
                callback(self.record)

    def _leave(self) -> None:
        """Make the outer transaction current again, past those that ended in the meantime.

        In a context where another one is current (a later one that still runs, or this one was
        ended by another thread) nothing is to be undone.
        """
        outer = self._outer
        while outer is not None and outer.status is not None:
            outer = outer._outer  # noqa: SLF001  # of the same class
        self._outer = outer
        if current.transaction() is self:
            current.put_transaction(outer)

    def _note(self, status: Any) -> None:
        """Remember a status that the span does not keep, as its trace is not recorded."""
        code = getattr(status, "status_code", status)
        if code is StatusCode.OK or code is StatusCode.ERROR:
            self._has_failed = code is StatusCode.ERROR

    def _set_status(self, status: Status | None, error: BaseException | None) -> None:
        """Give the span the status that was asked for, unless an exception is about to."""
        span = self.span
        if status == "error" and not isinstance(error, Exception) and not _has_error(span):
            description = None if error is None else type(error).__name__
            span.set_status(StatusCode.ERROR, description)
        elif status == "success":
            span.set_status(StatusCode.OK)


def start_transaction(
    name: str,
    *,
    kind: str = _INTERNAL,
    attributes: Any = None,
    parent: Any = None,
    links: Sequence[Any] = NO_LINKS,
) -> Transaction:
    """Begin a unit of work, and make it current.

    One call gives a span, RED metrics, CPU time, the change of memory and a status::

        with start_transaction("generate", attributes={"project.id": 7}) as tx:
            tx.set_attribute("model", "gemini")

    Args:
        name: Low in cardinality: ``"generate"``, not ``"generate 4711"``.
        kind: ``"internal"``, ``"server"``, ``"client"``, ``"producer"`` or ``"consumer"``.
        attributes: A mapping; keywords of `span` are not taken here.
        parent: A span, a transaction, a ``SpanContext`` or what `extract` returned; default:
            what is current.
        links: ``opentelemetry.trace.Link`` objects.

    Returns:
        The running transaction. Before `init` one that does nothing.
    """
    if live.tracer is None:
        return cast("Transaction", NO_TRANSACTION)
    number = INTERNAL if kind is _INTERNAL else _kind(kind)
    if parent is None and links is NO_LINKS:
        return _begin(name, live.tracer.open(name, number, attributes))
    arguments = (name, parent_context(parent), number, attributes, links, None)
    return _begin(name, Entry(live.tracer, arguments, _RECORDING, takes_context=True))


def _begin(name: Any, scope: Any) -> Transaction:
    """Enter *scope*, the context manager of the span, and start measuring.

    Without a constructor, whose call with keywords costs some 700 ns.
    """
    begun = object.__new__(Transaction)
    begun.name = name if type(name) is str else text(name)
    begun.status = None
    begun.logs_errors = False
    begun._has_failed = False
    begun._scope = scope
    begun.span = scope.__enter__()
    begun._outer = current.transaction()
    current.put_transaction(begun)
    live.begun += 1
    begun._tally = None
    if live.started is not None:
        try:
            begun._tally = live.started(begun.name)
        except Exception:
            diagnostics.swallow("count a transaction")
    begun._thread = get_ident()
    span = begun.span
    begun.timestamp = span.start_ns if type(span) is CurrentSpan else clock.time_ns()
    now = begun._start = clock.monotonic()
    read = begun._read_memory = live.read_memory
    begun._memory = 0 if read is None else read(now)
    begun._cpu_ns = clock.thread_time_ns()
    return begun


def on_transaction_end(callback: Callable[["TransactionRecord"], None]) -> Callable[[], None]:
    """Call *callback* with the `TransactionRecord` of each transaction that ends.

    It runs in the thread that ended the transaction; if it raises, that is reported and nothing
    else happens.

    Returns:
        A function that takes the callback away again.
    """
    live.callbacks.append(callback)

    def remove() -> None:
        if callback in live.callbacks:
            live.callbacks.remove(callback)

    return remove


def _kind(kind: Any) -> SpanKind:
    if type(kind) is SpanKind:
        return kind
    found = _KINDS.get(text(kind, 32).lower())
    if found is None:
        diagnostics.warn_once(
            "kind", "kind must be one of %s, got %s", sorted(_KINDS), text(kind, 32)
        )
    return found or SpanKind.INTERNAL


def _is_failure(error: BaseException) -> bool:
    """Return whether *error* makes a transaction fail: not a generator's end, nor a clean exit."""
    if isinstance(error, SystemExit):
        return error.code not in (None, 0)
    return not isinstance(error, GeneratorExit)


def _has_error(span: Any) -> bool:
    if isinstance(span, Span):
        status = None if span.extra is None else span.extra.status
    else:
        status = getattr(span, "status", None)
    return status is not None and status.status_code is StatusCode.ERROR
