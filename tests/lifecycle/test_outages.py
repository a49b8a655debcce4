"""A real collector goes away, a real process ends, the next one delivers what was left."""

import signal

import pytest

from testpilot_obs.testing.receiver import OtlpReceiver
from tests.lifecycle.programs import black_hole, nobody, run, start

WAYS = {
    "最後の行": ("work(50)", 0),
    "例外": ("work(50); 1/0", 1),
    "sys.exit": ("work(50); sys.exit(3)", 3),
}
RECOVER = """
obs.init("shop", metrics_exporter="none")
deadline = time.monotonic() + 20
while obs.init("shop", metrics_exporter="none").stats()["traces"].recovered < {number}:
    assert time.monotonic() < deadline, "nothing was recovered"
    time.sleep(0.01)
"""


def recover(number):
    """Start the service again with a healthy collector; return its receiver."""
    with OtlpReceiver() as receiver:
        run(RECOVER.format(number=number), endpoint=receiver.http_endpoint)
    return receiver


def distinct(receiver):
    """Return the number of different spans, after checking that none came twice."""
    ids = [span.span_id for span in receiver.spans]
    assert len(ids) == len(set(ids))
    return len(ids)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_受け手なしで終わっても次の始まりに届く(way):
    """Whatever way the process ends, what nobody took goes out at the next start, once."""
    program, code = way
    run(f"obs.init('shop', metrics_exporter='none')\n{program}", endpoint=nobody(), code=code)

    assert distinct(recover(50)) == 50


def test_SIGTERMで終わっても次の始まりに届く():
    """SIGTERM with a collector that hangs: bounded, and nothing is lost."""
    with black_hole() as silent:
        process = start(
            "obs.init('shop', metrics_exporter='none'); work(50); wait()", endpoint=silent
        )
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)

    assert process.returncode == -signal.SIGTERM
    assert distinct(recover(50)) == 50


def test_durability_always_ならSIGKILLでも届く():
    """With ``always`` what ended before the kill is on disk, whatever the collector does."""
    program = """
handle = obs.init("shop", metrics_exporter="none", durability="always")
work(50)
deadline = time.monotonic() + 20
while handle.stats()["traces"].spooled < 50:
    assert time.monotonic() < deadline, "nothing was put on disk"
    time.sleep(0.01)
wait()
"""
    process = start(program, endpoint=nobody())
    process.kill()
    process.communicate(timeout=20)

    assert distinct(recover(50)) == 50


def test_forkした子の分も親の分も一度だけ届く():
    """Parent and child each keep their own on disk, and the next start delivers both."""
    program = """
obs.init("shop", metrics_exporter="none")
work(20)
pid = os.fork()
work(10, "child" if pid == 0 else "parent")
obs.shutdown()
if pid:
    os.waitpid(pid, 0)
"""
    run(program, endpoint=nobody())

    receiver = recover(40)
    assert distinct(receiver) == 40
    assert [span.name for span in receiver.spans].count("child") == 10


def test_二つの過程が同時に始まっても一度だけ届く():
    """Several processes that start at once share what was left without sending it twice."""
    for _ in range(5):
        run("obs.init('shop', metrics_exporter='none'); work(20)", endpoint=nobody())
    with OtlpReceiver() as receiver:
        both = [
            start(
                "obs.init('shop', metrics_exporter='none'); wait()", endpoint=receiver.http_endpoint
            )
            for _ in range(2)
        ]
        receiver.wait_for(spans=100, timeout_s=20)
        for process in both:
            process.terminate()
            process.communicate(timeout=20)

    assert distinct(receiver) == 100


def test_三十分の不通はスプールに収まる(tmp_path):
    """200 spans a second for 30 minutes fit: a tenth of them takes less than a tenth of it."""
    program = """
handle = obs.init("shop", metrics_exporter="none")
for minute in range(36):
    for n in range(1000):
        with obs.span("GET /orders/{id}", route="/orders/{id}", path=f"/orders/{n}", status=200,
                      user=f"u-{n * 7919 % 5000}"):
            pass
    handle.flush(10)
stats = handle.stats()["traces"]
print(stats.spooled, dict(stats.dropped))
"""
    environ = {"TESTPILOT_OBS_SPOOL_DIR": str(tmp_path)}
    _, out, _ = run(program, endpoint=nobody(), environ=environ, timeout_s=50)

    assert out == "36000 {}\n"
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.spool")) < 128_000_000 / 10
