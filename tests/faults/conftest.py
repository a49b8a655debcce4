"""The results of the cases, measured side by side, as most of the time is waiting."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults import cases, measuring

SIDE_BY_SIDE = 3


@pytest.fixture(scope="session")
def results(request, tmp_path_factory):
    """Return a function that gives the result of a case, as soon as there is one.

    Measured is what the chosen tests ask for, in their order.
    """
    wanted = {}
    for item in request.session.items:
        case = getattr(item, "callspec", None) and item.callspec.params.get("case")
        if isinstance(case, cases.Case):
            wanted.setdefault(case.fault.name, {})[case.exit] = case.fault
    pool = ThreadPoolExecutor(SIDE_BY_SIDE)
    measured = {}
    for exits in wanted.values():
        fault = next(iter(exits.values()))
        folder = tmp_path_factory.mktemp("fault")
        measured[fault.name] = pool.submit(
            measuring.measure, fault, list(exits), subject="ours", folder=folder, timeout_s=20.0
        )

    def result(case):
        found = {one.case.name: one for one in measured[case.fault.name].result()}
        return found[case.name]

    yield result
    pool.shutdown(cancel_futures=True)
