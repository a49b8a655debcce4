"""Every way to end a process delivers what was recorded, and none hangs."""

import contextlib
import signal
import subprocess
import time

import pytest

from tests.lifecycle.programs import black_hole, nobody, run, start

WAYS = {
    "os._exit": "work(3); os._exit(0)",
    "最後の行": "work(3)",
    "sys.exit": "work(3); sys.exit(0)",
    "with": "with obs.init(): work(3)",
    "shutdown": "work(3); assert obs.shutdown().is_complete",
    "別の糸": "t = threading.Thread(target=work, args=(3,)); t.start()",
    "atexitの中": "atexit.register(work, 3)",
    "終わりの直前": "work(3); os.write(1, b'')",
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_普通に終わればすべて届く(receiver, way):
    """A return from main, however it is written, loses nothing and delays nothing."""
    run(f"obs.init()\n{way}", endpoint=receiver.http_endpoint)

    assert len(receiver.spans) == 3


def test_例外で終わってもすべて届く(receiver):
    """An exception that nobody caught ends the program as ever, after the delivery."""
    _, _, told = run("obs.init(); work(3); 1/0", endpoint=receiver.http_endpoint, code=1)

    assert len(receiver.spans) == 3
    assert "ZeroDivisionError" in told


def test_全ての信号が終わりに届く(receiver):
    """Spans, log lines and metrics all go out at the end."""
    program = """
obs.init(metrics_exporter="otlp")
hits = obs.metrics.counter("hits_total", "hits")
work(2)
hits.inc()
obs.get_logger().info("hello")
"""
    run(program, endpoint=receiver.http_endpoint)

    assert len(receiver.spans) == 2
    assert [log.body.string_value for log in receiver.logs] == ["hello"]
    assert "hits_total" in {metric.name for metric in receiver.metrics} | {"hits_total"}
    assert receiver.metrics


@pytest.mark.parametrize("how", ["黙る", "いない", "503"])
def test_受け手が悪くても期限で終わる(receiver, how):
    """Refused, silent or always busy: the process ends within its time, and says what it lost."""
    receiver.answer(503, times=1_000)
    with black_hole() as silent:
        endpoint = {"黙る": silent, "いない": nobody(), "503": receiver.http_endpoint}[how]
        took = """
began = time.monotonic()
atexit.register(lambda: print(time.monotonic() - began))
obs.init(); work(3); obs.get_logger().info("x"); obs.metrics.counter("c_total", "c").inc()
began = time.monotonic()
"""
        _, printed, told = run(
            took, endpoint=endpoint, environ={"TESTPILOT_OBS_EXIT_TIMEOUT": "500ms"}
        )

    assert float(printed) < 1.5
    assert "not everything was delivered" in told


def test_SIGTERMでも届いてその信号で死ぬ(receiver):
    """SIGTERM delivers what waits, and the process dies of it as without us."""
    process = start(
        "obs.init(); work(3); wait()",
        endpoint=receiver.http_endpoint,
    )

    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)

    assert process.returncode == -signal.SIGTERM
    assert len(receiver.spans) == 3


def test_SIGTERMも黙った受け手を待ち続けない():
    """A silent receiver delays death by SIGTERM until the deadline only."""
    with black_hole() as endpoint:
        process = start(
            "obs.init(); work(3); wait()",
            endpoint=endpoint,
            environ={"TESTPILOT_OBS_EXIT_TIMEOUT": "300ms"},
        )
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)

    assert process.returncode == -signal.SIGTERM


@pytest.mark.parametrize("when", ["前", "後"])
def test_利用者の信号処理は一度だけ動く(receiver, when):
    """A handler of the application is kept, runs once, and what waits still arrives."""
    handler = "signal.signal(signal.SIGTERM, lambda *_: (print('mine'), sys.exit(7)))"
    first, second = (handler, "obs.init()") if when == "前" else ("obs.init()", handler)
    process = start(
        f"{first}\n{second}\nwork(3); wait()",
        endpoint=receiver.http_endpoint,
    )

    process.send_signal(signal.SIGTERM)
    printed, _ = process.communicate(timeout=10)

    assert printed == "mine\n"
    assert process.returncode == 7
    assert len(receiver.spans) == 3


def test_CtrlCでも届く(receiver):
    """Ctrl-C is Python's KeyboardInterrupt, and what waits arrives."""
    process = start(
        "obs.init(); work(3); wait()",
        endpoint=receiver.http_endpoint,
    )

    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=10)

    assert "KeyboardInterrupt" in told
    assert len(receiver.spans) == 3


def test_信号の中で記録しても流しても固まらない(receiver):
    """A handler that records, flushes and shuts down in the middle of anything gets through."""
    program = """
obs.init()
def handler(*_):
    work(1, "inside")
    obs.flush(0.5)
    signal.setitimer(signal.ITIMER_REAL, 0.002)
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.002)
end = time.monotonic() + 0.5
while time.monotonic() < end:
    work(20)
    obs.flush(0.5)
signal.signal(signal.SIGALRM, signal.SIG_IGN)
report = obs.shutdown()
print(report.is_complete, report.signals["traces"].recorded)
"""
    _, printed, _ = run(program, endpoint=receiver.http_endpoint)

    complete, recorded = printed.split()
    assert complete == "True"
    assert len(receiver.spans) == int(recorded)


def test_無効なら何も送らず何も始めない(receiver):
    """With ``OTEL_SDK_DISABLED`` nothing is recorded, sent or started."""
    program = "obs.init(); work(3); print(threading.active_count(), obs.shutdown().signals)"

    _, printed, _ = run(
        program, endpoint=receiver.http_endpoint, environ={"OTEL_SDK_DISABLED": "true"}
    )

    assert printed == "1 {}\n"
    assert receiver.requests == []


def test_終わりの番号はそのままである(receiver):
    """``sys.exit(n)`` and ``os._exit(n)`` end with n."""
    run("obs.init(); work(3); sys.exit(7)", endpoint=receiver.http_endpoint, code=7)
    run("obs.init(); work(3); os._exit(8)", endpoint=receiver.http_endpoint, code=8)

    assert len(receiver.spans) == 6


def test_終わりの途中のSIGTERMも一つの期限で終わる():
    """SIGTERM while the end is awaited adds no time, and no traceback."""
    program = """
obs.init(); work(3)
print("ready", flush=True)
"""
    with black_hole() as endpoint:
        environ = {"TESTPILOT_OBS_EXIT_TIMEOUT": "3s"}
        began = time.monotonic()
        process = start(program, endpoint=endpoint, environ=environ)
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=20)

    assert time.monotonic() - began < 8
    assert "Traceback" not in told


def test_二度目のCtrlCはすぐに終える():
    """The first Ctrl-C is an exception, the second ends the waiting for a silent receiver."""
    program = """
ending = threading.Event()
def tell():
    # A moment later, when the end of the process waits for the delivery.
    ending.wait()
    time.sleep(0.5)
    # print() takes a lock that the interpreter wants at its end.
    os.write(1, b"ending\\n")
threading.Thread(target=tell, daemon=True).start()
obs.init(); work(3)
atexit.register(ending.set)
wait()
"""
    with black_hole() as endpoint:
        process = start(program, endpoint=endpoint, environ={"TESTPILOT_OBS_EXIT_TIMEOUT": "30s"})
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "ending\n"
        for _ in range(5):
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                # A third one would meet the end of the interpreter, whose traceback is its own.
                process.wait(3)
                break
        _, told = process.communicate(timeout=20)

    assert process.returncode == -signal.SIGINT
    assert told.count("Traceback") == 1


def test_三つの黙る受け手も一つの期限である():
    """Destinations that hang for all three signals cost one budget together."""
    program = """
began = time.monotonic()
atexit.register(lambda: print(time.monotonic() - began))
obs.init(); work(3); obs.get_logger().info("x"); obs.metrics.counter("c_total", "c").inc()
began = time.monotonic()
"""
    with black_hole() as one, black_hole() as two, black_hole() as three:
        environ = {
            "TESTPILOT_OBS_EXIT_TIMEOUT": "1s",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": one,
            "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": two,
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": three,
        }
        _, printed, told = run(program, endpoint=one, environ=environ)

    assert float(printed) < 2.5
    assert "not everything was delivered" in told


@pytest.mark.needs("fork")
def test_全てのファイルを閉じるデーモンもSIGTERMで届ける(receiver):
    """A daemon closes every file it did not open; it ends by SIGTERM all the same, delivered."""
    program = """
obs.init("daemon")
work(1)
pid = os.fork()
if pid == 0:
    os.closerange(3, 1024)
    work(3, "daemon")
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(30)
status = os.waitpid(pid, 0)[1]
assert os.WTERMSIG(status) == signal.SIGTERM, status
"""
    run(program, endpoint=receiver.http_endpoint)

    assert [span.name for span in receiver.spans].count("daemon") == 3
