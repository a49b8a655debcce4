"""``@traced``, ``@transaction`` and ``@monitored``, for functions of every kind.

The wrappers of `traced` contain the work of a span instead of calling it: a call of a method
costs about 60 ns, and a decorated function is the hottest thing there is.
"""

import dis
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, overload

from testpilot_obs._core import clock, current, ids
from testpilot_obs._core.context import NOT_RESET, get, put, reset
from testpilot_obs._core.steps import around_async_generator, around_generator
from testpilot_obs._core.wrapping import Around, decorate
from testpilot_obs.tracing import _live as live
from testpilot_obs.tracing import _span
from testpilot_obs.tracing._nothing import NO_SPAN, NO_TRANSACTION
from testpilot_obs.tracing._off import OffSpan
from testpilot_obs.tracing._span import CurrentSpan, leave
from testpilot_obs.tracing._tracer import INTERNAL
from testpilot_obs.tracing._transaction import start_transaction

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

_new = object.__new__
_CHANGED = -1
"""No count of transactions: from now on each step of a generator looks after its own."""


@overload
def traced(target: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def traced(
    target: str | None = None,
    /,
    *,
    name: str | None = None,
    attributes: dict[str, Any] | None = None,
) -> Callable[[T], T]: ...
def traced(
    target: Any = None,
    /,
    *,
    name: str | None = None,
    attributes: dict[str, Any] | None = None,
) -> Any:
    """Make each call of a function, coroutine, generator or method a span.

    ``@traced``, ``@traced("name")`` and ``@traced(attributes={...})`` all work; on a class it
    applies to each public method. A generator's span is current while it runs, not while it is
    suspended. Before `init` a call costs a tenth of a microsecond.

    Args:
        target: What is decorated, or the span's name.
        name: The span's name; default the qualified name, e.g. ``"Service.generate"``.
        attributes: Set on each span.
    """
    return _decorator(target, name, lambda: _Traced(attributes))


@overload
def transaction(target: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def transaction(
    target: str | None = None,
    /,
    *,
    name: str | None = None,
    kind: str = "internal",
    attributes: dict[str, Any] | None = None,
) -> Callable[[T], T]: ...
def transaction(
    target: Any = None,
    /,
    *,
    name: str | None = None,
    kind: str = "internal",
    attributes: dict[str, Any] | None = None,
) -> Any:
    """Make each call a transaction, as `start_transaction` does.

    Args:
        target: What is decorated, or the transaction's name.
        name: The transaction's name; default the qualified name.
        kind: As in `start_transaction`.
        attributes: Set on each transaction's span.
    """

    def begin(name: str) -> Any:
        return start_transaction(name, kind=kind, attributes=attributes)

    return _decorator(target, name, lambda: Around(begin))


@overload
def monitored(target: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def monitored(
    target: str | None = None,
    /,
    *,
    name: str | None = None,
    kind: str = "internal",
    attributes: dict[str, Any] | None = None,
) -> Callable[[T], T]: ...
def monitored(
    target: Any = None,
    /,
    *,
    name: str | None = None,
    kind: str = "internal",
    attributes: dict[str, Any] | None = None,
) -> Any:
    """Make each call a transaction, with its RED metrics, and log an error line if it raises.

    The line has the exception with its stack trace, and the ids of the trace.

    Args:
        target: What is decorated, or the transaction's name.
        name: The transaction's name; default the qualified name.
        kind: As in `start_transaction`.
        attributes: Set on each transaction's span.
    """

    def begin(name: str) -> Any:
        if live.tracer is None:
            return NO_TRANSACTION
        begun = start_transaction(name, kind=kind, attributes=attributes)
        begun.logs_errors = True
        return begun

    return _decorator(target, name, lambda: Around(begin))


def _decorator(target: Any, name: str | None, make: Callable[[], Any]) -> Any:
    if target is None or isinstance(target, str):
        return lambda function: decorate(function, name or target, make())
    return decorate(target, name, make())


class _Traced:
    """Builds the wrappers of `traced`."""

    def __init__(self, attributes: dict[str, Any] | None) -> None:
        self._attributes = attributes

    def sync(  # noqa: PLR0915  # hot path
        self, function: Callable[..., Any], name: str
    ) -> Callable[..., Any]:
        """Wrap a plain function; the fast path is a child of a span of ours."""
        attributes = self._attributes

        def call(*args: Any, **kwargs: Any) -> Any:
            tracer = live.tracer
            if tracer is None:
                return function(*args, **kwargs)
            parent = get()
            if type(parent) is not CurrentSpan or attributes or not tracer.fast:
                if type(parent) is OffSpan and tracer.shares_off:
                    return function(*args, **kwargs)
                with tracer.open(name, INTERNAL, attributes):
                    return function(*args, **kwargs)
            span = _new(CurrentSpan)
            span.name = name
            span.kind = INTERNAL
            span.tracer = tracer
            span.attrs = span.extra = span.end_ns = None
            span.local = parent.local
            span.parent_id = parent.span_id
            span.span_id = ids.getrandbits(64) or 1
            if current.any_bound:
                _span.add_bound(span)
            span.token = token = put(span)
            span.start_ns = clock.time_ns()
            try:
                return function(*args, **kwargs)
            except Exception as error:
                at = clock.time_ns()
                span.failed(error, token.old_value, at)
                span.end(at)
                raise
            finally:
                span.token = None
                if _span.is_out_of_order or get() is not span:
                    leave(span, token)
                else:
                    reset(token)
                now = clock.time_ns()
                if span.end_ns is None:
                    span.end_ns = now
                    queue = tracer.queue
                    queue.append(span)
                    if len(queue.items) > queue.high:
                        queue.pressure()

        return call

    def coroutine(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        """Wrap a coroutine function."""
        attributes = self._attributes

        async def call(*args: Any, **kwargs: Any) -> Any:
            tracer = live.tracer
            if tracer is None:
                return await function(*args, **kwargs)
            with tracer.open(name, INTERNAL, attributes):
                return await function(*args, **kwargs)

        return call

    def generator(  # noqa: C901, PLR0915  # hot path
        self, function: Callable[..., Any], name: str
    ) -> Callable[..., Any]:
        """Wrap a generator function; its span begins at the first step.

        The fast path is a child of a span of ours: the same as `around_generator`, written out,
        which saves 3 µs for a generator of three items. A token lives no longer than a step, so
        each step is in one context from its beginning to its end; transactions are looked after
        only once one has begun somewhere in the meantime. A generator that returns something goes
        the slow way, as a loop does not tell what was returned.
        """
        attributes = self._attributes
        if attributes or not _returns_nothing(function):
            # Not by `yield from` below, which keeps to itself what is returned at a close.
            return around_generator(lambda: _open(name, attributes), function)

        def call(*args: Any, **kwargs: Any) -> Any:  # noqa: C901, PLR0912, PLR0915  # hot path
            tracer = live.tracer
            generator = function(*args, **kwargs)
            before = get()
            if tracer is None or type(before) is not CurrentSpan or not tracer.fast:
                return (yield from slowly(generator))
            begun = live.begun
            inner = outer = transaction_of()
            span = _new(CurrentSpan)
            span.name = name
            span.kind = INTERNAL
            span.tracer = tracer
            span.attrs = span.extra = span.end_ns = span.token = None
            span.local = before.local
            span.parent_id = before.span_id
            span.span_id = ids.getrandbits(64) or 1
            if current.any_bound:
                _span.add_bound(span)
            token = put(span)
            span.start_ns = clock.time_ns()
            step = send = generator.send
            try:
                for item in generator:  # 400 ns less than send(None) for three items
                    while True:
                        inside = get()
                        reset(token)
                        if live.begun != begun:
                            begun = _CHANGED
                            inner = transaction_of()
                            current.put_transaction(outer)
                        try:
                            argument = yield item
                        except BaseException as error:  # the generator's to handle
                            step, argument = _closing(generator, error)
                        token = put(inside)
                        if live.begun != begun:
                            begun = _CHANGED
                            outer = transaction_of()
                            current.put_transaction(inner)
                        if argument is None:
                            break
                        item = step(argument)  # noqa: PLW2901  # sent or thrown, not iterated
                        step = send
            except StopIteration as stop:
                return stop.value
            except Exception as error:
                at = clock.time_ns()
                span.failed(error, token.old_value, at)
                span.end(at)
                raise
            finally:
                try:
                    reset(token)
                except NOT_RESET:
                    leave(span, token)
                if begun == _CHANGED:
                    current.put_transaction(outer)
                now = clock.time_ns()
                if span.end_ns is None:
                    span.end_ns = now
                    queue = tracer.queue
                    queue.append(span)
                    if len(queue.items) > queue.high:
                        queue.pressure()

        slowly = around_generator(lambda: _open(name, attributes), lambda generator: generator)
        transaction_of = current.transaction
        return call

    def async_generator(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        """Wrap an async generator function; its span begins at the first step."""
        return around_async_generator(lambda: _open(name, self._attributes), function)


def _returns_nothing(function: Any) -> bool:
    """Return whether each ``return`` of a generator function is a bare one, as far as is known."""
    code = getattr(function, "__code__", None)
    if code is None or not code.co_flags & inspect.CO_GENERATOR:
        return False
    before: Any = None
    for step in dis.get_instructions(code):
        if step.opname == "RETURN_CONST" and step.argval is not None:
            return False
        if step.opname == "RETURN_VALUE":
            is_none = before is not None and before.opname == "LOAD_CONST" and before.argval is None
            if not is_none:
                return False
        before = step
    return True


def _closing(generator: Any, error: BaseException) -> tuple[Callable[[Any], Any], Any]:
    """Return the step that hands *error* to *generator*; for its end, one that raises it after."""
    if not isinstance(error, GeneratorExit):
        return generator.throw, error

    def close(end: BaseException) -> Any:
        returned = generator.close()
        # Python 3.13 hands on what a generator returns when it is closed.
        raise end if returned is None else StopIteration(returned)

    return close, error


def _open(name: str, attributes: dict[str, Any] | None) -> Any:
    tracer = live.tracer
    return NO_SPAN if tracer is None else tracer.open(name, INTERNAL, attributes)
