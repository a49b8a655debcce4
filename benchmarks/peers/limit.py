"""The least that Python must do for each row: no library can be faster than this.

A span needs two clock reads, a random id, a context variable read, set and reset, one object and
one append to a queue. Nothing else happens here, and no function is called for it.
"""

import os
import random
import struct
import time
import zlib
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from functools import wraps
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from benchmarks.peers._base import Peer

_current: ContextVar[Any] = ContextVar("current", default=None)


class _Span:
    """The one object."""

    __slots__ = ("attrs", "end_ns", "name", "parent_id", "span_id", "start_ns", "trace_id")


class Library(Peer):
    """No library: the primitives, written out."""

    def __init__(self) -> None:
        self._queue: deque[Any] = deque()
        self._made = 0
        self._bits = random.Random(os.urandom(32)).getrandbits

    def start(self) -> None:
        """Need nothing."""

    def start_otlp(self) -> None:
        """Need nothing."""

    def drain(self) -> None:
        """Empty the queue."""
        self._queue.clear()

    def root(self, count: int) -> None:
        """Make root spans: the id is a trace id and a span id at once."""
        self._primitives(count, 192)

    def parent(self) -> AbstractContextManager[Any]:
        """Return nothing of cost."""
        return nullcontext()

    def child(self, count: int) -> None:
        """Make child spans."""
        self._primitives(count, 64)

    def unsampled(self, count: int) -> None:
        """Read the context variable, which says that nothing is recorded."""
        get = _current.get
        for i in range(count):
            get({"route": "/orders", "order": i, "cached": True})

    def transaction(self, count: int) -> None:
        """Make six spans."""
        self._primitives(count * 6, 64)

    def _primitives(self, count: int, bits: int) -> None:
        get, put, reset, new, now = (
            _current.get, _current.set, _current.reset, object.__new__, time.time_ns,
        )  # fmt: skip
        append, more = self._queue.append, self._bits
        for i in range(count):
            span = new(_Span)
            span.name = "work"
            span.attrs = {"route": "/orders", "order": i, "cached": True}
            span.parent_id = get()
            span.span_id = more(bits)
            token = put(span.span_id)
            span.start_ns = now()
            reset(token)
            span.end_ns = now()
            append(span)

    def measured(self, count: int) -> None:
        """Add two reads of the CPU clock and of the memory, and two appends for the metrics."""
        cpu, append = time.thread_time_ns, self._queue.append
        file = os.open("/proc/self/statm", os.O_RDONLY)
        for _ in range(count):
            append((cpu(), os.pread(file, 64, 0)))
            self._primitives(1, 192)
            append((cpu(), os.pread(file, 64, 0)))
        os.close(file)

    def decorate(self, kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap *function* in a closure with the primitives inside."""
        return _WRAPPERS[kind](function, self._queue.append, self._bits)

    def decorate_off(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap *function* in a closure that does nothing but call it."""

        @wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return wrapper

    def spans(self, count: int) -> list[Any]:
        """Return what `encode` reads."""
        self._primitives(count, 64)
        return list(self._queue)

    def encode(self, spans: list[Any]) -> bytes:
        """Do what no encoder can leave out: ids and times packed, five look-ups, one join."""
        pack = struct.Struct(">2s16s2sQ").pack
        times = struct.Struct("<BQBQ").pack
        known = {"work": b"*\x04work", "route": b"J" * 18, "order": b"J" * 12, "cached": b"J" * 13}
        trace_id = os.urandom(16)
        out = []
        for span in spans:
            parts = [
                pack(b"\n\x10", trace_id, b"\x12\x08", span.span_id),
                known[span.name],
                times(0x39, span.start_ns, 0x41, span.end_ns),
            ]
            parts.extend([known[key] for key in span.attrs])
            parts.append(b"Z\x22" + b"e" * 32)
            body = b"".join(parts)
            out.append(b"\x12%c" % len(body) + body)
        return b"".join(out)

    def deliver(self, spans: list[Any], batch: int) -> None:
        """Encode, compress and post *spans*, *batch* at a time."""
        url = urlsplit(os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"])
        connection = HTTPConnection(url.hostname or "", url.port)
        for first in range(0, len(spans), batch):
            squeeze = zlib.compressobj(1, zlib.DEFLATED, 31)
            body = squeeze.compress(self.encode(spans[first : first + batch])) + squeeze.flush()
            connection.request("POST", "/limit", body)
            connection.getresponse().read()
        connection.close()


def _sync(function: Any, append: Any, bits: Any) -> Any:
    get, put, reset, now, new = (
        _current.get, _current.set, _current.reset, time.time_ns, object.__new__,
    )  # fmt: skip

    @wraps(function)
    def wrapper(value: int) -> Any:
        span = new(_Span)
        span.name = "work"
        span.parent_id = get()
        span.span_id = bits(64)
        token = put(span.span_id)
        span.start_ns = now()
        result = function(value)
        reset(token)
        span.end_ns = now()
        append(span)
        return result

    return wrapper


def _coroutine(function: Any, append: Any, bits: Any) -> Any:
    @wraps(function)
    async def wrapper(value: int) -> Any:
        span = object.__new__(_Span)
        span.name = "work"
        span.parent_id = _current.get()
        span.span_id = bits(64)
        token = _current.set(span.span_id)
        span.start_ns = time.time_ns()
        result = await function(value)
        _current.reset(token)
        span.end_ns = time.time_ns()
        append(span)
        return result

    return wrapper


def _generator(function: Any, append: Any, bits: Any) -> Any:
    @wraps(function)
    def wrapper(value: int) -> Any:
        span = object.__new__(_Span)
        span.name = "work"
        span.parent_id = _current.get()
        span.span_id = bits(64)
        token = _current.set(span.span_id)
        span.start_ns = time.time_ns()
        yield from function(value)
        _current.reset(token)
        span.end_ns = time.time_ns()
        append(span)

    return wrapper


_WRAPPERS = {"sync": _sync, "coroutine": _coroutine, "generator": _generator}
