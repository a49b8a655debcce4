"""The queue: what it costs the caller, when it wakes the worker, what it gives up."""

import signal
import threading

from testpilot_obs.delivery import SignalQueue
from tests.delivery.fakes import put


def make_queue(wakes=None, *, max_items=100, max_bytes=1_000, batch=10, wake=None):
    """Return a queue that notes in *wakes* when it wakes the worker."""
    noted = wakes if wakes is not None else []
    return SignalQueue(
        max_items=max_items,
        max_bytes=max_bytes,
        batch=batch,
        wake=wake or (lambda: noted.append(None)),
    )


def drain(queue):
    """Take everything, as the worker does."""
    taken = queue.take(queue.begin())
    queue.finish()
    return taken


def test_最初の一件は働き手を起こす():
    """The first record wakes the worker, the next ones do not."""
    wakes = []
    queue = make_queue(wakes)

    put(queue, *range(9))

    assert len(wakes) == 1


def test_一束たまれば働き手を起こす():
    """A whole batch wakes the worker, once."""
    wakes = []
    queue = make_queue(wakes)

    put(queue, *range(50))

    assert len(wakes) == 2
    assert queue.is_pressed()


def test_空になった後の一件は働き手を起こす():
    """After a drain that found nothing any record wakes the worker, so it may sleep for ever."""
    wakes = []
    queue = make_queue(wakes)
    put(queue, 1)
    drain(queue)
    assert not queue.is_silent()
    drain(queue)
    assert queue.is_silent()

    put(queue, 2)

    assert len(wakes) == 2
    assert not queue.is_silent()


def test_空き出しの間に来た一件は忘れられない():
    """A record that comes between the look and the end of a drain keeps the worker awake."""
    queue = make_queue()
    drain(queue)
    queue.begin()
    queue.high = 9
    put(queue, 1)
    queue.finish()

    assert not queue.is_silent()


def test_満ちた列は古いものから捨てて数える():
    """A full queue gives up the oldest records, and counts them."""
    queue = make_queue(max_items=20)

    put(queue, *range(25))

    assert list(queue.items) == list(range(5, 25))
    assert queue.dropped == {"queue_full": 5}
    assert queue.recorded == 25


def test_重い列は新しいものを捨てて数える():
    """Above its bytes the queue gives up what comes, until it is drained."""
    queue = make_queue(max_bytes=1_000)
    for n in range(5):
        queue.weigh(400)
        put(queue, n)

    assert list(queue.items) == [0, 1]
    assert queue.dropped == {"queue_full": 3}
    assert drain(queue) == [0, 1]
    put(queue, 6)
    assert list(queue.items) == [6]


def test_半端は次の機会まで残せる():
    """A drain before its time takes whole batches; less than one, or what is heavy, all of it."""
    queue = make_queue(max_items=200, max_bytes=1_000)
    put(queue, *range(25))

    assert (queue.begin(only_whole=True), queue.begin()) == (20, 25)
    queue.take(18)
    assert queue.begin(only_whole=True) == 7
    queue.take(7)
    queue.weigh(400)
    put(queue, *range(12))
    assert queue.begin(only_whole=True) == 12


def test_小さな列は半端も残さない():
    """What is left must not take the room of what comes next."""
    queue = make_queue(max_items=30)
    put(queue, *range(25))

    assert queue.begin(only_whole=True) == 25


def test_重さの半分で働き手を起こす():
    """Half of the bytes wake the worker, long before a batch is together."""
    wakes = []
    queue = make_queue(wakes, max_bytes=1_000)
    put(queue, 1)
    queue.weigh(600)

    put(queue, 2)

    assert len(wakes) == 2
    assert queue.is_pressed()


def test_閉じた列に来たものは数えて捨てる():
    """What comes after the end is counted as lost; what waited before still waits."""
    queue = make_queue()
    put(queue, 1)
    queue.close()

    put(queue, 2, 3)

    assert list(queue.items) == [1]
    assert queue.dropped == {"after_shutdown": 2}
    assert queue.recorded == 3


def test_閉じた列は次の列へ渡す():
    """With a successor nothing that comes late is lost."""
    wakes = []
    old, new = make_queue(), make_queue(wakes)
    old.close(new)

    put(old, 1, 2)

    assert list(new.items) == [1, 2]
    assert old.dropped == {}
    assert len(wakes) == 1


def test_書き上がった行は受け取れない次の列には渡さない():
    """A line that is encoded goes on only to a queue that takes such lines; or it is counted."""
    old, records, entries = make_queue(), make_queue(), make_queue()
    entries.takes_entries = True

    old.close(records)
    put(old, (b"1", b"scope"))
    old.close(entries)
    put(old, (b"2", b"scope"))

    assert old.dropped == {"after_shutdown": 1}
    assert list(records.items) == []
    assert list(entries.items) == [(b"2", b"scope")]


def test_行き先のない列は何も残さない():
    """A queue for a signal without destination keeps and counts nothing."""
    wakes = []
    queue = make_queue(wakes, max_items=0)

    put(queue, *range(1_000))
    queue.weigh(10_000)
    put(queue, 1)

    assert queue.recorded == 0
    assert wakes == []


def test_取り出す間に空になっても取ったものは失わない():
    """What was taken stays taken when the queue is emptied meanwhile."""
    queue = make_queue()
    put(queue, 1, 2)

    assert queue.take(16) == [1, 2]
    assert queue.recorded == 2


def test_多くの糸から入れても一件も数え落とさない():
    """Eight threads at a full queue: recorded = taken + waiting + lost, exactly."""
    queue = make_queue(max_items=500, batch=100)
    threads = [threading.Thread(target=put, args=(queue, *range(5_000))) for _ in range(8)]

    for thread in threads:
        thread.start()
    taken = 0
    while any(thread.is_alive() for thread in threads):
        taken += len(drain(queue))
    taken += len(drain(queue))

    assert taken + sum(queue.dropped.values()) == 40_000
    assert queue.recorded == 40_000


def test_信号の処理が途中に入っても固まらない():
    """A signal handler that records, in the middle of pressure, gets through."""
    queue = make_queue(max_items=3, batch=1, wake=lambda: signal.raise_signal(signal.SIGUSR1))
    depth = []

    def handler(_number, _frame):
        if len(depth) < 5:
            depth.append(None)
            put(queue, "from the handler")

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        put(queue, *range(10))
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert queue.recorded == 15
