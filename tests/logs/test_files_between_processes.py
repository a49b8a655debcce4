"""The same log files written by many processes at once: nothing lost, torn or doubled."""

import gzip
import json
import subprocess
import sys
from collections import Counter

import pytest

from testpilot_obs.logs import _old_files
from testpilot_obs.logs._old_files import old_files

WORKERS = 4
LINES = 4_000
SIZE = 10_000
SPAWNED = """
import sys
import testpilot_obs as obs

worker, folder, count, compress = sys.argv[1:]
obs.init(service_name="w", log_dir=folder, log_format="none", traces_exporter="none",
         log_file_size=int(SIZE), log_file_count=100_000, log_file_gzip=compress == "1")
log = obs.get_logger("w")
for number in range(int(count)):
    log.info("work", worker=worker, number=number)
"""
FORKED = """
import os, sys
import testpilot_obs as obs

_, folder, count, compress = sys.argv[1:]
obs.init(service_name="w", log_dir=folder, log_format="none", traces_exporter="none",
         log_file_size=int(SIZE), log_file_count=100_000, log_file_gzip=compress == "1")
log = obs.get_logger("w")
log.info("parent", worker="parent", number=0)
children = []
for worker in range(4):
    pid = os.fork()
    if not pid:
        for number in range(int(count)):
            log.info("work", worker=str(worker), number=number)
        os._exit(0)
    children.append(pid)
assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 4
"""


def program(source):
    """Return the command that runs *source*."""
    return [sys.executable, "-c", source.replace("SIZE", str(SIZE))]


def written(folder):
    """Return how often each (worker, number) is in the files."""
    found = Counter()
    path = folder / "combined.log"
    for one in (path, *old_files(path)):
        data = gzip.decompress(one.read_bytes()) if one.suffix == ".gz" else one.read_bytes()
        for line in data.splitlines():
            fields = json.loads(line)
            found[fields["worker"], fields["number"]] += 1
    return found


def expected():
    """Return each line once."""
    return Counter((str(w), n) for w in range(WORKERS) for n in range(LINES))


@pytest.mark.parametrize("compress", ["0", "1"])
def test_別々に始まった過程が同じファイルに書ける(tmp_path, compress):
    """Four processes write through more than 100 rotations: each line is there once."""
    arguments = [[str(w), str(tmp_path), str(LINES), compress] for w in range(WORKERS)]
    running = [subprocess.Popen([*program(SPAWNED), *more]) for more in arguments]

    assert [one.wait(50) for one in running] == [0] * WORKERS
    assert len(old_files(tmp_path / "combined.log")) > 100
    assert written(tmp_path) == expected()
    if compress == "1":
        _old_files._compress_all(tmp_path / "combined.log")
        assert written(tmp_path) == expected()


@pytest.mark.needs("fork")
def test_分かれた過程が同じファイルに書ける(tmp_path):
    """Four forked children, as gunicorn has them, write on: each line is there once."""
    arguments = ["", str(tmp_path), str(LINES), "0"]

    done = subprocess.run([*program(FORKED), *arguments], timeout=50)

    assert done.returncode == 0
    assert len(old_files(tmp_path / "combined.log")) > 100
    assert written(tmp_path) == expected() + Counter({("parent", 0): 1})
