"""Transactions: begun, ended, nested, told to others."""

import contextlib
import contextvars
import threading

import pytest
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

from testpilot_obs import tracing
from testpilot_obs._core import current
from testpilot_obs.errors import InvalidStatusError
from testpilot_obs.protocols import TransactionRecord
from tests.tracing.helpers import Raising, below, named, remote


def test_記録には測った物がすべてある(spans):
    """After the end the record says what the transaction was."""
    with tracing.start_transaction("名", attributes={"a": 1}) as tx:
        assert (tx.record, tx.name, tx.status) == (None, "名", None)
        tx.set_attribute("b", 2)
        tx.set_attributes({"c": 3})
        tx.add_event("e", {"k": 1})

    record, (span,) = tx.record, spans
    assert isinstance(record, TransactionRecord)
    assert (record.name, record.status) == ("名", "success")
    assert record.trace_id == f"{span.context.trace_id:032x}"
    assert record.span_id == f"{span.context.span_id:016x}"
    assert record.duration_s >= 0
    assert record.timestamp >= span.start_time
    assert record.attributes == dict(span.attributes)
    assert {key: record.attributes[key] for key in "abc"} == {"a": 1, "b": 2, "c": 3}
    assert span.attributes["testpilot_obs.transaction"] == "名"
    assert span.events[0].name == "e"


@pytest.mark.parametrize(
    ("act", "status", "code"),
    [
        (lambda tx: tx.end(), "success", "UNSET"),
        (lambda tx: tx.end("success"), "success", "OK"),
        (lambda tx: tx.end("error"), "error", "ERROR"),
        (lambda tx: (tx.set_status(StatusCode.ERROR), tx.end()), "error", "ERROR"),
        (lambda tx: (tx.set_status(Status(StatusCode.ERROR)), tx.end()), "error", "ERROR"),
        (lambda tx: (tx.set_status(StatusCode.ERROR), tx.end("success")), "success", "OK"),
        (lambda tx: (tx.record_exception(ValueError()), tx.end()), "success", "UNSET"),
    ],
)
def test_手で終えた時の状態(spans, act, status, code):
    """What `end` is told wins; without a word the span's status decides."""
    tx = tracing.start_transaction("x")
    act(tx)

    assert (tx.record.status, spans[0].status.status_code.name) == (status, code)
    assert spans[0].attributes["testpilot_obs.transaction.status"] == status
    assert tracing.current_transaction() is None


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError("v"), "error"),
        (KeyboardInterrupt(), "error"),
        (SystemExit(1), "error"),
        (SystemExit(0), "success"),
        (SystemExit(), "success"),
        (GeneratorExit(), "success"),
    ],
)
def test_例外が状態を決める(spans, error, status):
    """An exception that leaves the block is an error, a clean exit is not."""
    with pytest.raises(type(error)) as caught, tracing.start_transaction("x") as tx:
        raise error

    assert caught.value is error
    assert tx.record.status == status
    assert spans[0].status.is_ok == (status == "success")
    assert len(spans[0].events) == isinstance(error, Exception)


@pytest.mark.parametrize("bad", ["ok", "SUCCESS", "", True, 0, StatusCode.OK, Raising()])
@pytest.mark.parametrize("connected", [True, False])
def test_知らない状態は利用者の誤りである(connected, bad, request):
    """Any other status raises, says what was expected, and the transaction goes on."""
    if connected:
        request.getfixturevalue("spans")
    tx = tracing.start_transaction("x")

    with pytest.raises(InvalidStatusError, match="expected 'success' or 'error'"):
        tx.end(bad)

    assert tx.record is None
    tx.end()


def test_二度目の終わりは無視される(spans, caplog):
    """A second `end` changes nothing, and is warned about."""
    tx = tracing.start_transaction("x")
    tx.end()
    record = tx.record

    tx.end("error")
    tx.__exit__(None, None, None)

    assert (tx.record, len(spans)) == (record, 1)
    assert "transaction that has ended" in caplog.text


def test_入れ子では一番内側が現在である(spans):
    """The innermost transaction is current; spans are its children."""
    with tracing.start_transaction("a") as a:
        with tracing.start_transaction("b") as b, tracing.span("c"):
            assert tracing.current_transaction() is b
        assert tracing.current_transaction() is a

    assert named(spans, "c").parent == b.span.context
    assert named(spans, "b").parent == a.span.context
    assert tracing.current_transaction() is None


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (0, 2, 1), (1, 2, 0)])
def test_違う順に終えても何も残らない(spans, order):
    """Transactions may end in any order; the innermost that runs is current."""
    running = [tracing.start_transaction(str(n)) for n in range(3)]
    left = running[:]
    for n in order:
        running[n].end()
        left.remove(running[n])
        assert tracing.current_transaction() is (left[-1] if left else None)

    assert not tracing.trace_id()
    assert len(spans) == 3


@pytest.mark.parametrize("where", ["thread", "context"])
def test_別の場所で終えたトランザクションは現在でない(spans, where):
    """Ended elsewhere it has no CPU time of ours, and is current nowhere."""
    tx = tracing.start_transaction("x")
    if where == "thread":
        thread = threading.Thread(target=tx.end)
        thread.start()
        thread.join()
        assert tx.record.cpu_s == 0.0
    else:
        contextvars.copy_context().run(tx.end)

    assert tx.record.status == "success"
    assert tracing.current_transaction() is None


@pytest.mark.parametrize("kind", ["context", "span context", "span", "transaction", "headers"])
def test_親はいろいろな形で渡せる(tracer, spans, kind):
    """A parent is a context, a span, a span context or a transaction."""
    span, other = tracer.start_span("s"), tracing.start_transaction("t")
    other.end()
    parent, expected = {
        "context": (below(remote()), remote()),
        "span context": (remote(), remote()),
        "span": (span, span.context),
        "transaction": (other, other.span.context),
        "headers": (tracing.extract({"traceparent": f"00-{1:032x}-{2:016x}-01"}), None),
    }[kind]

    with tracing.span("now"), tracing.start_transaction("x", parent=parent) as tx:
        assert tracing.current_span() is tx.span

    if expected is None:
        assert (tx.span.parent.trace_id, tx.span.parent.span_id) == (1, 2)
    else:
        assert tx.span.parent == expected


@pytest.mark.parametrize("bad", [5, "text", object(), Raising(), []])
def test_親でない親は無視される(spans, bad, caplog):
    """What cannot be a parent is ignored with a warning; what is current is the parent."""
    with tracing.span("now") as now, tracing.start_transaction("x", parent=bad) as tx:
        pass

    assert tx.span.parent == now.context
    assert "cannot be the parent" in caplog.text


def test_リンクと種類を渡せる(spans):
    """Links and kind are those of the span."""
    with tracing.start_transaction("x", kind="server", links=[Link(remote(), {"a": 1})]):
        pass
    with tracing.start_transaction("y", kind=SpanKind.CLIENT):
        pass

    assert [span.kind for span in spans] == [SpanKind.SERVER, SpanKind.CLIENT]
    assert spans[0].links[0].context == remote()


@pytest.mark.parametrize("bad", ["SERVERS", None, 5, Raising(), ["server"]])
def test_知らない種類は内部になる(spans, bad, caplog):
    """A kind that is none is internal, with a warning."""
    with tracing.start_transaction("x", kind=bad):
        pass

    assert spans[0].kind is SpanKind.INTERNAL
    assert "kind must be one of" in caplog.text


def test_終わりは皆に知らされる(spans):
    """Every callback gets the record, until it is taken away."""
    one, two = [], []
    remove = tracing.on_transaction_end(one.append)
    tracing.on_transaction_end(two.append)
    with tracing.start_transaction("a"):
        pass
    remove()
    remove()
    with tracing.start_transaction("b"):
        pass

    assert [record.name for record in one] == ["a"]
    assert [record.name for record in two] == ["a", "b"]


@pytest.mark.guarded
def test_壊れた聞き手は誰の邪魔もしない(spans, caplog):
    """A callback or hook that raises is reported; the others are told, the caller is spared."""

    def broken(*_):
        raise RuntimeError("broken callback")

    heard = []
    tracing.set_transaction_hooks(broken, broken, broken, slow=0.0)
    tracing.on_transaction_end(broken)
    tracing.on_transaction_end(heard.append)

    with tracing.start_transaction("x"):
        pass

    assert [record.name for record in heard] == ["x"]
    assert "failed to call a callback of on_transaction_end" in caplog.text
    assert "failed to count a transaction" in caplog.text


def test_聞き手は自分を外せる(spans):
    """A callback that takes itself away does not hide the record from the next."""
    heard = []

    def once(record):
        heard.append("once")
        remove()

    remove = tracing.on_transaction_end(once)
    tracing.on_transaction_end(lambda record: heard.append("always"))
    for _ in range(2):
        tracing.start_transaction("x").end()

    assert heard == ["once", "always", "always"]


def test_始まりと終わりは数えられる(spans):
    """The hooks are told the name at the start, and the transaction at the end."""
    told = []
    tracing.set_transaction_hooks(told.append, lambda name, status, _: told.append((name, status)))

    with contextlib.suppress(ValueError), tracing.start_transaction("x"):
        raise ValueError

    assert told == ["x", ("x", "error")]


def test_名前はログのために読める(spans):
    """What logs read is the name of the innermost that runs."""
    assert current.transaction_name() == ""
    with tracing.start_transaction("a"):
        inner = tracing.start_transaction("b")
        assert current.transaction_name() == "b"
        contextvars.copy_context().run(inner.end)
        assert current.transaction_name() == "a"
