"""Whatever the collector does, and however the process ends: nothing is lost, doubled or late."""

import threading

import pytest

from tests.faults import measuring
from tests.faults.cases import NUMBER, TESTED
from tests.faults.journal import SIGNALS
from tests.faults.program import FLUSH_S
from tests.faults.running import METRICS_EVERY_S

EXIT_S = 2.0
SLACK_S = 1.0
# As many times as the interpreter alone takes to end on a machine that does something else, too.
SLACK_TIMES = 4

LOSSLESS = [case for case in TESTED if not (case.fault.is_refusal or case.exit.may_lose)]
# Who is killed cannot note what was confirmed, and only the collector knows what it kept.
SINGLE = [case for case in TESTED if not (case.fault.may_double or case.exit.how == "SIGKILL")]


def each_of(cases):
    """Return the decorator that runs a test for each of *cases*."""
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


pytestmark = pytest.mark.timeout(180)


@each_of(LOSSLESS)
def test_記録されたものは届くか次の起動で届く(results, case):
    """N of N arrive: at once, or from the spool by the next start of the service."""
    counts = results(case).signals

    assert {signal: counts[signal].lost for signal in SIGNALS} == dict.fromkeys(SIGNALS, 0)


@each_of(SINGLE)
def test_受け手が確認したものは二度届かない(results, case):
    """Nothing comes twice, unless the collector kept what it did not confirm."""
    counts = results(case).signals

    assert {signal: counts[signal].doubled for signal in SIGNALS} == dict.fromkeys(SIGNALS, 0)


@each_of(TESTED)
def test_どう終わっても期限までに終わる(results, case):
    """The end comes within two seconds, and a flush before it, whatever the collector does."""
    result = results(case)
    flush_s = FLUSH_S if case.exit.how == "os._exit after flush" else 0.0

    assert not result.was_killed
    assert result.exit_s < flush_s + EXIT_S + SLACK_S + SLACK_TIMES * result.bare_exit_s


@each_of(TESTED)
def test_帳簿は一つも違わない(results, case):
    """What was recorded is delivered, spooled or dropped; what is refused is counted as dropped."""
    result = results(case)
    for signal, books in result.books.items():
        settled = books["delivered"] + books["spooled"] + sum(books["dropped"].values())

        assert settled + books["queued"] == books["recorded"]
        if signal != "metrics":
            missing = result.signals[signal].lost
            dropped = books["queued"] + sum(books["dropped"].values())

            assert books["recorded"] >= NUMBER
            # Before `os._exit` the program notes what waits, which is delivered or saved then.
            is_early = case.exit.how == "os._exit after flush"
            may_be_more = case.fault.may_double or is_early
            assert dropped == missing or (may_be_more and dropped > missing)


@each_of(TESTED)
def test_終わり方は図書館なしと同じである(results, case):
    """The exit status is what it would be without us, and the traceback is the program's own."""
    result = results(case)
    expected = {
        "sys.exit": 3,
        "exception": 1,
        "SIGTERM": -15,
        "SIGINT": -2,
        "SIGKILL": -9,
    }

    assert result.status == expected.get(case.exit.how, 0)
    assert ("RuntimeError: nobody catches this" in result.errors) == (case.exit.how == "exception")


def test_殺すのは約束の時が過ぎてからである(tmp_path, monkeypatch):
    """What was counted last is collected, and the disk has had its time, before SIGKILL."""
    waits = []
    sleep, here = measuring.time.sleep, threading.get_ident()

    def note(seconds):
        # Cases that run beside this test sleep as ever.
        (waits.append if threading.get_ident() == here else sleep)(seconds)

    monkeypatch.setattr(measuring.time, "sleep", note)
    monkeypatch.setattr(measuring.os, "fsync", lambda _: waits.append("disk"))
    measuring.settle(tmp_path)

    assert waits == [measuring.SETTLES_S, *["disk"] * len(SIGNALS)]
    assert measuring.SETTLES_S > METRICS_EVERY_S + measuring.DURABLE_S
