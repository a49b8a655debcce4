"""Finished spans as they stand in the queue, with ids and times that a test chooses."""

from opentelemetry import trace
from opentelemetry.trace import SpanContext, StatusCode, TraceFlags, TraceState

from testpilot_obs.tracing import TracerProvider

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
SPACE = 1 << 56


class _Ids:
    def __init__(self, trace_id):
        self._trace_id = trace_id
        self._span_id = 0

    def generate_trace_id(self):
        return self._trace_id

    def generate_span_id(self):
        self._span_id += 1
        return (self._trace_id % 1_000_003) * 1_000 + self._span_id


class LocalTrace:
    """One trace in this process; `root` and `child` return finished spans of it.

    Args:
        randomness: The share of all traces that has less of it, 0 to 1.
        state: The ``ot`` entry that a remote parent sends; none without it.
    """

    _count = 0

    def __init__(self, randomness=0.5, *, state=None):
        LocalTrace._count += 1
        self.trace_id = LocalTrace._count << 64 | min(int(randomness * SPACE), SPACE - 1)
        self._made = []
        provider = TracerProvider(id_generator=_Ids(self.trace_id), shutdown_on_exit=False)
        provider.queue = _Queue(self._made)
        self._tracer = provider.get_tracer("test")
        above = trace.INVALID_SPAN
        if state is not None:
            entries = TraceState([("ot", state), ("k", "v")])
            ids = SpanContext(
                self.trace_id, 99, is_remote=True, trace_flags=TraceFlags(1), trace_state=entries
            )
            above = trace.NonRecordingSpan(ids)
        self._root = self._tracer.start_span(
            "root", trace.set_span_in_context(above), start_time=START
        )

    def root(self, *, lasts_s=0.01, error=False, name="root", **attributes):
        """Return the finished local root."""
        self._root.update_name(name)
        self._root.set_attributes(attributes)
        return self._end(self._root, lasts_s=lasts_s, error=error)

    def child(self, *, lasts_s=0.01, error=False, size=0):
        """Return a finished child of the root."""
        here = trace.set_span_in_context(self._root)
        span = self._tracer.start_span("child", here, start_time=START)
        span.set_attribute("pad", "x" * size)
        return self._end(span, lasts_s=lasts_s, error=error)

    def _end(self, span, *, lasts_s, error):
        if error:
            span.set_status(StatusCode.ERROR)
        span.end(START + int(lasts_s * SECOND))
        return self._made.pop()


class _Queue:
    high = 1 << 60

    def __init__(self, made):
        self.items = made
        self.append = made.append

    def weigh(self, _size):
        """Weigh nothing."""

    def pressure(self):
        """Press nobody."""


def th(span):
    """Return the threshold that *span* carries, as text."""
    members = dict(one.split(":") for one in (span.local.trace_state.get("ot") or "").split(";"))
    return members.get("th")


def names(spans):
    """Return the names of *spans*."""
    return [span.name for span in spans]
