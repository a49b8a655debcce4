"""What a transaction measures: time, CPU, memory; sampled or not."""

import mmap
import os
import threading
import tracemalloc
from collections.abc import Mapping

import pytest
from opentelemetry.trace import StatusCode

from testpilot_obs import names, tracing
from testpilot_obs._core import clock
from testpilot_obs.tracing import _memory

MEGABYTES = 1_000_000


def fresh(size_bytes):
    """Return memory of that size, fresh from the system, each page of it written to."""
    data = mmap.mmap(-1, size_bytes)
    data.write(b"x" * 4096 * (size_bytes // 4096))
    return data


def test_長さは測られる(spans):
    """The duration is the difference of two readings of a clock that never goes back."""
    times = iter([10.0, 12.5])
    clock.use(monotonic=lambda: next(times))

    with tracing.start_transaction("x") as tx:
        pass

    assert tx.record.duration_s == 2.5


def test_CPU時間は測られる(spans):
    """CPU time of the thread is measured; another thread's is not in it."""
    with tracing.start_transaction("x") as tx:
        n = 0
        while tx.record is None and n < 200_000:
            n += 1

    assert 0 < tx.record.cpu_s <= tx.record.duration_s + 0.02
    assert tx.span.attributes["testpilot_obs.transaction.cpu_time"] == tx.record.cpu_s


@pytest.mark.parametrize(("memory", "allocate"), [("rss", fresh), ("alloc", bytearray)])
def test_メモリーの増減は測られる(connect, memory, allocate):
    """50 MB that are allocated and touched show, in bytes."""
    connect(memory=memory)
    try:
        with tracing.start_transaction("x") as tx:
            kept = allocate(50 * MEGABYTES)
    finally:
        tracemalloc.stop()

    assert len(kept) == 50 * MEGABYTES
    assert 40 * MEGABYTES < tx.record.memory_delta_bytes < 80 * MEGABYTES


def test_返したメモリーは減る(connect):
    """Memory that is given back is negative growth."""
    connect(memory="rss")
    kept = fresh(50 * MEGABYTES)

    with tracing.start_transaction("x") as tx:
        kept.close()

    assert tx.record.memory_delta_bytes < -40 * MEGABYTES


def test_メモリーは測らなくてもよい(connect):
    """With ``off`` the delta is 0."""
    connect(memory="off")

    with tracing.start_transaction("x") as tx:
        fresh(MEGABYTES)

    assert tx.record.memory_delta_bytes == 0


def test_途中で測り方が変わっても壊れない(connect):
    """A transaction is measured to its end the way it began."""
    connect(memory="off")
    with tracing.start_transaction("x") as tx:
        connect(memory="rss")
        tx.end()

    assert tx.record.memory_delta_bytes == 0


def test_置き場を閉じられても読める():
    """The reading goes on if somebody closed our file, or another file has its number."""
    reader = _memory._Statm()
    assert reader.read(1.0) > MEGABYTES
    os.close(reader._file)
    assert reader.read(2.0) > MEGABYTES

    other = os.open(os.devnull, os.O_RDONLY)
    os.dup2(other, reader._file)
    os.close(other)
    assert reader.read(3.0) > MEGABYTES


def test_すぐ後の読みは同じである(monkeypatch):
    """Readings that follow at once share one reading of the system."""
    reader, pages = _memory._Statm(), iter([7, 8])
    monkeypatch.setattr(os, "pread", lambda *_: b"1 %d 3 4 5 6 7" % next(pages))

    first, second, third = (reader.read(now) for now in (1.0, 1.0001, 1.001))

    assert first == second < third


def test_読めなければゼロである(monkeypatch):
    """Where the system does not tell, the memory is 0."""
    monkeypatch.setattr(_memory, "_STATM", "/nowhere")

    assert _memory._Statm().read(1.0) == 0


def test_Linuxでなければ最大値が読まれる(monkeypatch):
    """Elsewhere the highest size so far is read; without that, nothing, with a warning."""
    monkeypatch.setattr(_memory, "_STATM", "/nowhere")
    assert _memory.reader("rss")(0.0) > MEGABYTES

    monkeypatch.setitem(__import__("sys").modules, "resource", None)
    assert _memory.reader("rss") is None


def test_抽出されなくても測られる(connect, queue):
    """An unsampled transaction is measured and told like any other; only its span is not sent."""
    told = []
    connect(traces_sampler="always_off", memory="rss")
    tracing.set_transaction_hooks(told.append, lambda _, status, __: told.append(status))

    with tracing.start_transaction("x") as tx, tracing.span("y"):
        n = sum(range(10_000))
        tx.set_attribute("n", n)

    assert told == ["x", "success"]
    assert (tx.record.cpu_s > 0, tx.record.duration_s > 0, queue.items) == (True, True, [])
    assert int(tx.record.trace_id, 16) != 0


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([StatusCode.ERROR], "error"),
        ([StatusCode.ERROR, StatusCode.UNSET], "error"),
        ([StatusCode.ERROR, StatusCode.OK], "success"),
        ([StatusCode.OK], "success"),
        ([None, "text", []], "success"),
    ],
)
def test_抽出されなくても失敗は失敗である(connect, statuses, expected):
    """The status of an unsampled transaction counts, though its span keeps none."""
    connect(traces_sampler="always_off")

    with tracing.start_transaction("x") as tx:
        for status in statuses:
            tx.set_status(status)

    assert tx.record.status == expected


def test_抽出されない例外も失敗である(connect):
    """An exception makes an unsampled transaction fail."""
    connect(traces_sampler="always_off")

    with pytest.raises(ValueError, match="だめ"), tracing.start_transaction("x") as tx:
        raise ValueError("だめ")

    assert tx.record.status == "error"


def test_多くのスレッドのトランザクションは混ざらない(spans):
    """Each thread has its own current transaction."""

    def work(n):
        for _ in range(50):
            with tracing.start_transaction(str(n)) as tx, tracing.span(f"in {n}"):
                assert tracing.current_transaction() is tx

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(spans) == 800
    parents = {span.context.span_id: span.name for span in spans}
    inner = [span for span in spans if span.name.startswith("in")]
    assert all(span.name == f"in {parents[span.parent.span_id]}" for span in inner)


def test_既に測られている割り当ては邪魔しない():
    """Tracing of allocations that the user has begun goes on, and is read."""
    tracemalloc.start()
    try:
        read = _memory.reader("alloc")
        before = read(0.0)
        kept = bytearray(MEGABYTES)
        assert read(0.0) - before >= len(kept)
    finally:
        tracemalloc.stop()


def test_開いていない置き場も忘れられる():
    """A reader that never read has nothing to close in a child."""
    reader = _memory._Statm()

    reader._reopen()

    assert reader.read(0.0) > MEGABYTES


def test_書けない写しを返す属性にも測った物は付く(spans):
    """Attributes whose ``copy()`` cannot be written to are joined with what was measured."""

    class Frozen(Mapping):
        def __init__(self, items):
            self._items = items

        def __getitem__(self, key):
            return self._items[key]

        def __iter__(self):
            return iter(self._items)

        def __len__(self):
            return len(self._items)

        def copy(self):
            return self

    with tracing.start_transaction("t", attributes=Frozen({"a": 1})):
        pass

    (span,) = spans
    assert (span.attributes["a"], span.attributes[names.TRANSACTION]) == (1, "t")
