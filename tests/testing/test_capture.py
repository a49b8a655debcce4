"""`capture`: what a test of an application sees of its spans, log lines and metrics."""

import logging

import pytest
from opentelemetry.trace import Link

import testpilot_obs as obs
from testpilot_obs._core import clock
from testpilot_obs.errors import ConfigError
from testpilot_obs.exporters import MemoryExporter
from testpilot_obs.testing import FakeClock, capture


def checkout():
    """Be an application."""
    with obs.start_transaction("order", attributes={"id": 7}) as order:
        with obs.span("pay", amount=3) as span:
            span.add_event("asked", {"bank": "x"})
        obs.get_logger("shop").info("paid", amount=3)
    return order


def test_スパンは終わった順に見える():
    """Finished spans appear with name, attributes, parent and ids that begin at 1."""
    with capture() as captured:
        checkout()

        pay, order = captured.spans

    assert (pay.name, pay.parent, pay.attributes) == ("pay", "order", {"amount": 3})
    assert pay.events[0][:2] == ("asked", {"bank": "x"})
    assert (order.parent, order.parent_id, order.kind) == ("", None, "internal")
    assert (order.trace_id, order.span_id, pay.span_id) == (1, 1, 2)


def test_ログは属性とともに見える():
    """Log lines appear, of our loggers and of the standard library's."""
    with capture() as captured:
        checkout()
        logging.getLogger("other").warning("careful")

    paid, careful = captured.logs
    assert (paid.event, paid.level, paid.attributes["amount"]) == ("paid", "info", 3)
    assert (paid.trace_id, paid.span_id) == (1, 1)
    assert (careful.event, careful.level, careful.logger) == ("careful", "warning", "other")


def test_計測は増えた分だけ見える():
    """Metrics show what changed since the block began."""
    hits = obs.metrics.counter("capture_hits_total", "hits", ("page",))
    heat = obs.metrics.gauge("capture_heat", "heat")
    size = obs.metrics.histogram("capture_size", "size")
    hits.labels("home").inc(5)
    size.observe(1)

    with capture() as captured:
        hits.labels("home").inc(2)
        heat.set(30)
        size.observe(4)

    by_name = {one.name: one for one in captured.metrics}
    assert captured.value("capture_hits_total", page="home") == 2
    assert captured.value("capture_hits_total", page="none") == 0
    assert by_name["capture_heat"].value == 30
    assert (by_name["capture_size"].value, by_name["capture_size"].observations) == (4, 1)


def test_偽の時計で長さを決められる():
    """With a fake clock durations are what the test says, and the real one comes back."""
    real = clock.time_ns
    ticking = FakeClock(start_ns=10**18)

    with capture(clock=ticking) as captured, obs.span("slow"):
        ticking.advance(1.5)

    assert captured.span("slow").duration_s == 1.5
    assert captured.span("slow").start_ns == 10**18
    assert clock.time_ns is real


def test_時計は読むたびに進められる():
    """A step makes each reading later than the one before."""
    ticking = FakeClock(start_ns=0, step_s=1)

    assert [ticking.time_ns(), ticking.monotonic()] == [0, 1.0]


def test_失敗は状態に見える():
    """A span that an exception left has status error and its words."""
    with capture() as captured, pytest.raises(KeyError), obs.span("broken"):
        raise KeyError("x")

    span = captured.span("broken")
    assert span.status == "error"
    assert "KeyError" in span.description
    assert span.events[0].name == "exception"


def test_つながりは相手の番号で見える():
    """Links show the span ids that they lead to."""
    with capture() as captured:
        with obs.span("first") as first:
            pass
        with obs.start_transaction("second", links=[Link(first.get_span_context())]):
            pass

    assert captured.span("second").links == [captured.span("first").span_id]


def test_ない名を尋ねると何があるか教える():
    """Asking for a span that is not there, or there twice, says what there is."""
    with capture() as captured:
        with pytest.raises(LookupError, match="none at all"):
            captured.span("x")
        checkout()
        checkout()

    with pytest.raises(LookupError, match="2 spans are called 'pay'"):
        captured.span("pay")


def test_忘れてから数え直せる():
    """`clear` forgets what came so far."""
    hits = obs.metrics.counter("capture_cleared_total", "hits")
    with capture() as captured:
        checkout()
        hits.inc()
        captured.clear()

        assert (captured.spans, captured.logs, captured.metrics) == ([], [], [])


def test_initなしでも使え後には何も残さない():
    """Without `init` before, nothing is recorded after the block."""
    with capture() as captured:
        checkout()
    checkout()

    assert len(captured.spans) == 2


def test_動いているinitは後で続く():
    """A running `init` gets nothing of the block, and everything after it."""
    memory = MemoryExporter()
    handle = obs.init(exporters=[memory], traces_exporter="none", log_format="none")

    with capture() as captured:
        checkout()
    with obs.span("after"):
        pass
    handle.flush()

    assert [span.name for span in memory.spans] == ["after"]
    assert len(captured.spans) == 2
    assert obs.is_initialized()


def test_動いているinitは偽の時計に惑わされない():
    """The schedule of a running `init` follows the real clock beside a fake one."""
    memory = MemoryExporter()
    handle = obs.init(exporters=[memory], traces_exporter="none", log_format="none")
    with obs.span("before"):
        pass
    with capture(clock=FakeClock(start_ns=10**19)):
        handle.flush()

    assert [span.name for span in memory.spans] == ["before"]
    assert handle.flush()


def test_中のinitは何も替えない():
    """An application that calls `init` itself can be captured: its arguments are only checked."""
    with capture() as captured:
        handle = obs.init("shop", otlp_endpoint="http://127.0.0.1:9")
        checkout()

        assert handle.flush()
        assert len(captured.spans) == 2
        with pytest.raises(ConfigError):
            obs.init(traces_sampler="sometimes")


def test_設定を渡せる():
    """Settings are those of `init`."""
    with capture(traces_sampler="always_off") as captured:
        checkout()

    assert captured.spans == []
    assert len(captured.logs) == 1


def test_入れ子でも互いに混ざらない():
    """A capture inside a capture gets what is recorded inside, and only that."""
    with capture() as outer:
        with capture() as inner:
            checkout()
        with obs.span("outside"):
            pass

    assert [span.name for span in outer.spans] == ["outside"]
    assert len(inner.spans) == 2
