"""Less of the same, and more of what matters."""

import logging

import testpilot_obs as obs
from testpilot_obs import logs
from testpilot_obs._core import clock
from testpilot_obs.logs._choice import HeldBack, RateLimit
from testpilot_obs.logs._line import Facts
from testpilot_obs.testing import capture


class Seconds:
    """A clock to be set."""

    now = 100.0

    def __call__(self):
        """Tell the time."""
        return self.now


def test_同じ行は一秒に決まった数だけ出る(wire):
    """After the limit lines are counted, and one line tells how many; others are not touched."""
    wired = wire(log_rate_limit=3)
    seconds = Seconds()
    clock.use(monotonic=seconds)
    log = logs.get_logger("x")

    for number in range(4_214):
        log.info("again %d", number)
    log.info("other")
    seconds.now += 1.5
    log.info("next")

    lines = wired.lines
    assert [line["event"] for line in lines] == [
        "again 0",
        "again 1",
        "again 2",
        "other",
        "suppressed 4,211 like this",
        "next",
    ]
    told = lines[4]
    assert (told["level"], told["logger"], told["suppressed"], told["like"]) == (
        "info",
        "x",
        4211,
        "again %d",
    )


def test_標準の行も数えられる(wire):
    """The limit is the same for records of logging, by their message before its arguments."""
    wired = wire(log_rate_limit=2)
    clock.use(monotonic=Seconds())

    for number in range(9):
        logging.getLogger("std").warning("full: %s", number)
    logs.settle()

    assert [line["event"] for line in wired.lines] == [
        "full: 0",
        "full: 1",
        "suppressed 7 like this",
    ]


def test_終わりに数が告げられる():
    """What was suppressed is told before the last delivery."""
    with capture(log_rate_limit=1) as captured:
        for _ in range(5):
            obs.get_logger("x").info("again")
        logs.settle()
        assert [line.event for line in captured.logs] == ["again", "suppressed 4 like this"]


def test_同じ行がまた来たら数が先に出る():
    """The count of the second before comes before the next line of the kind."""
    told = []
    seconds = Seconds()
    clock.use(monotonic=seconds)
    limit = RateLimit(1, lambda kind, count: told.append((kind, count)))

    admitted = [limit.admits("l", "info", "e") for _ in range(3)]
    limit._next_look = 1e9
    seconds.now += 1.0
    admitted.append(limit.admits("l", "info", "e"))

    assert admitted == [True, False, False, True]
    assert told == [(("l", "info", "e"), 2)]


def test_種類の数には限りがある():
    """Very many kinds of lines do not fill the memory; what is no text is known by its type."""
    seconds = Seconds()
    clock.use(monotonic=seconds)
    limit = RateLimit(1, lambda kind, count: None)
    for number in range(10_500):
        limit.admits("l", "info", f"event {number}")
    limit._next_look = 0.0

    assert limit.admits("l", "info", [])
    assert len(limit._kinds) == 1


def test_失敗した仕事の細かい行だけが出る(wire):
    """Debug lines are held back, and written if their transaction fails, the last N of them."""
    with capture(log_debug_buffer=3) as captured:
        log = obs.get_logger("x")
        with obs.start_transaction("good"):
            log.debug("forgotten")
        log.debug("outside of any")
        with obs.start_transaction("outer") as outer:
            for number in range(5):
                log.debug("step %d", number)
            with obs.start_transaction("inner"):
                pass
            outer.end("error")
        log.debug("after")
        events = [line.event for line in captured.logs if line.level == "debug"]

    assert events == ["step 2", "step 3", "step 4"]


def test_控えの数には限りがある():
    """Of very many traces that never end only the latest are kept."""
    held = HeldBack(2)
    for trace_id in range(1, 1_100):
        held.hold({}, Facts(0, 10, is_printed=False, trace_id=trace_id))

    assert held.take(5) == []
    assert len(held.take(1_099)) == 1
    assert held.take(1_099) == []
