"""Several processes, one scrape: what lives, what has ended, and what is broken."""

import json
import os
import re
import signal
import stat
import struct
import subprocess
import sys
import threading

import pytest

import testpilot_obs as obs
from testpilot_obs import metrics
from testpilot_obs.metrics import _budget, _cells, _connect, _file, _folder, _marks, _shared
from testpilot_obs.protocols import Exemplar

pytestmark = pytest.mark.needs("fork")
QUIET = {"traces_exporter": "none", "log_format": "none"}


@pytest.fixture
def shared(tmp_path):
    """Share the metrics in a folder; returns it."""
    folder = tmp_path / "shared"
    start(folder)
    yield folder
    obs.init(service_name="x", **QUIET)
    assert not _cells.is_shared()


def start(folder, **more):
    """Call init as a worker does."""
    return obs.init(
        service_name="shop", multiprocess=True, multiprocess_dir=folder, **{**QUIET, **more}
    )


def in_child(work, *, leave=os._exit):
    """Run *work* in a forked child, which then ends; return its process id."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            leave(0)
    os.waitpid(pid, 0)
    return pid


class Child:
    """A forked child that lives until it is told to end."""

    def __init__(self, work):
        ready, self._end = os.pipe(), os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.close(self._end[1])
                work()
                os.write(ready[1], b"x")
                os.read(self._end[0], 1)
            finally:
                os._exit(0)
        os.read(ready[0], 1)
        for fd in (*ready, self._end[0]):
            os.close(fd)

    def end(self):
        """Let it end."""
        os.close(self._end[1])
        os.waitpid(self.pid, 0)


def files(folder):
    """Return the names of the metrics files."""
    return sorted(one.name for one in folder.iterdir() if one.suffix == ".metrics")


def test_数は全プロセスの合計である(shared, samples):
    """Counters, histograms and summaries add up, also those of children that have ended."""
    jobs = metrics.counter("jobs", "d", ["k"])
    wait, size = metrics.histogram("wait", "d", buckets=(1, 2)), metrics.summary("size", "d")

    def work():
        jobs.labels("a").inc(2)
        wait.observe(1.5)
        size.observe(3)

    work()
    in_child(work)
    child = Child(work)

    got = samples()
    child.end()
    assert got["jobs_total", (("k", "a"),)] == 6
    assert (got["wait_bucket", (("le", "2.0"),)], got["wait_count", ()]) == (3, 3)
    assert (got["size_count", ()], got["size_sum", ()]) == (3, 9)


def test_ゲージは規則に従う(shared, samples):
    """sum, max and min are of those that live; mostrecent is the last; liveall tells them apart."""
    rules = {
        rule: metrics.gauge(f"g_{rule}", "d", processes=rule)
        for rule in ("sum", "max", "min", "mostrecent", "liveall")
    }

    def put(value):
        for gauge in rules.values():
            gauge.set(value)

    put(5)
    child = Child(lambda: put(3))
    got = samples()
    assert [got[f"g_{rule}", ()] for rule in ("sum", "max", "min", "mostrecent")] == [8, 5, 3, 3]
    assert got["g_liveall", (("pid", str(child.pid)),)] == 3
    assert got["g_liveall", (("pid", str(os.getpid())),)] == 5

    child.end()
    got = samples()
    assert [got[f"g_{rule}", ()] for rule in ("sum", "max", "min", "mostrecent")] == [5, 5, 5, 3]
    assert ("g_liveall", (("pid", str(child.pid)),)) not in got


def test_殺された者の数も残る(shared, samples):
    """A worker that is killed in the middle of its work loses no increment."""
    jobs = metrics.counter("jobs", "d").labels()

    def work():
        for _ in range(5_000):
            jobs.inc()
        with obs.start_transaction("t"):
            pass
        os.kill(os.getpid(), signal.SIGKILL)

    in_child(work)

    got = samples()
    assert got["jobs_total", ()] == 5_000
    labels = (("status", "success"), ("transaction", "t"))
    assert got["transaction_duration_seconds_count", labels] == 1


RESTARTS = """
import os, sys
import testpilot_obs as obs
from testpilot_obs import metrics
obs.init(
    multiprocess=True, multiprocess_dir=sys.argv[1], traces_exporter="none", log_format="none"
)
jobs = metrics.counter("jobs", "d", ["k"])
for number in range(1_000):
    pid = os.fork()
    if pid == 0:
        jobs.labels(f"k{number % 10}").inc()
        os._exit(0)
    os.waitpid(pid, 0)
    if number % 100 == 0:
        metrics.render()
sys.stdout.buffer.write(metrics.render(names={"jobs"}))
"""


@pytest.mark.timeout(180)
def test_千回の再起動でも場所は増えない(tmp_path):
    """1,000 workers one after the other leave a bounded folder and an exact sum."""
    done = subprocess.run(
        [sys.executable, "-c", RESTARTS, tmp_path / "shared"],
        capture_output=True,
        text=True,
        timeout=150,
    )

    lines = [line for line in done.stdout.splitlines() if not line.startswith("#")]
    assert [float(line.split()[-1]) for line in lines] == [100] * 10, done.stderr
    assert len(files(tmp_path / "shared")) <= 10
    assert sum(one.stat().st_size for one in (tmp_path / "shared").iterdir()) < 1_000_000


def test_保管にも上限がある(shared, samples):
    """Label sets of ended workers count against the budget too."""
    _budget.settings.max_sets = 5
    jobs = metrics.counter("jobs", "d", ["k"])
    for number in range(20):
        in_child(lambda number=number: jobs.labels(f"k{number}").inc())
    _shared._folders[0].archive()

    got = {key: value for key, value in samples().items() if key[0] == "jobs_total"}
    assert len(got) == 6
    assert sum(got.values()) == 20


def test_ファイルは本人だけが読める(shared):
    """Files are 0600, the folder 0700."""
    assert stat.S_IMODE(shared.stat().st_mode) == 0o700
    assert {stat.S_IMODE(one.stat().st_mode) for one in shared.iterdir()} == {0o600}


def broken():
    """Return ways in which a file can be broken."""
    return {
        "空": lambda data: b"",
        "短い": lambda data: data[:100],
        "ごみ": lambda data: os.urandom(5_000),
        "長さの嘘": lambda data: data[:16] + struct.pack("<Q", 1 << 40) + data[24:],
        "壊れた鍵": lambda data: data.replace(b"jobs_total", b"jobs_tXtal"),
        "壊れた記録": lambda data: data[:32] + b"\xff" * 16 + data[48:],
    }


@pytest.mark.parametrize("how", broken(), ids=str)
def test_壊れたファイルは飛ばして数える(how, shared, samples, caplog):
    """A truncated or garbage file is skipped, counted and told; the scrape goes on."""
    jobs = metrics.counter("jobs", "d")
    jobs.inc(3)
    child = Child(lambda: jobs.inc(4))
    (name,) = [one for one in files(shared) if one.startswith(f"{child.pid}-")]
    data = (shared / name).read_bytes()
    (shared / f"{child.pid}-copy.metrics").write_bytes(broken()[how](data))

    assert samples()["jobs_total", ()] == 7
    assert samples()["testpilot_obs_shared_files_skipped_total", ()] == 1
    assert "cannot be read" in caplog.text
    child.end()


@pytest.mark.parametrize(
    "key", [{"x": 1}, [5, []], [0], "x", [0, 5], {"name": "n", "kind": "nothing"}], ids=repr
)
def test_おかしな記録も飛ばす(key, shared, samples):
    """A record whose words make no sense spoils its file alone."""
    metrics.counter("jobs", "d").inc(3)
    odd = _file.CellFile(str(shared / "9-odd.metrics"))
    odd.note(key)
    if isinstance(key, dict):
        odd.cells({"name": "n", "kind": "nothing"}, {}, 1)

    assert samples()["jobs_total", ()] == 3
    odd.close()


def test_場所がなくなっても読める(shared):
    """A folder that somebody removed does not fail the scrape, nor an update."""
    jobs = metrics.counter("jobs", "d")
    jobs.inc()
    for one in shared.iterdir():
        one.unlink()
    shared.rmdir()

    jobs.inc()
    assert b"# TYPE jobs_total counter" in metrics.render()


def test_使えない場所では一人で数える(tmp_path, caplog):
    """A folder that cannot be used is told; numbers stay in the process."""
    (tmp_path / "file").write_text("")

    start(tmp_path / "file" / "folder")
    metrics.counter("jobs", "d").inc()

    assert not _cells.is_shared()
    assert b"jobs_total 1.0" in metrics.render()
    assert "cannot be shared" in caplog.text


def test_満杯の盤では手元に数える(shared, monkeypatch, caplog):
    """With a full disk new series are counted in memory, and the update does not fail."""

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_file.os, "posix_fallocate", full)
    jobs = metrics.counter("jobs", "d", ["k"])
    for number in range(2_000):
        jobs.labels(f"{number}{'x' * 100}").inc()

    assert b"jobs_total{" in metrics.render()
    assert "cannot be shared" in caplog.text


def test_多くの系列もファイルに収まる(shared, samples):
    """A file grows by pieces; long keys and many buckets fit."""
    wait = metrics.histogram("wait", "d", ["k"], buckets=range(1, 200))
    for number in range(300):
        wait.labels(f"{number}{'x' * 200}").observe(number)

    got = samples()
    assert sum(value for (name, _), value in got.items() if name == "wait_count") == 300


def test_消した系列の場所は使い直される(shared, samples):
    """A removed series is gone from the scrape; made again it takes no more room."""
    jobs = metrics.counter("jobs", "d", ["k"])
    jobs.labels("a").inc()
    at = _shared._folders[0]._own._at
    for _ in range(50):
        jobs.remove("a")
        assert ("jobs_total", (("k", "a"),)) not in samples()
        jobs.labels("a").inc(2)

    metrics.collect()
    assert samples()["jobs_total", (("k", "a"),)] == 2
    assert _shared._folders[0]._own._at <= at + 1_024


def test_形が違う計測は混ざらない(shared, samples):
    """Two versions of a service with different buckets: the first one read is shown."""
    metrics.histogram("wait", "d", buckets=(1, 2)).observe(1)
    other = _file.CellFile(str(shared / "1-other.metrics"))
    head = {
        "name": "wait", "kind": "histogram", "labels": [], "unit": "",
        "bounds": [5.0], "processes": "", "help": "d",
    }  # fmt: skip
    other.cells(head, {}, 3)[1] = 7.0

    assert samples()["wait_count", ()] in {1, 7}
    other.close()


def test_途中の残りかすは片付けられる(shared):
    """What a killed process left unfinished is removed when it is old."""
    left = shared / "9-left.new"
    left.write_bytes(b"")
    young = shared / "9-young.new"
    young.write_bytes(b"")
    os.utime(left, (1, 1))

    _shared._folders[0].archive()

    assert (left.exists(), young.exists()) == (False, True)


def test_片付け損ねたファイルは二度数えられない(shared, samples):
    """A file that the archive has already counts once, though nobody removed it."""
    jobs = metrics.counter("jobs", "d")
    in_child(lambda: jobs.inc(4))
    (dead,) = [one for one in files(shared) if not one.startswith(f"{os.getpid()}-")]
    data = (shared / dead).read_bytes()
    folder = _shared._folders[0]
    folder.archive()
    (shared / dead).write_bytes(data)

    assert samples()["jobs_total", ()] == 4
    folder.archive()
    assert files(shared) == [files(shared)[0], "archive.metrics"]
    assert samples()["jobs_total", ()] == 4


def test_数は共有の始まりと終わりを越える(tmp_path, samples):
    """What was counted before sharing stays, and what was shared stays after it."""
    jobs, level = metrics.counter("jobs", "d"), metrics.gauge("level", "d")
    jobs.inc(2)
    level.set(5)
    start(tmp_path / "a")
    jobs.inc(3)
    assert (samples()["jobs_total", ()], samples()["level", ()]) == (5, 5)

    start(tmp_path / "b")
    assert samples()["jobs_total", ()] == 5
    obs.init(service_name="x", **QUIET)
    jobs.inc()
    assert (samples()["jobs_total", ()], samples()["level", ()]) == (6, 5)
    assert files(tmp_path / "b") == []


def test_糸が多くても正しい(shared, samples):
    """Many threads that make and update series lose nothing."""
    jobs = metrics.counter("jobs", "d", ["k"])

    def work():
        for number in range(500):
            jobs.labels(number % 20).inc()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    total = sum(value for (name, _), value in samples().items() if name == "jobs_total")
    assert total == 3_000


def traced(jobs, wait):
    """Return work that counts in a span of its own; gives the span's trace id."""

    def work():
        with obs.span("work"):
            jobs.inc()
            wait.observe(0.3)
            return obs.trace_id()

    return work


def test_例示は生きている全プロセスのものが付く(shared):
    """The newest exemplar of all processes that live is shown; one of an ended one is not."""
    jobs, wait = metrics.counter("jobs", "d").labels(), metrics.histogram("wait", "d").labels()
    work = traced(jobs, wait)
    mine, (reads, writes) = work(), os.pipe()
    child = Child(lambda: os.write(writes, work().encode()))
    trace = os.read(reads, 32)

    text = metrics.render(openmetrics=True)
    assert re.findall(rb'trace_id="(.{32})"', text) == [trace, trace]
    assert re.search(rb'wait_bucket{le="0.5"} 2.0 # {span_id="[0-9a-f]{16}",trace_id="', text)
    child.end()
    assert re.findall(r'trace_id="(.{32})"', rendered()) == [mine, mine]


def rendered():
    """Return OpenMetrics as text."""
    return metrics.render(openmetrics=True).decode()


def test_例示の番号は一つも変わらない(shared, tmp_path):
    """Ids of all bits, times and values come out as they went in; a torn one does not."""
    file = _file.CellFile(str(tmp_path / "9-x"))
    head = {"name": "n", "kind": "histogram"}
    cells = file.cells(head, {}, 60)
    told = {
        0: Exemplar(-0.1, 1_795_477_826_286_617_531, (1 << 128) - 1, (1 << 64) - 1),
        31: Exemplar(1e300, 7, 1 << 127, 1),
        40: Exemplar(3.5, 1 << 62, 0x0123456789ABCDEF << 50, 0xFEDCBA9876543210),
    }
    for place, exemplar in told.items():
        file.mark(cells, place, exemplar)

    (_, _), (slot, marks) = _file.CellReader(file.path).read()
    assert (slot.has_marks, dict(_marks.read(marks))) == (True, told)
    torn = list(marks)
    torn[4] += 1
    assert set(dict(_marks.read(torn))) == {31, 40}
    file.forget(cells)
    assert [list(_marks.read(cells)) for _, cells in _file.CellReader(file.path).read()] == [[]]
    file.close()


PROGRAM = """
import json, os, sys
import testpilot_obs as obs
from testpilot_obs import metrics
obs.init(service_name="a b/c", multiprocess=True, traces_exporter="none", log_format="none")
metrics.counter("jobs", "d").inc()
from testpilot_obs.metrics import _shared
if len(sys.argv) > 1:
    import subprocess
    subprocess.run([sys.executable, "-c", sys.stdin.read()], input="", text=True, check=True)
print(json.dumps([_shared._folders[0].path, b"jobs_total 2.0" in metrics.render()]))
"""


def test_場所は自動で決まる(tmp_path):
    """Processes of one group share a private folder without being told; old ones are removed."""
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    above = tmp_path / f"testpilot_obs-{os.geteuid()}"
    (above / "old-4194304").mkdir(parents=True, mode=0o700)
    above.chmod(0o700)

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "parent"],
        input=PROGRAM,
        env=environ,
        capture_output=True,
        text=True,
        timeout=30,
    )

    path, is_sum = json.loads(done.stdout.splitlines()[-1])
    assert is_sum, done.stderr
    assert path == str(above / f"a_b_c-{os.getpgrp()}")
    assert not (above / "old-4194304").exists()


def test_他人の場所は使われない(tmp_path, monkeypatch, caplog):
    """A folder that others can enter is not used."""
    monkeypatch.setattr(_folder.tempfile, "gettempdir", lambda: str(tmp_path))
    (tmp_path / f"testpilot_obs-{os.geteuid()}").mkdir(mode=0o777)
    (tmp_path / f"testpilot_obs-{os.geteuid()}").chmod(0o777)

    obs.init(service_name="x", multiprocess=True, **QUIET)

    assert not _cells.is_shared()
    assert "is not private" in caplog.text


def test_forkのない系では一人で数える(monkeypatch, caplog):
    """Where there is no fork the setting is told to have no effect."""
    monkeypatch.delattr(_connect.os, "fork")

    obs.init(service_name="x", multiprocess=True, **QUIET)

    assert not _cells.is_shared()
    assert "POSIX" in caplog.text
