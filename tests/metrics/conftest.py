"""Fresh numbers for each test of metrics."""

import sys

import pytest

from testpilot_obs import metrics, presets
from testpilot_obs.metrics import (
    _budget,
    _exemplars,
    _exponential,
    _foreign,
    _journal,
    _red,
    _registry,
)


@pytest.fixture(autouse=True)
def _fresh():
    """Forget what is declared, counted and dropped, before and after."""
    forget()
    yield
    forget()


def forget():
    """Make everything as it is in a new process that has no prometheus-client."""
    metrics.reset()
    # What a module declares when it is imported shall be declared again.
    sys.modules.pop("testpilot_obs.presets.testpilot", None)
    vars(presets).pop("testpilot", None)
    _registry.forget("testpilot_obs_", "process_")
    _journal.forget_dropped()
    _exemplars.use("always_off")
    _exponential.use((), wanted=False)
    _foreign.use(registry=False)
    _foreign.remove_sources()
    _budget.settings.__init__()
    for instrument in _registry.instruments():
        instrument.clear()
    _red._running.clear()
    _red._timed.clear()


@pytest.fixture
def samples():
    """Read the scrape as Prometheus does: ``{("jobs_total", (("kind", "a"),)): 3.0}``."""

    def read():
        from prometheus_client.parser import text_string_to_metric_families

        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(metrics.render().decode())
            for sample in family.samples
        }

    return read


@pytest.fixture
def family():
    """Return the collected family of a name."""

    def find(name):
        return next(found for found in metrics.collect() if found.name == name)

    return find
