"""Whatever the collector does, and however the process ends: nothing is lost, doubled or late."""

import pytest

from tests.faults.cases import NUMBER, TESTED
from tests.faults.journal import SIGNALS

EXIT_S = 2.0
SLACK_S = 1.0
# As many times as the interpreter alone takes to end on a machine that does something else, too.
SLACK_TIMES = 4

case_by_case = pytest.mark.parametrize("case", TESTED, ids=lambda case: case.name)
pytestmark = pytest.mark.timeout(180)


@case_by_case
def test_記録されたものは届くか次の起動で届く(results, case):
    """N of N arrive: at once, or from the spool by the next start of the service."""
    if case.fault.is_refusal or case.exit.may_lose:
        pytest.skip("the collector refuses them, or the process is killed")
    counts = results(case).signals

    assert {signal: counts[signal].lost for signal in SIGNALS} == dict.fromkeys(SIGNALS, 0)


@case_by_case
def test_受け手が確認したものは二度届かない(results, case):
    """Nothing comes twice, unless the collector kept what it did not confirm."""
    if case.fault.may_double or case.exit.how == "SIGKILL":
        pytest.skip("only the collector knows that it has them")
    counts = results(case).signals

    assert {signal: counts[signal].doubled for signal in SIGNALS} == dict.fromkeys(SIGNALS, 0)


@case_by_case
def test_どう終わっても期限までに終わる(results, case):
    """The end comes within two seconds, whatever the collector does."""
    result = results(case)

    assert not result.was_killed
    assert result.exit_s < EXIT_S + SLACK_S + SLACK_TIMES * result.bare_exit_s


@case_by_case
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
            assert dropped == missing or (case.fault.may_double and dropped > missing)


@case_by_case
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
